"""Whatever a file holds, loading ends with a Config or with a ConfigFault."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.config import json_schema, load
from prober.faults import ConfigFault

MODELS = [json_schema(), *json_schema()["$defs"].values()]
KEYS = st.sampled_from(sorted({"<<", *(key for model in MODELS for key in model.get("properties", ()))}))
KINDS = st.sampled_from(["http", "tcp", "browser", "api", "slack", "webhook", "cloudwatch"])
TEXTS = st.sampled_from(
    ["a", "30s", "22:22", "no", "http://127.0.0.1/", "127.0.0.1:80", "UTC", "5", "1.5", "é", "[", "\0"]
)
ODDITIES = st.sampled_from(["${X}", "${file:/}", "$$", "* * * * *", "0 0 31 2 *", "9" * 400 + "d", "http://[", "a:b:c"])
WORDS = KINDS | TEXTS | ODDITIES
LEAVES = WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | WORDS, inner, max_size=6), max_leaves=30
)
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def attempt(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for lenient in (False, True):
        try:
            load(path, {"HOME": "/"}, lenient=lenient)
        except ConfigFault as fault:
            told = [error.message for error in fault.errors]
        else:
            continue
        assert all(told)


@SETTINGS
@given(document=st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_structure_of_values_escapes_as_anything_but_a_config_fault(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    attempt(tmp_path / "probes.yaml", yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "replace"))


@SETTINGS
@given(
    checks=st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=4), kind=st.sampled_from(["http", "tcp", "api"])
)
def test_no_check_escapes_as_anything_but_a_config_fault(
    tmp_path: Path, checks: list[dict[str, Any]], kind: str
) -> None:
    document = {"checks": [{"id": "a", "kind": kind, **check} for check in checks]}
    attempt(tmp_path / "probes.yaml", yaml.safe_dump(document).encode())


@SETTINGS
@given(
    data=st.binary(max_size=200) | st.text(alphabet="abc: -[]{}&*!|>'\"%@`#,?\n\t$~<.0", max_size=200).map(str.encode)
)
def test_no_bytes_escape_as_anything_but_a_config_fault(tmp_path: Path, data: bytes) -> None:
    attempt(tmp_path / "probes.yaml", data)


@pytest.mark.parametrize("cut", range(0, 4000, 97))
def test_a_half_written_file_is_a_config_fault_or_a_smaller_config(tmp_path: Path, cut: int) -> None:
    shipped = Path(__file__).parents[2] / "probes.yaml"
    attempt(tmp_path / "probes.yaml", shipped.read_bytes()[:cut])
