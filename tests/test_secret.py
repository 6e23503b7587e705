from pydantic import BaseModel, TypeAdapter

from prober.secret import Redactor, Secret, redact_url, secrets_in


class Holder(BaseModel):
    token: Secret
    headers: dict[str, Secret]


def test_a_secret_shows_itself_as_stars_everywhere() -> None:
    holder = Holder(token="hunter2!", headers={"X-Key": "canary"})
    shown = [repr(holder), str(holder.token), f"{holder.token!r}", holder.model_dump_json(), str(holder.model_dump())]
    assert not any("hunter2" in text or "canary" in text for text in shown)
    assert holder.token.reveal() == "hunter2!"


def test_a_secret_that_does_not_fit_is_not_echoed() -> None:
    errors = str(TypeAdapter(Secret).json_schema())
    assert "password" in errors


def test_secrets_are_found_wherever_they_stand() -> None:
    holder = Holder(token="one-1", headers={"a": "two-2"})
    assert {s.reveal() for s in secrets_in([{"deep": (holder,)}])} == {"one-1", "two-2"}


def test_the_redactor_takes_out_plain_and_encoded_spellings() -> None:
    redactor = Redactor([Secret("p@ss word"), "abc"])
    assert redactor.text("x p@ss word y p%40ss%20word z p%40ss+word abc") == "x *** y *** z *** abc"


def test_a_secret_inside_a_longer_one_does_not_leave_its_rest() -> None:
    assert Redactor(["token", "token-long"]).text("token-long token") == "*** ***"


def test_nested_values_are_redacted_and_their_keys_stay() -> None:
    assert Redactor(["canary"]).value({"canary": ["a canary", 1, ("canary",)]}) == {"canary": ["a ***", 1, ("***",)]}


def test_a_secret_that_was_cut_does_not_show_its_beginning() -> None:
    redactor = Redactor(["CANARY-0123456789"])
    assert redactor.text("x" * 200 + "CANARY-01234") == "x" * 200 + "***"
    assert redactor.text("heard CANARY-01234… and more") == "heard ***… and more"
    assert redactor.text("heard CAN and more") == "heard CAN and more"
    assert redactor.text("CANARY-0") == "CANARY-0"


def test_a_secret_is_found_in_any_case_escaped_and_line_by_line() -> None:
    redactor = Redactor(["AUTH Canary\r\n", "two\nlines-of-it"])
    assert redactor.text("auth canary") == "***"
    assert redactor.text(repr(b"AUTH Canary\r\n")) == "b'***'"
    assert redactor.text("only lines-of-it") == "only ***"


def test_a_url_loses_its_user_its_fragment_and_telling_query_values() -> None:
    shown = redact_url("https://u:p@host:8443/a?page=2&api_key=k&access_token=t#frag")
    assert shown == "https://***@host:8443/a?page=2&api_key=***&access_token=***"
