"""The house's own rules: which room may import which, and what must not be imported at all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "prober"
SHELVES = ("probes", "notify", "sinks")
ROWS = [
    ("values", "pace", "shelf", "rotation"),
    ("model", "clock", "secret", "log"),
    ("faults",),
    ("net",),
    ("curl", "judge"),
    ("journey",),
    SHELVES,
    ("schedule", "shard", "state", "delivery", "store", "selfwatch"),
    ("config", "blackbox", "history", "panels"),
    ("engine", "alerting", "web", "render", "demo"),
    ("app",),
    ("cli",),
]
ROW = {room: number for number, row in enumerate(ROWS) for room in row}
OUTSIDE = {"__init__", "__main__"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def imported(path: Path) -> set[tuple[str, ...]]:
    """What ``path`` imports of this package, as parts below ``prober``."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(a.name.split(".")[1:]) for a in node.names if a.name.split(".")[0] == "prober"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "prober":
            base = tuple(node.module.split(".")[1:])
            for alias in node.names:
                deeper = PACKAGE.joinpath(*base, alias.name)
                found.add((*base, alias.name) if deeper.with_suffix(".py").exists() or deeper.is_dir() else base)
    return {name for name in found if name}


def test_every_room_stands_on_a_row() -> None:
    rooms = {dotted(path)[0] for path in modules()} - OUTSIDE
    assert rooms == set(ROW), "a new room belongs on a row of design.md's house, and into ROWS here"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rows_above_its_own(path: Path) -> None:
    here = dotted(path)
    if here[0] in OUTSIDE:
        return
    for there in imported(path):
        if there[0] == here[0]:
            same_shelf_file = here[0] not in SHELVES or len(there) == 1 or here[:2] == there[:2] or len(here) == 1
            shared = there[-1].startswith("_")
            assert same_shelf_file or shared, f"{'.'.join(here)} imports its sibling {'.'.join(there)}"
        else:
            assert ROW[there[0]] < ROW[here[0]], f"{'.'.join(here)} imports {'.'.join(there)}"


def test_the_demo_is_only_started_never_imported_by_another_room() -> None:
    for path in modules():
        if dotted(path)[0] not in {"demo", "app", "cli"}:
            assert not any(there[0] == "demo" for there in imported(path)), path


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return {line.split(".")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import prober", {"playwright", "boto3", "sqlalchemy", "alembic", "psycopg", "pydantic", "starlette"}),
        (
            "import prober.cli",
            {"playwright", "boto3", "sqlalchemy", "alembic", "psycopg", "starlette", "pycurl", "httpx"}
            | {"pydantic", "asyncio", "ssl", "rich"},
        ),
        (
            "from pathlib import Path; from prober.config import load; load(Path('probes.yaml'), {}, lenient=True)",
            {"playwright", "boto3", "sqlalchemy", "alembic", "psycopg", "starlette"}
            | {"httpx", "rich", "cryptography", "jinja2", "opentelemetry", "aiodns", "psutil"},
        ),
        (
            "import prober.app.once",
            {"playwright", "boto3", "sqlalchemy", "alembic", "psycopg", "starlette", "jinja2", "uvicorn"}
            | {"aiodns", "psutil", "cryptography", "pygments"},
        ),
        ("import prober.app.serve", {"playwright", "boto3", "psycopg", "opentelemetry"}),
    ],
    ids=["the package", "the command line", "a validated config", "a run", "serve"],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str, absent: set[str]) -> None:
    assert not absent & loaded_by(code)
