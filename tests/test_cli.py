"""The command line as scripts know it: arguments, exit codes, what is written where."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fakes.receiver import Answer, Receiver, receiver

from prober.demo.server import running

ROOT = Path(__file__).resolve().parent.parent


def prober(*arguments: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prober", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environ},
        timeout=60,
    )


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as service:
        service.always = Answer(200, b"fine")
        yield service


@pytest.fixture
def config(tmp_path: Path, target: Receiver) -> Path:
    path = tmp_path / "probes.yaml"
    path.write_text(f"""
regions: [eu, us]
checks:
  - {{id: fine, kind: http, url: "{target.url}/", tags: [smoke]}}
  - {{id: slow, kind: http, url: "{target.url}/", expect: {{degraded_over: 0.001ms}}, tags: [smoke]}}
  - {{id: broken, kind: tcp, address: "127.0.0.1:1"}}
  - {{id: secret, kind: http, url: "{target.url}/", headers: {{X-Key: "${{PLANTED_KEY}}"}}}}
""")
    (tmp_path / "regions.yaml").write_text("regions: [eu, us]\n")
    return path


def test_everything_up_or_degraded_exits_0_and_says_so(config: Path) -> None:
    done = prober("run", "fine", "slow", cwd=config.parent)
    assert done.returncode == 0, done.stderr
    assert "2 checks in" in done.stdout
    assert "1 up, 1 degraded" in done.stdout


def test_something_down_exits_1_and_names_the_reason(config: Path) -> None:
    done = prober("run", "fine", "broken", cwd=config.parent)
    assert done.returncode == 1
    assert "connect_refused" in done.stdout


def test_an_unknown_exits_3_and_never_passes_for_down(config: Path, tmp_path: Path) -> None:
    journey = tmp_path / "j.py"
    journey.write_text("from prober import journey\n@journey(id='j')\nasync def j(page):\n    pass\n")
    done = prober("run", journey, "fine", cwd=tmp_path, PROBER_BROWSER_EXECUTABLE=str(tmp_path / "not-there"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no_browser" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "fien"], "did you mean 'fine'"),
        (["run", "--tag", "nothing"], "nothing to run"),
        (["run", "not/there.py"], "no such journey file"),
        (["run", "--region", "mars", "fine"], "unknown region 'mars'"),
        (["run", "secret"], "PLANTED_KEY"),
        (["run", "fine", "--json", "not/there.json"], "its directory does not exist"),
        (["run", "fine", "--config", "absent.yaml"], "absent.yaml"),
        (["run", "--no-such-option"], "--no-such-option"),
        (["serve", "--config", "regions.yaml"], "several regions are listed"),
        (["serve", "--region", "eu"], "PLANTED_KEY"),
        (["fly"], "fly"),
        (["run", "http://[::1"], "is no URL"),
        (["run", "fine", "--json", "."], "is a directory"),
        (["serve", "--config", "regions.yaml", "--region", "eu", "--listen", "foo"], "expected host:port"),
    ],
)
def test_what_the_user_did_wrong_is_exit_2_and_a_clear_line(config: Path, arguments: list[str], said: str) -> None:
    done = prober(*arguments, cwd=config.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unset_variable_matters_only_to_the_check_that_uses_it(config: Path) -> None:
    assert prober("run", "fine", cwd=config.parent).returncode == 0
    assert prober("run", "secret", cwd=config.parent, PLANTED_KEY="canary-key").returncode == 0
    listed = prober("list", cwd=config.parent)
    assert listed.returncode == 0
    assert "PLANTED_KEY" in listed.stderr
    checked = prober("validate", cwd=config.parent)
    assert (checked.returncode, "4 checks" in checked.stdout, "warning" in checked.stderr) == (0, True, True)


def test_the_json_on_standard_output_is_alone_there(config: Path) -> None:
    done = prober("run", "fine", "broken", "--json", "-", cwd=config.parent)
    document = json.loads(done.stdout)
    assert document["summary"] | {"duration_s": 0} == {
        "total": 2, "up": 1, "degraded": 0, "down": 1, "unknown": 0, "duration_s": 0, "exit_code": 1,
    }  # fmt: skip
    fine, broken = document["results"]
    assert (fine["check"], fine["kind"], fine["region"], fine["verdict"], fine["reason"]) == (
        "fine",
        "http",
        "eu",
        "up",
        "ok",
    )
    assert fine["facts"]["status"] == 200
    assert set(fine["phases"]) >= {"resolve", "connect", "processing", "transfer"}
    assert (broken["verdict"], broken["reason"], broken["steps"]) == ("down", "connect_refused", [])
    assert "connect_refused" in done.stderr


def test_junit_is_written_where_asked(config: Path, tmp_path: Path) -> None:
    prober("run", "fine", "broken", "--junit", "report.xml", cwd=tmp_path)
    suite = ElementTree.parse(tmp_path / "report.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_bare_urls_run_without_any_configuration(tmp_path: Path, target: Receiver) -> None:
    port = target.url.rpartition(":")[2]
    done = prober("run", target.url, f"tcp://127.0.0.1:{port}", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kinds: dict[str, Any] = {r["kind"]: r["region"] for r in json.loads(done.stdout)["results"]}
    assert kinds == {"http": "local", "tcp": "local"}


def test_a_run_touches_no_store_and_sends_nothing(config: Path, target: Receiver) -> None:
    prober("run", "fine", "broken", cwd=config.parent)
    assert not list(config.parent.glob("*.db"))
    assert len(target.posted) == 1


def test_every_mistake_is_named_at_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "checks:\n  - {id: a, kind: htpt}\n  - {id: b, kind: http, urll: x}\nrouts: []\n"
    )
    done = prober("validate", "bad.yaml", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    for part in ("line 2", "did you mean 'http'", "line 3", "did you mean 'url'", "line 4", "did you mean 'routes'"):
        assert any(part in line for line in lines), (part, lines)


def test_the_schema_is_json_with_every_kind(tmp_path: Path) -> None:
    text = prober("schema", cwd=tmp_path).stdout
    assert json.loads(text)["$schema"].endswith("2020-12/schema")
    assert all(word in text for word in ("down_after", "webhook_url", "journey", "aws_region"))


def test_ctrl_c_ends_a_run_with_130(tmp_path: Path) -> None:
    with receiver() as target:
        target.hung_paths.add("/hang")
        process = subprocess.Popen(
            [sys.executable, "-m", "prober", "run", f"{target.url}/hang"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        target.wait_for(1)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, error = process.communicate(timeout=20)
        assert time.monotonic() - started < 8
        assert (process.returncode, error.strip()) == (130, "")


@pytest.mark.parametrize("command", ["", "run", "serve", "validate", "schema", "list", "shop", "demo", "doctor"])
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = prober(*([command] if command else []), "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: " in done.stdout


def test_the_doctor_finds_a_browser_and_says_when_there_is_none(tmp_path: Path) -> None:
    healthy = prober("doctor", cwd=tmp_path)
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert "chromium" in healthy.stdout
    ill = prober("doctor", cwd=tmp_path, PROBER_BROWSER_EXECUTABLE=str(tmp_path / "not-there"))
    assert ill.returncode == 1
    assert "not-there" in ill.stdout


def test_the_journey_of_the_readme_runs_as_it_stands(tmp_path: Path) -> None:
    code = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    with running() as shop:
        (tmp_path / "search.py").write_text(code.replace("http://127.0.0.1:8000", shop))
        done = prober("run", "search.py", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert [step["name"] for step in result["steps"]] == ["Open the shop", "Open an event"]
    assert result["measures"][0]["value"] > 0


def test_an_address_without_a_scheme_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    assert "did you mean 'tcp://127.0.0.1:8000'?" in prober("run", "127.0.0.1:8000", cwd=tmp_path).stderr


def test_strict_validation_refuses_what_serve_would(config: Path) -> None:
    assert "but 1 not set here" in prober("validate", cwd=config.parent).stdout
    strict = prober("validate", "--strict", "--config", "probes.yaml", cwd=config.parent)
    assert (strict.returncode, "PLANTED_KEY" in strict.stderr) == (2, True)


def test_no_target_is_lost_where_two_would_have_the_same_id(tmp_path: Path) -> None:
    targets = [
        "tcp://127.0.0.1:1",
        "tcp://127.0.0.1:2",
        "http://127.0.0.1:3/?a",
        "http://127.0.0.1:3/?b",
        "http://127.0.0.1:3/?a",
    ]
    done = prober("run", *targets, "--json", "-", cwd=tmp_path)
    ids = [result["check"] for result in json.loads(done.stdout)["results"]]
    assert (len(ids), len(set(ids))) == (4, 4)
