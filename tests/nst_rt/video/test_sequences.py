"""Pictures in folders: their order, their times, and nothing overwritten in silence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.errors import InputError, LimitError, OutputError, UsageError
from nst_rt.video.frame_conversion import convert_frames
from nst_rt.video.frames import Frame
from nst_rt.video.sequences import ImageSequenceSink, ImageSequenceSource, is_sequence
from tests.nst_rt.video.inverting import Inverting


def save(path: Path, level: int, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


def levels(source: ImageSequenceSource) -> list[int]:
    return [int(frame.rgb[0, 0, 0]) for frame in source]


def test_folder_is_read_in_the_order_that_people_count_in(tmp_path: Path) -> None:
    names = ["frame1.png", "Frame2.png", "frame10.png", "frame10b.bmp", "frame010c.png", "z1.png"]
    for level, name in enumerate(names):
        save(tmp_path / name, level)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    source = ImageSequenceSource(str(tmp_path), rate=Fraction(24000, 1001))
    assert levels(source) == list(range(6))
    assert (source.count, source.width, source.height) == (6, 6, 4)
    assert [frame.time for frame in source] == [Fraction(1001 * n, 24000) for n in range(6)]


def test_pattern_takes_its_own_numbers_alone(tmp_path: Path, caplog) -> None:
    for number in (9, 10, 123456):
        save(tmp_path / f"a[{number:05d}].png", number % 251)
    for name in ("a[011].png", "a[000012].png", "a[00013].png.png", "b[00014].png"):
        save(tmp_path / name, 99)
    source = ImageSequenceSource(str(tmp_path / "a[%05d].png"))
    assert levels(source) == [9, 10, 123456 % 251]
    assert "123445 of the numbers from 9 to 123456 are missing" in caplog.text
    caplog.clear()
    for number in (1, 2):
        save(tmp_path / f"{number}.png", number)
    assert levels(ImageSequenceSource(str(tmp_path / "%d.png"))) == [1, 2]
    assert not caplog.text


def test_frames_become_numbered_pictures_with_alpha(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"in/{number}.png", number)
    alpha = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    last = Image.new("RGB", (6, 4), (7, 7, 7))
    last.putalpha(alpha)
    last.save(tmp_path / "in/9.png")
    source = ImageSequenceSource(str(tmp_path / "in"))
    sink = ImageSequenceSink(str(tmp_path / "out/%03d.png"))
    convert_frames(source, sink, Inverting())
    written = ImageSequenceSource(str(tmp_path / "out/%03d.png"))
    assert levels(written) == [255, 254, 253, 248]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"00{number}.png" for number in range(1, 5)
    ]
    with Image.open(tmp_path / "out/004.png") as image:
        assert (np.asarray(image.getchannel("A")) == np.asarray(alpha)).all()


def test_folder_as_an_output_gets_numbers(tmp_path: Path) -> None:
    sink = ImageSequenceSink(f"{tmp_path}/new/")
    sink.write(Frame(np.zeros((2, 2, 3), np.uint8), Fraction(0), Fraction(1)))
    sink.finish()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["00001.png"]


def test_pictures_that_are_there_are_replaced_when_asked_alone(tmp_path: Path, caplog) -> None:
    for number in (0, 2, 7):
        save(tmp_path / f"{number}.png", number)
    with pytest.raises(UsageError, match=r"0\.png: exists already; pass overwrite=True"):
        ImageSequenceSink(str(tmp_path / "%d.png"))
    sink = ImageSequenceSink(str(tmp_path / "%d.png"), overwrite=True)
    for _ in range(3):
        sink.write(Frame(np.full((2, 2, 3), 90, np.uint8), Fraction(0), Fraction(1)))
    sink.finish()
    assert "2 pictures of an earlier video stay, the first is number 0" in caplog.text
    assert np.asarray(Image.open(tmp_path / "2.png")).max() == 90


def test_other_sizes_are_scaled_and_told_once(tmp_path: Path, caplog) -> None:
    save(tmp_path / "1.png", 1)
    for number in (2, 3):
        save(tmp_path / f"{number}.png", number, (12, 9))
    source = ImageSequenceSource(str(tmp_path))
    assert [frame.rgb.shape for frame in source] == [(4, 6, 3)] * 3
    assert caplog.text.count("is 12x9; it and others are scaled to the 6x4 of the first") == 1


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no pictures"):
        ImageSequenceSource(str(tmp_path))
    with pytest.raises(InputError, match=r"%d\.png: contains no pictures"):
        ImageSequenceSource(str(tmp_path / "none" / "%d.png"))
    save(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    with pytest.raises(InputError, match=r"2\.png"):
        levels(ImageSequenceSource(str(tmp_path)))
    with pytest.raises(LimitError):
        ImageSequenceSource(str(tmp_path), max_pixels=23)
    with pytest.raises(UsageError, match="rate is 0; choose it from"):
        ImageSequenceSource(str(tmp_path), rate=Fraction(0))
    with pytest.raises(OutputError, match="no picture format"):
        ImageSequenceSink(str(tmp_path / "%d.svg"))
    with pytest.raises(OutputError, match="there is no frame to write"):
        ImageSequenceSink(str(tmp_path / "new")).finish()


def test_names_that_mean_a_sequence(tmp_path: Path) -> None:
    assert is_sequence(str(tmp_path))
    assert is_sequence("new/")
    assert is_sequence("frames/%d.jpg")
    assert is_sequence("frames/a%05db.PNG")
    save(tmp_path / "100%done.png", 0)
    assert not is_sequence(str(tmp_path / "100%done.png"))
    assert not is_sequence("%d.mp4")
    assert not is_sequence("frames%d/a.png")
