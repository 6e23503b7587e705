"""Heartbeats as a user writes them, and what the rest of the house makes of checks that nobody runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.config import load
from prober.config.load import Loaded
from prober.faults import ConfigFault
from prober.model import Reason
from prober.probes.heartbeat import Priority, Spec
from prober.schedule import freshness_s

TOKEN = "9f1c2e0a-5f6b-4a57-9d1e-0d3a5f5a7c11"
OTHER = "3b7d8f4e-1a2b-4c3d-8e9f-5a6b7c8d9e0f"


def written(folder: Path, text: str, environ: dict[str, str] | None = None, *, lenient: bool = False) -> Loaded:
    file = folder / "probes.yaml"
    file.write_text(text)
    return load(file, environ or {}, lenient=lenient)


def backup(folder: Path, options: str = "period: 1d", head: str = "") -> Spec:
    loaded = written(folder, f"{head}\nchecks:\n  - {{id: backup, kind: heartbeat, token: {TOKEN}, {options}}}\n")
    check = loaded.config.checks[0]
    assert isinstance(check, Spec)
    return check


def errors(folder: Path, options: str, head: str = "") -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        backup(folder, options, head)
    return [str(error) for error in caught.value.errors]


def test_its_period_is_what_its_word_counts_for_and_its_grace_on_top(tmp_path: Path) -> None:
    check = backup(tmp_path, "period: 1d, grace: 10m")
    assert (check.interval, check.timeout) == (86_400, 600)
    assert freshness_s(check) >= 86_400 + 600
    assert check.pushed
    assert check.watched
    assert not check.steady


def test_a_reported_failure_is_down_at_once_whatever_the_defaults_say_of_runs(tmp_path: Path) -> None:
    defaults = "defaults: {interval: 5s, timeout: 2s, alert: {down_after: 4, up_after: 3, degraded: true}}"
    check = backup(tmp_path, "period: 1h", defaults)
    assert (check.interval, check.timeout) == (3600, 300)
    assert (check.alert.down_after, check.alert.up_after, check.alert.degraded) == (1, 1, True)
    assert backup(tmp_path, "period: 1h, alert: {down_after: 2}", defaults).alert.down_after == 2


def test_it_is_heard_in_one_region_the_first(tmp_path: Path) -> None:
    assert backup(tmp_path).regions is None
    assert backup(tmp_path, head="regions: [eu, us]").regions == ("eu",)
    assert backup(tmp_path, "period: 1d, regions: [us, eu]", "regions: [eu, us]").regions == ("us",)
    defaults = "regions: [eu, us, ap]\ndefaults: {regions: [ap, us]}"
    assert backup(tmp_path, head=defaults).regions == ("ap",)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("title: nothing", "a heartbeat needs a period, a schedule or sources"),
        ("interval: 1d", "unknown key"),
        ("period: 1d, schedule: '0 7 * * *'", "a check has either a period or a schedule"),
        ("period: 10m, max_runtime: 1h", "max_runtime 1h exceeds period 10m"),
        ("period: 1d, sources: {}", "expected falco or alertmanager"),
        ("sources: {falco: {down_from: warning, degraded_from: error}}", "degraded_from error is above down_from"),
        ("sources: {falco: {down_from: fatal}}", "expected"),
        ("schedule: 'every day'", "expected five cron fields"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path: Path, options: str, told: str) -> None:
    found = errors(tmp_path, options)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    "token", ["short", "with spaces in it, and long", "slashes/are/in/its/way", "ümlaut-ümlaut-ümlaut"]
)
def test_a_token_that_no_crontab_could_hold_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigFault) as caught:
        written(tmp_path, f'checks: [{{id: a, kind: heartbeat, period: 1d, token: "{token}"}}]')
    assert "expected 16 to 128 letters" in str(caught.value)
    assert token not in str(caught.value)


def test_two_checks_of_one_token_are_told_of_without_it(tmp_path: Path) -> None:
    one = f"kind: heartbeat, period: 1d, token: {TOKEN}"
    with pytest.raises(ConfigFault) as caught:
        written(tmp_path, f"checks:\n  - {{id: a, {one}}}\n  - {{id: b, {one}}}\n")
    assert "line 3: checks[1].token: the token of line 2 again" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_token_that_is_not_set_here_leaves_everything_else_as_it_is(tmp_path: Path) -> None:
    text = 'regions: [eu, us]\nchecks: [{id: a, kind: heartbeat, period: 1d, grace: 2h, token: "${PING_A}"}]'
    loaded = written(tmp_path, text, lenient=True)
    check = loaded.config.checks[0]
    assert (check.interval, check.timeout, check.alert.down_after, check.regions) == (86_400, 7_200, 1, ("eu",))
    assert isinstance(check, Spec)
    assert check.watched
    known = written(tmp_path, text, {"PING_A": TOKEN})
    assert known.config.checks[0].token.reveal() == TOKEN  # type: ignore[attr-defined]
    assert TOKEN not in repr(known.config)


def test_sources_have_thresholds_of_their_own(tmp_path: Path) -> None:
    check = backup(tmp_path, "sources: {falco: {down_from: error, match: {rule: 'Terminal*'}}, alertmanager: {}}")
    assert check.sources is not None
    assert check.sources.falco is not None
    assert check.sources.alertmanager is not None
    assert check.sources.falco.down_from is Priority.ERROR
    assert check.sources.alertmanager.ignore == ("info", "none")
    assert not check.watched, "with sources alone nobody has to be heard of"


def test_silence_is_no_failure_of_the_probers_own_but_may_be_that_of_its_network() -> None:
    from prober.selfwatch import FAR

    assert not Reason.SILENT.ours
    assert not Reason.REPORTED.ours
    assert Reason.SILENT in FAR
    assert Reason.REPORTED not in FAR


def test_run_leaves_it_out_and_says_so(tmp_path: Path) -> None:
    import subprocess
    import sys

    text = f"checks:\n  - {{id: backup, kind: heartbeat, token: {TOKEN}, period: 1d}}\n"
    (tmp_path / "probes.yaml").write_text(text + '  - {id: port, kind: tcp, address: "127.0.0.1:9", timeout: 1s}\n')

    def run(*targets: str) -> Any:
        command = [sys.executable, "-m", "prober", "run", "--config", "probes.yaml", *targets]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run()
    assert "left out, since others tell how they are: backup" in done.stdout
    assert done.returncode == 1, "the port decides"
    alone = run("backup")
    assert alone.returncode == 2
    assert "nothing to run: backup is told by others, and only prober serve listens" in alone.stderr


def test_the_examples_of_the_docs_hold() -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "passive.yaml"
    loaded = load(example, {}, lenient=True)
    assert all(isinstance(check, Spec) for check in loaded.config.checks)
    assert len(loaded.config.checks) == 5
    names = ("BACKUP_TOKEN", "MAIL_QUEUE_TOKEN", "FALCO_TOKEN", "ALERTMANAGER_TOKEN", "WATCHDOG_TOKEN")
    environ = {name: f"{name.lower()}-of-16-characters" for name in names}
    assert len(load(example, environ, lenient=False).config.checks) == 5
