"""The JSON Schema for editors, the manual, and the shipped file."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from prober.config import json_schema, load

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "probes.yaml"


def failures(document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(document)]


def undescribed(schema: dict[str, Any]) -> list[str]:
    found = [name for name, option in schema["properties"].items() if not described(option, schema)]
    for name, model in schema["$defs"].items():
        found += [
            f"{name}.{key}" for key, option in model.get("properties", {}).items() if not described(option, schema)
        ]
    return found


def described(option: dict[str, Any], schema: dict[str, Any]) -> bool:
    places = [option, *option.get("anyOf", ())]
    names = [place["$ref"].rpartition("/")[2] for place in places if "$ref" in place]
    return any(place.get("description") for place in (*places, *(schema["$defs"][name] for name in names)))


def test_the_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(json.loads(json.dumps(json_schema())))


def test_the_shipped_file_fits_the_schema() -> None:
    assert failures(yaml.safe_load(SHIPPED.read_text())) == []


@pytest.mark.parametrize(
    "document",
    [
        {"chekcs": []},
        {"checks": [{"id": "a", "kind": "http"}]},
        {"checks": [{"id": "a", "kind": "htp", "url": "http://a/"}]},
        {"checks": [{"id": "a", "kind": "http", "url": "http://a/", "interval": "5 minutes"}]},
        {"checks": [{"id": "a", "kind": "tcp", "address": "a:1", "alert": {"down_after": 0}}]},
        {"checks": [{"id": "a", "address": "a:1"}]},
        {"channels": {"ops": {"kind": "slak"}}},
    ],
)
def test_what_loading_refuses_an_editor_underlines(document: object) -> None:
    assert failures(document)


def test_references_and_empty_sections_fit_the_schema() -> None:
    check = {"id": "${ID}", "kind": "tcp", "address": "${A}", "interval": "${EVERY:-30s}"}
    assert failures({"checks": [check], "channels": None, "store": None, "routes": None}) == []


def test_every_option_is_described() -> None:
    assert undescribed(json_schema()) == []


def test_the_manual_is_what_the_fields_say() -> None:
    outcome = subprocess.run(
        [sys.executable, "scripts/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_the_shipped_file_loads_without_a_variable_or_a_warning() -> None:
    found = load(SHIPPED, {}, lenient=False)
    assert found.warnings == ()
    assert [check.id for check in found.config.checks] == [
        "storefront",
        "health",
        "events-api",
        "shop-port",
        "purchase",
        "login",
        "refund",
    ]
    assert found.config.regions == ("eu-west-1", "us-east-1")


def test_the_shipped_file_watches_another_shop_by_variable() -> None:
    found = load(SHIPPED, {"EVENTCHAIN_URL": "https://tickets.example"}, lenient=False)
    assert found.config.checks[1].target == "https://tickets.example/health"


def test_the_commented_options_of_the_shipped_file_are_right_as_well(tmp_path: Path) -> None:
    lines = SHIPPED.read_text().splitlines()
    shown = [line.replace("# ", "", 1) if is_commented_option(line) else line for line in lines]
    (tmp_path / "checks").symlink_to(ROOT / "checks")
    path = tmp_path / "probes.yaml"
    path.write_text("\n".join(shown))
    environ = dict.fromkeys(("SLACK_WEBHOOK_URL", "HEARTBEAT_URL"), "https://hooks.example/T0")
    environ |= {"SHOP_PASSWORD": "correct horse", "SHOP_TOTP_KEY": "ORSXG5A", "PAGERDUTY_ROUTING_KEY": "0" * 32}
    environ |= {"SMTP_HOST": "mail.example", "SMTP_USER": "prober", "SMTP_PASSWORD": "battery staple"}
    config = load(path, environ, lenient=False).config
    assert config.checks[-1].id == "shop-tls"
    assert list(config.channels) == ["hook", "pager", "chat", "mail"]
    assert (len(config.routes), len(config.maintenance), len(config.sinks)) == (4, 1, 1)
    assert config.heartbeat is not None
    assert config.grouping is not None
    assert config.selfwatch.egress


def is_commented_option(line: str) -> bool:
    """Whether a comment is YAML that was taken out: ``# key: ...`` or ``# - ...``, indented or a section of its own."""
    match = re.match(r"( *)# (?:- | *)[a-z_]+:|( *)# *- \{", line)
    sections = ("# heartbeat:", "# grouping:", "# selfwatch:", "# maintenance:", "#   - {reason")
    return match is not None and line.startswith((" ", *sections))


def test_validating_imports_neither_playwright_nor_boto3() -> None:
    program = (
        "import sys; from pathlib import Path; from prober.config import json_schema, load; "
        "load(Path('probes.yaml'), {}, lenient=True); json_schema(); "
        "print(sorted({'playwright', 'boto3', 'botocore'} & set(sys.modules)))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (outcome.stdout.strip(), outcome.stderr) == ("[]", "")
