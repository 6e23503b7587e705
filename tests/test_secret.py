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


def test_nested_values_are_redacted_with_their_keys() -> None:
    assert Redactor(["canary"]).value({"canary": ["a canary", 1, ("canary",)]}) == {"***": ["a ***", 1, ("***",)]}


def test_a_url_loses_its_user_its_fragment_and_telling_query_values() -> None:
    shown = redact_url("https://u:p@host:8443/a?page=2&api_key=k&access_token=t#frag")
    assert shown == "https://***@host:8443/a?page=2&api_key=***&access_token=***"
