"""The seccomp profile of the pods, put on a real Chromium as the kernel would have it from a container's runtime."""

from __future__ import annotations

import ctypes
import json
import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.render.kubernetes.seccomp import PROFILE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the user of the image")
NOBODY = 65534
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2


def numbers() -> dict[str, int]:
    """The system calls of this machine, from the kernel's headers."""
    header = next(Path("/usr/include").glob("*/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h"))
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}


def program() -> bytes:
    """The profile as the kernel's filter."""
    profile = json.loads(PROFILE)
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    known = numbers()
    refused = [known[name] for name in profile["syscalls"][0]["names"] if name in known]
    assert len(refused) > 30
    steps = [(LOAD, 0, 0, 0)]
    for number in refused:
        steps += [(EQUALS, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("HBBI", *step) for step in (*steps, (RETURN, 0, 0, ALLOW)))


def confine() -> None:
    """What a container's runtime does last: no privileges to gain, and the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    text = program()
    held = ctypes.create_string_buffer(text, len(text))
    sock_fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(held)))
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, sock_fprog):
        raise OSError(ctypes.get_errno(), "the filter was refused")


@pytest.fixture
def home() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="prober-seccomp-") as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield folder


def run(home: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        preexec_fn=confine,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"HOME": home, "TMPDIR": home, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_chromium_shows_a_page_with_its_sandbox_on_under_the_profile(home: str) -> None:
    # Without a sandbox it does not start for anyone but with --no-sandbox, which is not said here.
    page = "data:text/html,<p>shown</p>"
    switches = ("--headless", "--disable-gpu", f"--user-data-dir={home}/data")
    done = run(home, "chromium", *switches, "--dump-dom", page)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "<p>shown</p>" in done.stdout


def test_what_the_profile_names_is_refused(home: str) -> None:
    call = f"l.syscall({numbers()['keyctl']}, 0, -3, 0)"
    script = f"import ctypes; l = ctypes.CDLL(None, use_errno=True); print({call}, ctypes.get_errno())"
    done = run(home, "/usr/bin/python3", "-c", script)
    assert done.stdout.split() == ["-1", "1"], done.stderr
