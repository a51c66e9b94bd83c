"""The programs on video notice what they are there to notice."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import video_clips, video_memory, video_resume, video_speed
from nst_rt import Stylizer
from nst_rt.video.converting import convert
from tests.nst_rt.video.clips import Sound, make_clip
from tests.nst_rt.video.inverting import Inverting


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(
        tmp_path / "clip.mp4",
        [0, 33, 70, 71, 150, 400],
        rotation=90,
        color=(1, 1, 1, 1),
        sounds=[Sound(language="deu")],
    )


def row(source: Path, painted: Path) -> dict:
    before, after = video_clips.contents(source), video_clips.contents(painted)
    return video_clips.row_of(before, after, source.name, painted.suffix)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_painted_clip_has_no_difference(clip, tmp_path: Path, suffix) -> None:
    target = tmp_path / f"painted{suffix}"
    convert(clip, target, Inverting())
    found = row(clip, target)
    assert found["differs"] == ""
    assert (found["frames"], found["packets copied"], found["rotation"]) == (6, 4, 90)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"pts": [0, 33, 70, 72, 150, 400]}, "times"),
        ({"pts": [0, 33, 70, 71, 150]}, "number of frames"),
        ({"rotation": 0}, "rotation"),
        ({"aspect": Fraction(4, 3)}, "aspect"),
        ({"color": None}, "colour tags"),
        ({"color": (6, 6, 6, 1)}, "colour tags"),
        ({"last": 80}, "last duration"),
        ({"sounds": []}, "tracks"),
        ({"sounds": [Sound(language="fra")]}, "language of audio 0"),
        ({"sounds": [Sound(language="deu", start=Fraction(1, 10))]}, "a packet of audio 0 at"),
    ],
)
def test_what_is_not_kept_is_named(clip, tmp_path: Path, changed, differs) -> None:
    as_it_was = {
        "pts": [0, 33, 70, 71, 150, 400],
        "rotation": 90,
        "color": (1, 1, 1, 1),
        "sounds": [Sound(language="deu")],
    }
    other = make_clip(tmp_path / "other.mp4", **{**as_it_was, **changed})
    assert differs in row(clip, other)["differs"]


def test_memory_that_rises_fails_the_program(tmp_path: Path, monkeypatch) -> None:
    flat = [(frame, 150 << 20) for frame in range(100, 2001, 100)]
    rising = [(frame, (150 << 20) + frame * 1024) for frame, _ in flat]
    assert video_memory.rise_mib(flat) == pytest.approx(0, abs=1e-6)
    assert video_memory.rise_mib(rising) == pytest.approx(10_000 / 1024)
    for seen, code in ((flat, 0), (rising, 1)):
        found = {"frames": 1000, "seconds": 5.0, "seen": seen}
        monkeypatch.setattr(video_memory, "measured", lambda *arguments, found=found: found)
        arguments = ["--frames", "1000", "--results", str(tmp_path)]
        result = CliRunner().invoke(video_memory.video_memory, arguments, catch_exceptions=False)
        assert result.exit_code == code
    assert json.loads((tmp_path / "video_memory.json").read_bytes())["rows"][0]["frames"] == 1000


@pytest.mark.parametrize(("same", "code"), [(True, 0), (False, 1)])
def test_video_that_is_not_the_same_fails_the_program(
    tmp_path: Path, monkeypatch, same, code
) -> None:
    class Told:
        def __init__(self, *arguments: object) -> None:
            pass

        def run(self, kills: int) -> list[dict]:
            killed = [{"killed": True, "kept frames": 100}] * kills
            return [*killed, {"killed": False, "painted at last": 200, "same": same}]

    monkeypatch.setattr(video_resume, "Trial", Told)
    arguments = ["--kills", "7", "--results", str(tmp_path)]
    result = CliRunner().invoke(video_resume.video_resume, arguments, catch_exceptions=False)
    assert result.exit_code == code
    assert "| 7 | 2 | 300 | " in result.output


def test_no_pipeline_passes_its_slowest_stage_or_the_processors() -> None:
    alone = {"decode": (1.0, 1.5), "paint": (8.0, 16.0), "encode": (4.0, 6.5)}
    limits = video_speed.bounds(alone, frames=80, cpus=2)
    assert limits == {"slowest stage alone": 10, "processors": pytest.approx(160 / 24)}


def test_stages_alone_do_what_they_do_together(tmp_path: Path, clip: Path) -> None:
    with Stylizer("starry-night", device="cpu", size=64) as stylizer:
        stages = video_speed.Stages(clip, stylizer, tmp_path)
        for work in stages.alone().values():
            work()
        stages.together()
    assert len(stages.coded) == 6
    assert (tmp_path / "together.mp4").exists()
