"""What paintings were made from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nst_rt.commands.plan import PaintingJob
from nst_rt.commands.provenance import RECORD, Provenance

JOB = PaintingJob("a.png", "out/a.png")


@pytest.fixture
def out(folder: Path) -> Path:
    """A folder that paintings go into, beside a photo."""
    (folder / "a.png").write_bytes(b"photo")
    (folder / "out").mkdir()
    return folder / "out"


def provenance(**recipe: object) -> Provenance:
    return Provenance(lambda: recipe)


def test_what_is_not_noted_is_not_stale(out: Path) -> None:
    assert not provenance().is_stale(JOB)
    assert not provenance().is_stale(PaintingJob("a.png", "nowhere/a.png"))


def test_the_last_note_counts(out: Path) -> None:
    provenance(size=1).record(JOB)
    provenance(size=2).record(JOB)
    assert provenance(size=1).is_stale(JOB)
    assert not provenance(size=2).is_stale(JOB)
    assert not provenance(size=1).is_stale(PaintingJob("a.png", "out/b.png"))


def test_a_changed_photo_makes_its_painting_stale_and_a_touched_one_does_not(out: Path) -> None:
    provenance().record(JOB)
    os.utime("a.png", ns=(1, 1))
    assert not provenance().is_stale(JOB)
    Path("a.png").write_bytes(b"other")
    assert provenance().is_stale(JOB)


@pytest.mark.parametrize(
    "junk", ["", "null", "[]", "7", '{"painting": "a.png"', "\xff", '{"a": 1}']
)
def test_lines_that_are_none_are_passed_over(out: Path, junk: str) -> None:
    (out / RECORD).write_text(junk + "\n", encoding="latin-1")
    provenance(size=1).record(JOB)
    with (out / RECORD).open("a") as file:
        file.write(junk)  # as a full disk leaves it
    assert provenance(size=2).is_stale(JOB)


def test_names_that_are_no_text_are_noted(out: Path) -> None:
    job = PaintingJob("a.png", "out/\udcff\n.png")
    provenance(size=1).record(job)
    assert provenance(size=2).is_stale(job)
    assert json.loads((out / RECORD).read_bytes())["bytes"] == 5


def test_folder_that_takes_no_note_is_no_error(out: Path) -> None:
    (out / RECORD).mkdir()
    provenance().record(JOB)
    provenance().record(PaintingJob("gone.png", "out/gone.png"))
    assert not provenance().is_stale(JOB)
