"""What is read back of a run's files, whatever stands in them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fakes.alerts import AT, REGION
from fakes.kept_runs import asked

from prober.model import Reason, Verdict
from prober.store import StoredResult
from prober.web.runs.evidence import EVIDENCE_BYTES, read_evidence, shaped
from prober.web.runs.kept import FRAMES_SHOWN, File, frame, kept
from prober.web.runs.requests import FIRST, SLOWEST, requests_of
from prober.web.runs.words import REASONS


def artifact(path: Path, kind: str, **more: str) -> dict[str, str]:
    return {"kind": kind, "path": str(path), "id": f"id-{path.parent.name}-{path.name}", "url": "", **more}


def stored(*artifacts: dict[str, str]) -> StoredResult:
    return StoredResult("purchase", REGION, "r", AT, 1.0, Verdict.DOWN, Reason.STEP, "", {"artifacts": list(artifacts)})


def finding(*artifacts: dict[str, str]) -> Any:
    known = {one["id"]: (Path(one["path"]), one["kind"]) for one in artifacts}
    return lambda identity: known[identity] if identity in known and known[identity][0].is_file() else None


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b'{"version": 2}', b"[" * 100_000, b"\xff\xfe"])
def test_a_file_that_is_no_evidence_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evidence.json").write_bytes(content)
    assert read_evidence(tmp_path / "evidence.json") == {}
    assert read_evidence(tmp_path / "missing.json") == {}


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps({"version": 1, "page_errors": ["x" * EVIDENCE_BYTES]}))
    assert read_evidence(file) == {}


def test_rows_that_lack_what_pages_count_on_are_left_out() -> None:
    good = asked("/")
    bad = [{**good, key: value} for key, value in (("phases", None), ("url", 7), ("began_s", "0"), ("cached", None))]
    found = shaped({"requests": [good, *bad, None, "x"], "console": {"a": 1}, "page_errors": ["e", 3], "steps": 5})
    assert (found["requests"], found["console"], found["page_errors"], found["steps"]) == ([good], [], ["e"], [])


def test_only_the_last_try_is_shown_and_the_files_of_all_are_listed(tmp_path: Path) -> None:
    files = []
    for place in (tmp_path / "run", tmp_path / "run" / "attempt-2"):
        place.mkdir()
        for name, kind in (("2-pay-by-card.png", "screenshot"), ("evidence.json", "evidence")):
            content = {"version": 1, "page_errors": [place.name]}
            (place / name).write_text(json.dumps(content))
            files.append(artifact(place / name, kind))
    found = kept(stored(*files), finding(*files))
    (picture,) = found.pictures
    assert (picture.link, picture.step, picture.label, picture.failed) == (
        "artifacts/id-attempt-2-2-pay-by-card.png",
        1,
        "pay by card",
        True,
    )
    assert found.evidence["page_errors"] == ["attempt-2"]
    assert len(found.files) == 4


def test_files_of_another_prober_are_linked_there_and_those_that_went_are_named(tmp_path: Path) -> None:
    away = artifact(tmp_path / "a.png", "screenshot", url="https://eu.example/artifacts/1")
    gone = artifact(tmp_path / "b.png", "screenshot")
    evil = artifact(tmp_path / "c.png", "screenshot", url="javascript:alert(1)")
    found = kept(stored(away, gone, evil), lambda _: None)
    assert found.pictures == ()
    assert found.files == (
        File("screenshot", "a.png", "https://eu.example/artifacts/1", elsewhere=True),
        File("screenshot", "b.png", ""),
        File("screenshot", "c.png", ""),
    )


def test_a_long_filmstrip_is_thinned_and_only_its_own_pictures_are_read(tmp_path: Path) -> None:
    strip = tmp_path / "filmstrip.zip"
    with zipfile.ZipFile(strip, "w", zipfile.ZIP_DEFLATED) as box:
        for number in range(150):
            box.writestr(f"{number * 500:07d}.jpg", b"\xff\xd8")
        box.writestr("../../etc/passwd", b"x")
        box.writestr("0000001.jpg", b"\0" * 50_000_000)
    one = artifact(strip, "filmstrip")
    frames = kept(stored(one), finding(one)).frames
    assert len(frames) == 50 <= FRAMES_SHOWN
    assert frames[1] == (f"artifacts/{one['id']}/1", "1.5 s")
    assert frame(strip, 0) == b"\xff\xd8"
    assert (frame(strip, 50), frame(strip, -1), frame(tmp_path / "no.zip", 0)) == (None, None, None)


def test_of_many_requests_the_first_and_all_failed_ones_are_shown() -> None:
    many = [asked(f"/{n}", n / 10, 500 if n == 190 else 200, duration_s=n / 1000) for n in range(200)]
    shown = requests_of({"requests": many}, "")
    assert shown is not None
    assert (shown["count"], shown["shown"]) == (200, FIRST + 1)
    assert [row["name"] for row in shown["groups"][0]["rows"] if row["bad"]] == ["/190"]
    slowest = requests_of({"requests": many}, "slowest")
    assert slowest is not None
    assert slowest["shown"] == SLOWEST


def test_requests_are_chosen_by_type_and_by_party() -> None:
    others = asked("", url="https://ads.example/pixel.gif", type="image")
    ours = asked("", url="https://cdn.shop.example/hero.jpg", type="image")
    evidence = {"requests": [asked("/", 0.0, type="document"), others, ours]}
    for view, names in (("third-party", ["/pixel.gif"]), ("image", ["/pixel.gif", "/hero.jpg"]), ("failed", [])):
        shown = requests_of(evidence, view)
        assert shown is not None
        assert [row["name"] for group in shown["groups"] for row in group["rows"]] == names
    shown = requests_of(evidence, "<script>")
    assert shown is not None
    assert shown["view"] == ""


def test_every_reason_is_said_in_a_sentence() -> None:
    assert set(REASONS) == set(Reason)
    assert all(text.endswith(".") for text in REASONS.values())
    assert all(("nothing of the target" in REASONS[reason]) == reason.ours for reason in Reason)
