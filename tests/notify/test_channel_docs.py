"""docs/channels.md: every kind is there, and every example loads."""

import re
from pathlib import Path

import pytest

from prober.config import load
from prober.notify import CHANNELS

DOCS = Path(__file__).parents[2] / "docs" / "channels.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
CHECK = 'checks: [{id: shop, kind: http, url: "https://shop.example/"}]\n'
FORMS = {"TELEGRAM_TOKEN": "123456:ABC-DEF_ghi", "NTFY_TOPIC": "prober-topic", "APPRISE_URL": "json://localhost"}


def environ(block: str) -> dict[str, str]:
    """A value for every variable of ``block``, in the form its place wants."""
    names = re.findall(r"\$\{([A-Z_]+)\}", block)
    return {name: FORMS.get(name, "https://hooks.example/T0" if "URL" in name else "a-secret") for name in names}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"kind: (\w+)", block)[0])
def test_every_example_loads_without_a_warning(block: str, tmp_path: Path) -> None:
    path = tmp_path / "probes.yaml"
    names = ", ".join(re.findall(r"^  ([a-z-]+):", block, re.MULTILINE))
    path.write_text(f"{block}{CHECK}routes: [{{channels: [{names}]}}]\n")
    loaded = load(path, environ(block), lenient=False)
    assert loaded.warnings == ()
    assert len(loaded.config.channels) == 1
    assert "a-secret" not in repr(loaded.config)


def test_every_kind_of_channel_is_told_of_under_its_name_and_shown() -> None:
    assert sorted(re.findall(r"^## (\w+)$", DOCS.read_text(), re.MULTILINE)) == sorted(CHANNELS)
    assert {re.findall(r"kind: (\w+)", block)[0] for block in BLOCKS} == set(CHANNELS)
