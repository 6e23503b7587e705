"""Parameters of journeys: a model in the file, what is wrong before anything runs, and what must be masked."""

import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from prober import Secret, totp
from prober.app.settings import parse_settings, with_settings
from prober.app.targets import select
from prober.config import load, make_check
from prober.faults import ConfigFault, UserFault
from prober.journey import find_journey, read_journeys
from prober.journey.order import job_of
from prober.journey.params import BadParams, bind_params

HEAD = "from pydantic import BaseModel, Field\nfrom prober import Secret, journey\n"
MODEL = """
class Wanted(BaseModel):
    seats: int
    pace: float = 1.0
    gift: bool = False
    event: str = "Aurora"
    key: Secret = Secret("the-default-key")
    odd: list[str] = Field(default_factory=list)
"""
JOURNEY = "\n@journey\nasync def shop(http, params: Wanted): ...\n"


def written(home: Path, text: str) -> Path:
    file = home / "shop.py"
    file.write_text(HEAD + text)
    return file


def mistakes(home: Path, **params: object) -> list[str]:
    (declared,) = read_journeys(written(home, MODEL + JOURNEY))
    assert declared.parameters is not None
    return [f"{name}: {problem}" for name, problem, _ in declared.parameters.mistakes(params)]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"seats": 2}, []),
        ({"seats": "2", "pace": "0.5", "gift": "yes", "event": "x", "key": "y", "odd": "?"}, []),
        ({"seats": "two"}, ["seats: expected a whole number"]),
        ({"seats": 1.5}, ["seats: expected a whole number"]),
        ({"seats": 1, "pace": "fast"}, ["pace: expected a number"]),
        ({"seats": 1, "gift": "maybe"}, ["gift: expected true or false"]),
        ({"seats": 1, "event": 7}, ["event: expected text"]),
        ({"seat": 1}, ["seat: the journey has no such parameter", "seats: required, but missing"]),
    ],
)
def test_wrong_values_are_found_without_running_the_file(
    tmp_path: Path, params: dict[str, object], told: list[str]
) -> None:
    assert mistakes(tmp_path, **params) == told


@pytest.mark.parametrize(
    "text",
    [
        "from elsewhere import Wanted" + JOURNEY,
        "class Under(BaseModel): ...\nclass Wanted(Under): ...\n" + JOURNEY,
        "class Wanted(BaseModel):\n    model_config = dict(extra='allow')\n" + JOURNEY,
        "class Wanted(BaseModel):\n    seats: int = Field(alias='places')\n" + JOURNEY,
    ],
)
def test_a_model_that_only_running_would_tell_is_left_to_the_worker(tmp_path: Path, text: str) -> None:
    (declared,) = read_journeys(written(tmp_path, text))
    assert declared.parameters is not None
    assert list(declared.parameters.mistakes({"anything": 1})) == []


def test_a_check_with_wrong_params_is_told_with_their_names_and_a_hint(tmp_path: Path) -> None:
    written(tmp_path, MODEL + JOURNEY)
    raw = {"id": "x", "kind": "api", "journey": "shop.py", "interval": "1h", "params": {"seats": "two", "evnt": "x"}}
    with pytest.raises(ConfigFault) as caught:
        make_check(raw, tmp_path)
    assert "params.seats: expected a whole number" in str(caught.value)
    assert "params.evnt: the journey has no such parameter (did you mean event?)" in str(caught.value)
    written(tmp_path, "@journey\nasync def shop(http): ...\n")
    with pytest.raises(ConfigFault, match="shop takes no params"):
        make_check(raw, tmp_path)


def test_settings_of_the_command_line_go_over_the_params_of_a_check(tmp_path: Path) -> None:
    written(tmp_path, MODEL + JOURNEY)
    raw = {"id": "x", "kind": "api", "journey": "shop.py", "interval": "1h", "params": {"seats": 2, "event": "Paper"}}
    check = with_settings(make_check(raw, tmp_path), parse_settings(["seats=3", "key=a=b"]), tmp_path)
    assert check.model_dump()["params"] == {"seats": "3", "event": "Paper", "key": "a=b"}
    with pytest.raises(ConfigFault, match=r"params.seats: expected a whole number"):
        with_settings(check, {"seats": "many"}, tmp_path)
    with pytest.raises(UserFault, match="expected NAME=VALUE"):
        parse_settings(["seats"])
    with pytest.raises(UserFault, match="x takes no params"):
        tcp = make_check({"id": "x", "kind": "tcp", "address": "h:1", "interval": "1h"}, tmp_path)
        with_settings(tcp, {"seats": "3"}, tmp_path)


def test_the_values_of_secrets_are_masked_before_the_journey_starts(tmp_path: Path) -> None:
    written(tmp_path, MODEL + JOURNEY)

    def hidden(params: dict[str, str | int | float | bool]) -> list[str]:
        declared = find_journey("shop.py", tmp_path)
        known = {"params": params, "env": (), "environ": {}, "check_id": "x", "run_id": "r", "artifacts": None}
        return job_of(declared, **known).secrets  # type: ignore[arg-type]

    assert hidden({"seats": 1}) == ["the-default-key"]
    assert hidden({"seats": 1, "key": "given-by-hand"}) == ["given-by-hand"]


class Wanted(BaseModel):
    seats: int
    key: Secret = Secret("default")


def test_a_model_is_made_from_texts_and_its_complaint_repeats_no_value() -> None:
    async def plain(params: Wanted) -> None: ...

    async def quoted(params: "Wanted") -> None: ...

    async def loose(params: dict[str, object]) -> None: ...

    assert sys.modules[plain.__module__].Wanted is Wanted
    for journey in (plain, quoted):
        made = bind_params(journey, {"seats": "2", "key": "hush-hush"})
        assert (made.seats, made.key.reveal(), str(made.key)) == (2, "hush-hush", "***")
    assert bind_params(loose, {"any": 1}) == {"any": 1}
    with pytest.raises(BadParams, match=r"^params.seats: Input should be a valid integer") as caught:
        bind_params(plain, {"seats": "hush-hush"})
    assert "hush-hush" not in str(caught.value)
    with pytest.raises(BadParams, match=r"params.places: the journey has no such parameter"):
        bind_params(plain, {"seats": 1, "places": 2})


@pytest.mark.parametrize(("at_s", "code"), [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")])
def test_one_time_codes_are_those_of_rfc_6238(at_s: float, code: str) -> None:
    assert totp("GEZD GNBV GY3T QOJQ gezd-gnbv-gy3t-qojq", digits=8, at_s=at_s) == code
    assert totp(Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), at_s=at_s) == code[-6:]


def test_a_key_that_is_not_base32_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="not base32") as caught:
        totp("not!a!key")
    assert "not!a!key" not in str(caught.value)


def test_a_pytest_file_on_the_command_line_is_a_check_of_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text("def test_one(): ...\n")
    config = tmp_path / "probes.yaml"
    config.write_text("checks: []\n")
    target = f"{tmp_path / 'test_shop.py'}::test_one"
    (check,) = select(load(config, {}, lenient=True), [target], [], "local")
    assert (check.id, check.kind) == ("test_shop", "pytest")
    assert check.model_dump()["file"] == target
