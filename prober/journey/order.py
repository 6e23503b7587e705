"""From a check to the Job its worker is given."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from prober import USER_AGENT
from prober.faults import ConfigFault, ProbeError, describe
from prober.journey.declaration import Declaration, find_journey
from prober.journey.wire import Job
from prober.judge import Expect
from prober.model import Reason


def find_declared(target: str, base: Path, kind: str) -> Declaration:
    """The journey a check of ``kind`` names. Raises ProbeError(script_error) where there is none such."""
    try:
        declaration = find_journey(target, base)
    except ConfigFault as fault:
        raise ProbeError(Reason.SCRIPT_ERROR, describe(fault)) from None
    if kind == "api" and declaration.kind == "browser":
        problem = f"{declaration.function} takes a page: make its check kind browser"
        raise ProbeError(Reason.SCRIPT_ERROR, problem)
    return declaration


class Judged(Protocol):
    """A check of any kind."""

    @property
    def expect(self) -> Expect: ...


def expected_of(check: Judged) -> dict[str, Any]:
    """What ``check`` expects of its runs, as plain values for its worker."""
    return check.expect.model_dump(mode="json", exclude_defaults=True)


def job_of(
    declaration: Declaration,
    *,
    params: Mapping[str, str | int | float | bool],
    env: tuple[str, ...],
    environ: Mapping[str, str],
    check_id: str,
    run_id: str,
    artifacts: Path | None,
    device: str | None = None,
    network: Mapping[str, Any] | None = None,
) -> Job:
    """The job for one run of ``declaration``; its time is filled in when it starts.

    ``device`` holds where the journey names none itself.

    Raises ProbeError(internal) where a variable the journey needs is not set.
    """
    names = dict.fromkeys((*declaration.env, *env))
    if missing := [name for name in names if name not in environ]:
        raise ProbeError(Reason.INTERNAL, f"the journey needs {', '.join(missing)} set in the prober's environment")
    given = {name: environ[name] for name in names}
    hidden = declaration.parameters
    return Job(
        file=str(declaration.path.resolve()),
        function=declaration.function,
        arguments=declaration.arguments,
        check_id=check_id,
        run_id=run_id,
        user_agent=USER_AGENT,
        budget_s=0.0,
        params=params,
        env=given,
        secrets=[*given.values(), *(hidden.secrets(params) if hidden else ())],
        artifacts=str(artifacts.resolve()) if artifacts else None,
        emulation={
            "device": declaration.device or device,
            "viewport": declaration.viewport,
            "locale": declaration.locale,
            "timezone": declaration.timezone,
        },
        network=network or {},
        trace_id=secrets.token_hex(16),
    )
