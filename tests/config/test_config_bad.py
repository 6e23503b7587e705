"""One file per mistake in tests/bad: its head says what is told of it, and nothing else is."""

from pathlib import Path

import pytest

from prober.config import load
from prober.faults import ConfigFault

FILES = sorted((Path(__file__).parents[1] / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_is_told_with_its_line_its_path_and_what_to_do(path: Path) -> None:
    lines = path.read_text().splitlines()
    expected = [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]
    with pytest.raises(ConfigFault) as caught:
        load(path, {}, lenient=False)
    told = [str(error) for error in caught.value.errors]
    assert len(told) == len(expected), told
    for found, wanted in zip(told, expected, strict=True):
        assert found.startswith(wanted)


def test_there_is_a_file_for_every_kind_of_mistake() -> None:
    assert len(FILES) > 50
