"""``prober render``: files for other systems, printed or written."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from prober.cli import cli
from prober.cli.rendering import _write
from prober.faults import UserFault
from prober.render import TARGETS


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "probes.yaml"
    path.write_text('checks: [{id: shop, kind: tcp, address: "127.0.0.1:1"}]\n')
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_rendered_is_the_same_every_time(target: str, config: Path, tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        done = CliRunner().invoke(cli, ["render", target, "--config", str(config), "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        seen.append({path.relative_to(tmp_path / name): path.read_text() for path in files})
    assert seen[0] == seen[1]
    assert seen[0]


@pytest.mark.parametrize("target", TARGETS)
def test_without_a_directory_one_file_is_printed_and_several_are_listed(target: str, config: Path) -> None:
    done = CliRunner().invoke(cli, ["render", target, "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip()
    assert (f"render {target} -o DIR" in done.stderr) == (not done.stdout.startswith(("#", "{")))


def test_a_target_that_is_none_is_refused_with_those_there_are() -> None:
    done = CliRunner().invoke(cli, ["render", "nagios"])
    assert done.exit_code == 2
    assert "prometheus" in done.output


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserFault, match="cannot be written"):
        _write(tmp_path / "taken", {"a.yml": ""})


def test_the_help_names_every_target() -> None:
    told = CliRunner().invoke(cli, ["render", "--help"]).output.replace(",", " ").split()
    assert set(TARGETS) <= set(told)
