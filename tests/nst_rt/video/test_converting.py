"""One call paints a video of any kind into any kind, and destroys nothing on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, UnsafeError, UsageError
from nst_rt.system.lock import locked
from nst_rt.video import Selection, convert
from nst_rt.video.animations import AnimationSource

from .clips import make_clip, numbered
from .contents import shown
from .inverting import Inverting

DELAYS = [100, 30, 250, 1000]


def inverted(count: int) -> list[int]:
    return [255 - index for index in range(count)]


@pytest.fixture
def animation(tmp_path: Path) -> Path:
    first, *rest = (Image.fromarray(numbered(index, 48, 64)) for index in range(4))
    path = tmp_path / "in.gif"
    first.save(path, save_all=True, append_images=rest, duration=DELAYS, loop=2)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    for index in range(12):  # 10 comes after 9
        Image.fromarray(numbered(index, 48, 64)).save(path / f"{index}.png")
    return path


def test_animation_becomes_a_video_file(animation, tmp_path: Path) -> None:
    done = convert(animation, tmp_path / "out.mp4", Inverting())
    frames = shown(tmp_path / "out.mp4")
    assert (done.frames, done.width, done.height) == (4, 64, 48)
    assert [frame.number for frame in frames] == inverted(4)
    assert [frame.time * 1000 for frame in frames] == [0, 100, 130, 380]


def test_folder_becomes_a_video_file_at_a_rate(folder, tmp_path: Path) -> None:
    convert(str(folder), tmp_path / "out.mp4", Inverting(), rate=Fraction(10))
    frames = shown(tmp_path / "out.mp4")
    assert [frame.number for frame in frames] == inverted(12)
    assert [frame.time * 10 for frame in frames] == list(range(12))


def test_video_file_becomes_an_animation_and_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", range(0, 1000, 100))
    section = Selection(start=Fraction(3, 10), duration=Fraction(2, 10))
    convert(clip, tmp_path / "out.webp", Inverting(), selection=section)
    assert [frame.duration for frame in AnimationSource(tmp_path / "out.webp")] == [
        Fraction(1, 10)
    ] * 2
    convert(clip, f"{tmp_path}/new/", Inverting())
    assert len(list((tmp_path / "new").glob("*.png"))) == 10


def test_section_of_an_animation_counts_from_its_start(animation, tmp_path: Path) -> None:
    convert(animation, tmp_path / "out.mkv", Inverting(), selection=Selection(Fraction(1, 10)))
    assert [frame.time * 1000 for frame in shown(tmp_path / "out.mkv")] == [0, 30, 280]


def test_raw_pixels_go_where_write_takes_them(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
    (tmp_path / "in.rgb").write_bytes(frames.tobytes())
    written: list[bytes] = []
    convert(
        tmp_path / "in.rgb", "-", Inverting(), size=(4, 6), write=lambda b: written.append(bytes(b))
    )
    assert b"".join(written) == (255 - frames).tobytes()


def test_source_is_never_its_own_output(animation, folder, tmp_path: Path) -> None:
    for source, target in (
        (animation, animation),
        (folder, f"{folder}/%05d.png"),
        (f"{folder}/%d.png", folder),
    ):
        with pytest.raises(UsageError, match="is the video itself; choose another output"):
            convert(source, target, Inverting(), overwrite=True)
    assert len(list(folder.iterdir())) == 12


def test_what_does_not_fit_together_is_refused(animation, tmp_path: Path) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4"), tmp_path / "out.gif"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"can be resumed; leave resume \(--resume\) out"):
        convert(clip, target, Inverting(), resume=True)
    for output in (target, tmp_path / "out.mp4"):
        with pytest.raises(UsageError, match=r"has its own times; leave rate \(--rate\) out"):
            convert(clip, output, Inverting(), rate=Fraction(5))
    with pytest.raises(UsageError, match="target is None, which no file is called"):
        convert(animation, None, Inverting())  # type: ignore[arg-type]
    with pytest.raises(UnsafeError, match="is an address on a network, not a file; download it"):
        convert("https://example.org/a.gif", target, Inverting())
    with pytest.raises(InputError, match="no such file"):
        convert(tmp_path / "absent.gif", target, Inverting())
    assert sorted(tmp_path.iterdir()) == before


def test_output_is_written_by_one_conversion_at_a_time(animation, tmp_path: Path) -> None:
    with locked(tmp_path / "out.webp"), pytest.raises(UsageError, match="is being written by"):
        convert(animation, tmp_path / "out.webp", Inverting())


def test_folder_that_is_the_current_one_is_written_into(animation, tmp_path, monkeypatch) -> None:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    convert(animation, Path(), Inverting())
    assert sorted(path.name for path in place.iterdir()) == [f"0000{n}.png" for n in range(1, 5)]
