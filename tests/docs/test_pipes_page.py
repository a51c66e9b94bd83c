"""What the page on pipes says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nst_rt.commands.video import video
from nst_rt.video.animations import _MAX_PICTURES, _SOLID, ANIMATIONS
from nst_rt.video.opening import is_video_file
from nst_rt.video.sequences import FOLDER_PATTERN


@pytest.fixture
def page() -> str:
    return (Path(__file__).parents[2] / "docs/video-pipes.md").read_text(encoding="utf-8")


def test_options_exist(page: str) -> None:
    known = {option for parameter in video.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", page)) <= known


def test_names_are_told_apart_as_it_says(page: str, tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE)
    named = re.findall(r"`([^`]+)`", " ".join(rows))
    assert {name for name in named if name in ANIMATIONS} == set(ANIMATIONS)
    for name in (*named, str(tmp_path)):
        assert not is_video_file(name if "/" in name or name == "-" else f"video{name}")


def test_numbers_are_those_of_the_code(page: str) -> None:
    assert (_MAX_PICTURES, _SOLID) == (100, 128)
    assert f"alpha {_SOLID} and more" in page
    assert "a hundred times" in " ".join(page.split())
    assert f"`{FOLDER_PATTERN}`" in page
