"""The set-up keeps its promises: repeatable at no cost, pinned, and honest about what is missing."""

import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOLS = ["promtool", "amtool", "prometheus-blackbox-exporter", "nginx", "wrk", "chromium", "npm"]
DEBIAN_PLACES = "/usr/local/sbin:/usr/sbin:/sbin"
PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^ ;\\]+)(?: ;[^\\]*)? \\\n(?P<hashes>(?:    --hash=sha256:\w{64}.*\n)+)", re.M
)
MACHINE_PATH = re.compile(r"(?<![\w.:-])/(?:work|root|home|Users)/\w")
PACKAGE_HOST = re.compile(
    r"(?:registry\.npmjs|files\.pythonhosted|pypi\.org/simple|deb\.debian|repo\d?\.maven|static\.crates)\b"
)


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, cwd=ROOT, env=inherited | env, capture_output=True, text=True, timeout=50)


def pins(lock: str) -> dict[str, str]:
    return {canonicalize_name(pin["name"]): pin["version"] for pin in PIN.finditer((ROOT / lock).read_text())}


def own_files() -> list[Path]:
    listing = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    assert listing.returncode == 0, listing.stderr
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_a_second_set_up_does_nothing_in_seconds() -> None:
    assert run("make", "setup").returncode == 0
    took_s = []
    for _ in range(2):
        started = time.monotonic()
        again = run("make", "setup")
        took_s.append(time.monotonic() - started)
        assert again.returncode == 0, again.stderr
        assert "installing" not in again.stdout
        assert "downloading" not in again.stdout
    assert min(took_s) < 5


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_tests_start_is_here(tool: str) -> None:
    missing = run("scripts/missing-tools", PATH=f"{os.environ['PATH']}:{DEBIAN_PLACES}").stdout.split()
    package = dict(line.split() for line in tools_table())[tool]
    assert package not in missing, f"{tool} is missing: install Debian's package {package}"


def tools_table() -> list[str]:
    return [line for line in (ROOT / "scripts/tools.txt").read_text().splitlines() if not line.startswith("#")]


def test_missing_tools_are_named_by_their_debian_packages_in_one_line(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "wrk").symlink_to("/bin/true")
    said = run("scripts/missing-tools", PATH=str(tmp_path))
    assert said.stdout.count("\n") == 1
    assert {"prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "nginx-light"} <= set(
        said.stdout.split()
    )
    assert "wrk" not in said.stdout.split()


def test_a_python_that_is_too_old_is_refused_with_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.9.2 ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    refused = run("scripts/setup-python", PYTHON=str(old))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "is Python 3.9.2; prober needs 3.11 or newer" in refused.stderr


def test_every_dependency_is_pinned_in_the_lock_with_hashes_and_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    pinned = pins("requirements.lock")
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} but the lock has {version}: run `make lock`"


@pytest.mark.parametrize("lock", ["requirements.lock", "scripts/bootstrap.lock"])
def test_no_line_of_a_lock_goes_without_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text()
    names = re.findall(r"^([\w.-]+)", text, re.MULTILINE)
    assert names
    assert names == [pin["name"] for pin in PIN.finditer(text)]


def test_both_locks_agree_where_they_name_the_same_package() -> None:
    project, bootstrap = pins("requirements.lock"), pins("scripts/bootstrap.lock")
    assert {"uv", "hatchling"} <= bootstrap.keys()
    assert {name: project[name] for name in project.keys() & bootstrap} == {
        name: bootstrap[name] for name in project.keys() & bootstrap
    }


def test_the_packages_from_npm_are_pinned_and_here() -> None:
    folder = ROOT / "tests/npm"
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
        installed = folder / "node_modules" / name / "package.json"
        assert installed.exists(), f"{name} is missing: run `npm ci --prefix tests/npm`"
        assert json.loads(installed.read_text())["version"] == version
    assert all("resolved" not in package for package in locked.values())


def test_no_file_names_this_machine_or_a_package_registry() -> None:
    for path in own_files():
        text = path.read_text(errors="replace")
        for pattern in (MACHINE_PATH, PACKAGE_HOST):
            found = pattern.search(text)
            assert not found, f"{path.relative_to(ROOT)} names {found.group() if found else ''}"


def test_ci_calls_make_test_which_lints_checks_types_and_ends_with_pytest() -> None:
    assert "exec make test </dev/null" in (ROOT / ".ci/run").read_text()
    planned = run("make", "--dry-run", "test").stdout
    steps = [line.removeprefix(".venv/bin/") for line in planned.splitlines() if line.startswith(".venv/bin/")]
    assert steps == ["ruff check", "ruff format --check", "mypy", 'pytest -m "not slow"']
