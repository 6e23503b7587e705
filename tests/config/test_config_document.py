"""YAML within bounds, scalars without surprises, lines kept."""

import pytest

from prober.config.document import MAX_BYTES, Refused, parse
from prober.config.tree import build, line_of, show_path


def read(text: str | bytes) -> object:
    root, errors = parse(text if isinstance(text, bytes) else text.encode())
    assert errors == []
    return build(root, lambda text, path, line: text)


def refusal(text: str | bytes) -> str:
    with pytest.raises(Refused) as caught:
        parse(text if isinstance(text, bytes) else text.encode())
    return str(caught.value.error)


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "y", "22:22", "012", "0x1f", "0o17", "1e3", "1_000", "2026-01-31", ".5", "1.", ".inf"],
)
def test_what_yaml_1_1_would_bend_stays_text(text: str) -> None:
    assert read(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("~", None), ("", None), ("null", None), ("0", 0), ("-17", -17), ("2.50", 2.5)],
)
def test_the_scalars_of_yaml_1_2_are_read(text: str, value: object) -> None:
    found = read(f"a: {text}")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ['"5"', "'true'", '""', "!!str 5", "! 5", "|-\n  5"])
def test_quoted_and_block_scalars_are_text(text: str) -> None:
    found = read(f"a: {text}")
    assert isinstance(found, dict)
    assert isinstance(found["a"], str)


def test_a_number_too_long_to_be_meant_stays_text() -> None:
    assert read("a: " + "9" * 5000) == {"a": "9" * 5000}


def test_keys_are_always_text() -> None:
    assert read("{200: a, true: b, ~: c}") == {"200": "a", "true": "b", "~": "c"}


def test_an_alias_stands_for_its_anchor() -> None:
    assert read("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


def test_a_byte_order_mark_is_allowed() -> None:
    assert read(b"\xef\xbb\xbfa: 1") == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings_than_utf_8_are_refused(encoding: str) -> None:
    assert "not UTF-8" in refusal("a: é".encode(encoding)) or encoding == "utf-32"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "a:\n " * 1])
def test_no_depth_of_nesting_escapes_as_a_recursion_error(opening: str) -> None:
    assert refusal("top: " + opening * 100_000)


def test_a_file_over_the_size_limit_is_refused() -> None:
    assert refusal(b"a" * (MAX_BYTES + 1)) == "larger than 16 MiB"


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "5,000,000" in refusal("\n".join(rows))


def test_depth_counts_through_aliases() -> None:
    rows = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    assert "32 levels" in refusal("\n".join(rows))


def test_duplicate_keys_are_told_with_both_lines_and_reading_goes_on() -> None:
    root, errors = parse(b"a: 1\nb: {x: 1,\n  x: 2}\na: 3\n")
    assert [str(error) for error in errors] == [
        "line 3: b.x: the key stands here twice, first on line 2",
        "line 4: a: the key stands here twice, first on line 1",
    ]
    assert build(root, lambda text, path, line: text) == {"a": 1, "b": {"x": 1}}


def test_lines_are_found_by_path() -> None:
    root, _ = parse(b"checks:\n  - id: a\n    tags:\n      - x\n      - y\n")
    assert line_of(root, ("checks", 0, "tags", 1)) == 5
    assert line_of(root, ("checks", 0, "missing")) == 2


def test_paths_are_shown_as_a_user_would_point_at_them() -> None:
    assert (
        show_path(("checks", 3, "expect", "json", "services.database")) == "checks[3].expect.json['services.database']"
    )
