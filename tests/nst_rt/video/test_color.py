"""Colours come out as they went in, by the stream's own matrix and range, and the tags say which.

What is right is worked out here from the definitions of H.273, not by the library that converts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nst_rt.errors import InputError
from nst_rt.video.converting import convert
from nst_rt.video.encoding import Encoding
from nst_rt.video.frames import Frame
from nst_rt.video.selection import Selection

from .clips import KR_KB, make_clip
from .contents import shown
from .inverting import Keeping

SD, HD = (6, 6, 6, 1), (1, 1, 1, 1)
PATCHES = np.array(
    [
        (200, 30, 40), (30, 180, 60), (40, 60, 200), (250, 250, 250), (8, 8, 8),
        (220, 200, 30), (30, 200, 200), (180, 60, 190), (128, 128, 128), (230, 170, 140),
    ],
    np.uint8,
)  # fmt: skip
WIDE = 16 * len(PATCHES)
FINE = Encoding(crf=1)


def patches(index: int, height: int, width: int) -> np.ndarray:
    row = np.repeat(PATCHES, width // len(PATCHES), axis=0)
    return np.broadcast_to(row[None], (height, width, 3)).copy()


def centres(picture: np.ndarray) -> np.ndarray:
    """The middle of every patch, as float."""
    step = picture.shape[1] // len(PATCHES)
    return picture[picture.shape[0] // 2, step // 2 :: step].astype(float)


def rgb_of(frame: Any, matrix: int, full: bool) -> np.ndarray:
    """The patches of a decoded 4:2:0 frame of 8 bits, by the definition."""
    y, cb, cr = (centres(samples(plane)) for plane in frame.planes)
    if full:
        luma, blue, red = y / 255, (cb - 128) / 255, (cr - 128) / 255
    else:
        luma, blue, red = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    kr, kb = KR_KB[matrix]
    r = luma + 2 * (1 - kr) * red
    b = luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.stack([r, g, b], axis=-1).clip(0, 1) * 255


def samples(plane: Any) -> np.ndarray:
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def tags(frame: Any) -> tuple[int, int, int, int]:
    return (
        int(frame.colorspace),
        int(frame.color_primaries),
        int(frame.color_trc),
        int(frame.color_range),
    )


class Watching(Keeping):
    """Remembers the patches that it was given."""

    def paint(self, frame: Frame) -> Frame:
        self.seen = centres(frame.rgb)
        return super().paint(frame)


CASES = {
    "601 tagged SD": (SD, 48, SD),
    "470BG tagged SD": ((5, 5, 6, 1), 48, (5, 5, 6, 1)),
    "untagged SD": (None, 48, SD),
    "709 tagged SD": (HD, 48, HD),
    "709 tagged HD": (HD, 720, HD),
    "601 tagged HD": (SD, 720, SD),
    "untagged HD": ((2, 2, 2, 0), 720, HD),
    "709 full": ((1, 1, 1, 2), 48, (1, 1, 1, 2)),
    "601 full": ((6, 6, 6, 2), 48, (6, 6, 6, 2)),
    "2020": ((9, 9, 14, 1), 48, (9, 9, 14, 1)),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", CASES)
def test_colors_stay_within_2_codes_and_are_tagged(
    tmp_path: Path, monkeypatch, name, suffix
) -> None:
    coded_as, height, expected = CASES[name]
    if name == "untagged HD":  # made by the matrix that players take for it
        monkeypatch.setattr("tests.nst_rt.video.clips.UNTAGGED_MATRIX", 1)
    clip = make_clip(
        tmp_path / f"clip{suffix}", [0, 40], size=(WIDE, height), picture=patches, color=coded_as
    )
    painter, target = Watching(), tmp_path / f"painted{suffix}"
    convert(clip, target, painter, encoding=FINE)
    assert np.abs(painter.seen - PATCHES).max() <= 2
    frame = shown(target)[0].frame
    assert tags(frame) == expected
    full = expected[3] == 2
    assert np.abs(rgb_of(frame, expected[0], full) - PATCHES).max() <= 2


def test_full_range_that_only_the_tag_tells_of_is_respected(tmp_path: Path) -> None:
    """Decoders of H.264 give it a pixel format of its own, others do not."""
    clip = make_clip(
        tmp_path / "clip.mkv",
        [0, 40],
        size=(WIDE, 48),
        picture=patches,
        codec="ffv1",
        color=(1, 1, 1, 2),
    )
    assert shown(clip)[0].frame.format.name == "yuv420p"
    painter, target = Watching(), tmp_path / "painted.mkv"
    convert(clip, target, painter, encoding=Encoding(codec="ffv1"))
    assert np.abs(painter.seen - PATCHES).max() <= 2
    assert tags(shown(target)[0].frame) == (1, 1, 1, 2)


def test_source_in_rgb_is_coded_and_tagged(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "clip.mkv",
        [0, 40],
        size=(WIDE, 48),
        picture=patches,
        codec="ffv1",
        pixel_format="bgra",
    )
    painter, target = Watching(), tmp_path / "painted.mp4"
    convert(clip, target, painter, encoding=FINE)
    assert (painter.seen == PATCHES).all()
    frame = shown(target)[0].frame
    assert tags(frame) == SD
    assert np.abs(rgb_of(frame, 6, full=False) - PATCHES).max() <= 2


def ramp_clip(path: Path) -> Path:
    """A grey ramp in 10 bits, 4 codes of 8 bits wide for each pixel of 16."""
    luma = np.linspace(64, 940, 256).round().astype(np.uint16)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 16, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        frame = av.VideoFrame(256, 16, "yuv420p10le")
        for plane, row in zip(
            frame.planes, (luma, np.full(128, 512), np.full(128, 512)), strict=True
        ):
            lines = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            lines[:, : len(row)] = row
            plane.update(lines.tobytes())
        frame.colorspace, frame.color_range, frame.pts = 1, 1, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def luma_of(frame: Any) -> np.ndarray:
    plane, wide = frame.planes[0], "10" in frame.format.name
    row = np.frombuffer(bytes(plane), np.uint16 if wide else np.uint8)[: frame.width]
    return row.astype(int)


def test_ten_bits_become_eight_with_one_line_and_no_bands(tmp_path: Path, caplog) -> None:
    target = tmp_path / "painted.mkv"
    convert(ramp_clip(tmp_path / "clip.mkv"), target, Keeping(), encoding=Encoding(codec="ffv1"))
    said = [line for line in caplog.messages if "bits" in line]
    assert len(said) == 1
    assert said[0].startswith(
        "the video has 10 bits, the painting is written with 8; pixel_format "
    )
    row = luma_of(shown(target)[0].frame)
    assert (np.diff(row) >= 0).all()
    assert np.abs(row - np.linspace(16, 235, 256)).max() <= 1


def test_ten_bits_come_out_where_they_are_asked_for(tmp_path: Path, caplog) -> None:
    target = tmp_path / "painted.mkv"
    encoding = Encoding(codec="ffv1", pixel_format="yuv420p10le")
    convert(ramp_clip(tmp_path / "clip.mkv"), target, Keeping(), encoding=encoding)
    frame = shown(target)[0].frame
    assert frame.format.name == "yuv420p10le"
    assert [line for line in caplog.messages if "bits" in line] == []
    assert np.abs(luma_of(frame) - np.linspace(64, 940, 256)).max() <= 4


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx265", ".mp4"), ("libsvtav1", ".mkv")]
)
def test_encoders_write_ten_bits(tmp_path: Path, codec, suffix) -> None:
    clip, target = make_clip(tmp_path / "clip.mp4", [0, 40]), tmp_path / f"painted{suffix}"
    encoding = Encoding(codec=codec, pixel_format="yuv420p10le")
    convert(clip, target, Keeping(), encoding=encoding)
    found = shown(target)
    assert [frame.frame.format.name for frame in found] == ["yuv420p10le"] * 2
    assert [frame.number for frame in found] == [0, 1]


@pytest.fixture(params=[(16, "PQ"), (18, "HLG")], ids=["PQ", "HLG"])
def hdr(request, tmp_path: Path) -> tuple[Path, int, str]:
    transfer, name = request.param
    clip = make_clip(
        tmp_path / "hdr.mp4",
        range(0, 160, 40),
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": "log-level=none"},
        color=(9, 9, transfer, 1),
    )
    return clip, transfer, name


def test_high_dynamic_range_is_refused_by_default(hdr, tmp_path: Path) -> None:
    clip, _, name = hdr
    with pytest.raises(InputError, match=rf"is of high dynamic range \({name}\), .*; hdr="):
        convert(clip, tmp_path / "painted.mp4", Keeping())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hdr.mp4"]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_passing_through_keeps_the_tags(hdr, tmp_path: Path, codec, suffix) -> None:
    clip, transfer, _ = hdr
    target = tmp_path / f"painted{suffix}"
    encoding = Encoding(codec=codec, pixel_format="yuv420p10le")
    convert(clip, target, Keeping(), encoding=encoding, selection=Selection(hdr="passthrough"))
    frame = shown(target)[1]
    assert tags(frame.frame) == (9, 9, transfer, 1)
    assert (frame.frame.format.name, frame.number) == ("yuv420p10le", 1)
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (9, 9, transfer)
