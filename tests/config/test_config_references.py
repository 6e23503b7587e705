"""References are replaced inside scalars, and what they lack is told."""

from pathlib import Path

import pytest

from prober.config.references import References


def references(tmp_path: Path, **environ: str) -> References:
    return References(environ, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("x-${A}-${A}-y", "x-one-one-y"),
        ("${UNSET:-two}", "two"),
        ("${UNSET:-}", ""),
        ("${EMPTY:-two}", "two"),
        ("${A:-two}", "one"),
        ("${UNSET:-http://host:80/}", "http://host:80/"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("^a$", "^a$"),
        ("$A", "$A"),
    ],
)
def test_a_reference_becomes_its_value(tmp_path: Path, text: str, value: str) -> None:
    found = references(tmp_path, A="one", EMPTY="")
    assert found.substitute(text, ("a",), 1) == value
    assert found.missing == []


def test_what_is_put_in_is_not_looked_at_again(tmp_path: Path) -> None:
    assert references(tmp_path, A="${B}: [x]\n- y", B="no").substitute("${A}", (), 1) == "${B}: [x]\n- y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${A}", "the variable A is not set"),
        ("${EMPTY}", "the variable EMPTY is empty"),
        ("${file:gone}", "the file gone cannot be read: No such file or directory"),
        ("${file:.}", "the file . cannot be read: Is a directory"),
        ("${a-b}", "expected ${NAME}, ${NAME:-default} or ${file:/path}"),
        ("${A", "expected ${NAME}, ${NAME:-default} or ${file:/path}"),
        ("${}", "expected ${NAME}, ${NAME:-default} or ${file:/path}"),
    ],
)
def test_a_reference_to_nothing_stays_and_is_noted(tmp_path: Path, text: str, message: str) -> None:
    found = references(tmp_path, EMPTY="")
    assert found.substitute(f"x {text}", ("a", 0), 7) == f"x {text}"
    assert [(one.path, one.line, one.message) for one in found.missing] == [(("a", 0), 7, message)]
    assert ("a", 0) in found.open
    assert ("a",) in found.open


def test_a_file_is_read_beside_the_config_and_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abcd\n")
    found = references(tmp_path)
    assert found.substitute("Bearer ${file:token}", (), 1) == "Bearer abcd"
    assert list(found.shown_nowhere()) == ["abcd"]


def test_a_file_that_never_ends_is_refused(tmp_path: Path) -> None:
    found = references(tmp_path)
    found.substitute("${file:/dev/zero}", (), 1)
    assert found.missing[0].message == "the file /dev/zero cannot be read: larger than 64 KiB"


def test_values_of_telling_names_are_secrets_and_others_are_not(tmp_path: Path) -> None:
    found = references(tmp_path, API_TOKEN="t0k3n", SHOP_URL="http://shop")
    found.substitute("${API_TOKEN}${SHOP_URL}", (), 1)
    assert list(found.shown_nowhere()) == ["t0k3n"]
