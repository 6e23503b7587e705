"""Journey files: what their decorators say, read without running them, and every mistake with its line."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

import prober
from prober.faults import ConfigFault
from prober.journey import find_journey, read_journeys


def written(home: Path, text: str) -> Path:
    file = home / "shop.py"
    file.write_text(text)
    return file


def mistakes(home: Path, text: str) -> str:
    with pytest.raises(ConfigFault) as caught:
        read_journeys(written(home, text))
    return str(caught.value)


def test_a_file_is_read_without_being_run(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
import nowhere_to_be_found
from prober import journey as travel

@travel(id="pay", timeout="1m30s", interval="5m", tags=["checkout"], env=["SHOP_KEY"], viewport=(800, 600),
        budgets={"lcp": "2.5s", "cls": 0.1}, idempotent=True, locale="de-DE")
async def pay_by_card(page, http):
    raise SystemExit

@nowhere_to_be_found.decorator
async def other(page): ...
""",
    )
    (pay,) = read_journeys(file)
    assert (pay.id, pay.function, pay.line, pay.kind) == ("pay", "pay_by_card", 7, "browser")
    assert (pay.timeout_s, pay.interval_s) == (90.0, 300.0)
    assert (pay.tags, pay.env, pay.viewport) == (("checkout",), ("SHOP_KEY",), (800, 600))
    assert pay.budgets == {"lcp": "2.5s", "cls": 0.1}
    assert pay.idempotent
    assert pay.path == file


@pytest.mark.parametrize(
    "spelling",
    [
        "from prober import journey\n@journey",
        "from prober import journey\n@journey()",
        "import prober\n@prober.journey",
        "import prober as p\n@p.journey(title='Look')",
    ],
)
def test_every_spelling_of_the_decorator_is_found_and_the_file_names_the_journey(tmp_path: Path, spelling: str) -> None:
    (look,) = read_journeys(written(tmp_path, f"{spelling}\nasync def look(http): ...\n"))
    assert (look.id, look.function, look.kind) == ("shop", "look", "api")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "no journey in this file (write @journey over an async function)"),
        ("def broken(:\n", "line 1: not Python: invalid syntax"),
        ("\0", "not Python"),
        (
            "from prober import journey\nT = '5s'\n@journey(timeout=T)\nasync def a(page): ...",
            "line 3: @journey(timeout=)",
        ),
        ("from prober import journey\n@journey(timout='5s')\nasync def a(page): ...", "did you mean timeout?"),
        ("from prober import journey\n@journey(timeout=5)\nasync def a(page): ...", 'such as "30s"'),
        ("from prober import journey\n@journey(timeout='5')\nasync def a(page): ...", "a duration with a unit"),
        ("from prober import journey\n@journey(id='a b')\nasync def a(page): ...", "@journey(id=): expected letters"),
        ("from prober import journey\n@journey('a')\nasync def a(page): ...", "@journey(*args=): unknown option"),
        ("from prober import journey\n@journey(**X)\nasync def a(page): ...", "expected a literal"),
        ("from prober import journey\n@journey(tags='x')\nasync def a(page): ...", "expected a list of names"),
        ("from prober import journey\n@journey(env=['a-b'])\nasync def a(page): ...", "environment variables"),
        ("from prober import journey\n@journey(budgets={'lcp': True})\nasync def a(page): ...", "each limit"),
        ("from prober import journey\n@journey(viewport=(0, 1))\nasync def a(page): ...", "(width, height)"),
        ("from prober import journey\n@journey(idempotent='yes')\nasync def a(page): ...", "True or False"),
        ("from prober import journey\n@journey\ndef a(page): ...", "line 3: a: a journey must be an async function"),
        ("from prober import journey\n@journey\nasync def a(pages): ...", "they may take page, context, http, params"),
        (
            "from prober import journey\n@journey\nasync def a(page): ...\n@journey\nasync def b(page): ...",
            "line 5: the id 'shop' is used in line 3 as well",
        ),
    ],
)
def test_every_mistake_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in mistakes(tmp_path, text)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "from prober import journey\n@journey(id='a b', tags=1)\ndef a(where): ...\n")
    assert len(told.splitlines()) == 4


def test_one_of_several_journeys_is_named_by_function_or_id(tmp_path: Path) -> None:
    text = "from prober import journey\n@journey(id='one')\nasync def a(page): ...\n"
    written(tmp_path, text + "@journey(id='two')\nasync def b(page): ...\n")
    assert find_journey("shop.py::a", tmp_path).id == "one"
    assert find_journey("shop.py::two", tmp_path).function == "b"
    with pytest.raises(ConfigFault, match=r"several journeys.*choose one of shop.py::a, shop.py::b"):
        find_journey("shop.py", tmp_path)
    with pytest.raises(ConfigFault, match="no journey named 'c'"):
        find_journey("shop.py::c", tmp_path)
    with pytest.raises(ConfigFault, match="cannot be read: No such file"):
        find_journey("none.py", tmp_path)


def test_steps_and_measures_outside_a_run_say_how_to_start_one() -> None:
    with pytest.raises(RuntimeError, match="prober run FILE"):
        prober.step("Alone")
    with pytest.raises(RuntimeError, match="prober run FILE"):
        prober.measure("lonely", 1)


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    async def look(page: object) -> None: ...

    assert prober.journey(look) is look
    assert prober.journey(id="x")(look) is look


def test_what_an_author_imports_is_listed_in_order_and_has_the_version_of_the_package() -> None:
    constants = [name for name in prober.__all__ if name.isupper()]
    classes = [name for name in prober.__all__ if name[0].isupper() and name not in constants]
    others = [name for name in prober.__all__ if not name[0].isupper()]
    assert prober.__all__ == [*sorted(constants), *sorted(classes), *sorted(others)]
    assert prober.__version__ == importlib.metadata.version("prober")


def test_the_shipped_journeys_can_be_read() -> None:
    checks = Path(__file__).parent.parent / "checks"
    found = {file.stem: [(one.id, one.kind) for one in read_journeys(file)] for file in checks.glob("*.py")}
    assert found == {
        "purchase": [("purchase", "browser")],
        "login_totp": [("login", "browser")],
        "refund": [("refund", "api")],
    }
    assert not found.keys() & sys.modules.keys()
