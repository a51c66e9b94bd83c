"""y4m: read as its header says, written so that FFmpeg reads the same colours."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from nst_rt.errors import InputError, LimitError
from nst_rt.video.color import assumed_color, to_rgb
from nst_rt.video.frames import Frame
from nst_rt.video.pipes import ByteReader, ByteWriter
from nst_rt.video.yuv4mpeg import Y4mSink, Y4mSource, parse

PATCHES = [(200, 30, 40), (20, 180, 60), (30, 50, 220), (128, 128, 128), (255, 255, 255), (0, 0, 0)]


def coded(rgb: tuple[int, ...], lines: int, bits: int = 8, full: bool = False) -> list[int]:
    """Y, Cb and Cr by the formulas of H.273."""
    red, blue = (0.2126, 0.0722) if lines >= 720 else (0.299, 0.114)
    r, g, b = (value / 255 for value in rgb)
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)
    if full:
        top = 2**bits - 1
        values = [top * y, *(top * c + 2 ** (bits - 1) for c in chroma)]
    else:
        values = [219 * y + 16, *(224 * c + 128 for c in chroma)]
        values = [value * 2 ** (bits - 8) for value in values]
    return [min(round(value), 2**bits - 1) for value in values]


def flat(
    rgb, width: int, height: int, subsampling: str, bits: int = 8, full: bool = False
) -> bytes:
    """The planes of one flat frame."""
    samples = coded(rgb, height, bits, full)
    across = width if subsampling == "444" else (width + 1) // 2
    down = (height + 1) // 2 if subsampling == "420" else height
    sizes = [width * height] + [across * down] * (0 if subsampling == "mono" else 2)
    kind = "<u2" if bits > 8 else np.uint8
    planes = [np.full(size, value, kind) for size, value in zip(sizes, samples, strict=False)]
    return b"".join(plane.tobytes() for plane in planes)


def written(path: Path, header: str, *frames: bytes, mark: bytes = b"FRAME\n") -> ByteReader:
    path.write_bytes(f"YUV4MPEG2 {header}\n".encode() + b"".join(mark + data for data in frames))
    return ByteReader(str(path))


@pytest.mark.parametrize("height", [47, 720])
@pytest.mark.parametrize(
    ("chroma", "subsampling", "bits"),
    [
        ("", "420", 8), ("C420jpeg", "420", 8), ("C420mpeg2", "420", 8), ("C420paldv", "420", 8),
        ("C422", "422", 8), ("C444", "444", 8), ("C420p10", "420", 10), ("C422p10", "422", 10),
        ("C444p12", "444", 12),
    ],
)  # fmt: skip
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_of_matrix_and_range(
    height, chroma, subsampling, bits, full, tmp_path: Path
) -> None:
    frames = [flat(rgb, 21, height, subsampling, bits, full) for rgb in PATCHES]
    tag = " XCOLORRANGE=FULL" if full else ""
    header = f"W21 H{height} F30000:1001 Ip A1:1 {chroma}{tag}"
    source = Y4mSource(written(tmp_path / "v.y4m", header, *frames))
    assert (source.width, source.height, source.count) == (21, height, len(PATCHES))
    assert source.rate == Fraction(30000, 1001)
    for number, (rgb, frame) in enumerate(zip(PATCHES, source, strict=True)):
        assert np.abs(frame.rgb.astype(int) - rgb).max() <= 2
        assert frame.time == number * Fraction(1001, 30000)


@pytest.mark.parametrize(("chroma", "bits"), [("Cmono", 8), ("Cmono10", 10)])
@pytest.mark.parametrize("full", [False, True])
def test_mono_is_gray_of_its_range(chroma, bits, full, tmp_path: Path) -> None:
    frames = [flat((gray,) * 3, 21, 10, "mono", bits, full) for gray in (0, 100, 255)]
    tag = " XCOLORRANGE=FULL" if full else " XCOLORRANGE=LIMITED"
    source = Y4mSource(written(tmp_path / "v.y4m", f"W21 H10 F25:1 {chroma}{tag}", *frames))
    for gray, frame in zip((0, 100, 255), source, strict=True):
        assert np.abs(frame.rgb.astype(int) - gray).max() <= 1


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (1, 1), (721, 35)])
def test_ffmpeg_reads_what_is_written(size, photo) -> None:
    height, width = size
    pictures = [
        np.resize(photo, (*size, 3)),
        *(np.full((*size, 3), rgb, np.uint8) for rgb in PATCHES),
    ]
    buffer = io.BytesIO()
    sink = Y4mSink(ByteWriter("-", buffer.write), SimpleNamespace(rate=Fraction(24000, 1001)), size)
    for number, rgb in enumerate(pictures):
        sink.write(Frame(rgb, Fraction(number), Fraction(1)))
    sink.finish()
    buffer.seek(0)
    with av.open(buffer, format="yuv4mpegpipe") as container:
        (stream,) = container.streams.video
        assert stream.average_rate == Fraction(24000, 1001)
        assert (stream.width, stream.height, stream.format.name) == (width, height, "yuv420p")
        decoded = list(container.decode(stream))
    assert len(decoded) == len(pictures)
    assert {int(frame.color_range) for frame in decoded} == {1}
    for rgb, frame in zip(pictures[1:], decoded[1:], strict=True):
        y, cb, cr = (int(np.frombuffer(plane, np.uint8)[0]) for plane in frame.planes)
        assert np.abs(np.subtract((y, cb, cr), coded(tuple(rgb[0, 0]), height))).max() <= 1
        assert (
            np.abs(to_rgb(frame, assumed_color(height), width, height).astype(int) - rgb).max() <= 2
        )


def test_what_is_written_is_read_again(photo, tmp_path: Path) -> None:
    smooth = np.repeat(np.repeat(photo[:24, :32], 2, 0), 2, 1)  # 4:2:0 keeps one colour in four
    path = tmp_path / "v.y4m"
    sink = Y4mSink(ByteWriter(str(path)), SimpleNamespace(rate=None), (48, 64))
    sink.write(Frame(smooth, Fraction(0), Fraction(1)))
    sink.finish()
    (frame,) = Y4mSource(ByteReader(str(path)))
    assert np.abs(frame.rgb.astype(int) - smooth).mean() < 1


def test_parameters_of_frames_and_unknown_tags_are_passed_over(tmp_path: Path, caplog) -> None:
    frame = flat((128,) * 3, 4, 4, "420")
    reader = written(
        tmp_path / "v.y4m", "W4 H4 F0:0 It A0:0 XYSCSS=420JPEG XFOO=1", frame, frame,
        mark=b"FRAME Ip XBAR\n",
    )  # fmt: skip
    source = Y4mSource(reader)
    assert [frame.time for frame in source] == [0, Fraction(1, 25)]
    assert "states no frame rate; 25 is assumed" in caplog.text
    assert "is interlaced" in caplog.text
    reader = written(tmp_path / "v.y4m", "W4 H4 F0:0", frame)
    assert Y4mSource(reader, rate=Fraction(12)).rate == 12


@pytest.mark.parametrize(
    ("chroma", "subsampling", "pixel_format"),
    [
        ("C422", "422", "yuv422p"), ("C444p10", "444", "yuv444p"), ("Cmono", "mono", "yuv420p"),
        ("C420paldv", "420", "yuv420p"),
    ],
)  # fmt: skip
def test_y4m_keeps_its_kind_its_lines_and_the_shape_of_its_pixels(
    chroma, subsampling, pixel_format, tmp_path: Path
) -> None:
    bits = 10 if chroma.endswith("p10") else 8
    header = f"W22 H10 F25:1 Ib A59:54 {chroma} XCOLORRANGE=FULL"
    frame = flat((100,) * 3, 22, 10, subsampling, bits, full=True)
    source = Y4mSource(written(tmp_path / "in.y4m", header, frame))
    sink = Y4mSink(ByteWriter(str(tmp_path / "out.y4m")), source, (10, 22))
    pass_frames(source, sink)
    with av.open(str(tmp_path / "out.y4m")) as container:
        (stream,) = container.streams.video
        assert stream.format.name == pixel_format
        assert stream.sample_aspect_ratio == Fraction(59, 54)
        (decoded,) = container.decode(stream)
    assert decoded.interlaced_frame
    assert (int(np.frombuffer(decoded.planes[0], np.uint8)[0]), int(decoded.color_range)) == (
        102,
        1,
    )


def pass_frames(source, sink) -> None:
    for frame in source:
        sink.write(frame)
    sink.finish()


def test_nothing_is_no_frame(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"v\.y4m: has no frame"):
        list(Y4mSource(written(tmp_path / "v.y4m", "W22 H10 F25:1")))


@pytest.mark.parametrize("cut", [1, 20, 24 + 5])
def test_frame_that_is_cut_off_is_told_and_the_rest_kept(cut, tmp_path: Path, caplog) -> None:
    path, frame = tmp_path / "v.y4m", flat((128,) * 3, 4, 4, "420")
    written(path, "W4 H4 F25:1", frame, frame).close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(list(Y4mSource(ByteReader(str(path))))) == 1
    assert "frame 2 ends after" in caplog.text


def test_bytes_between_frames_are_an_error_that_names_the_frame(tmp_path: Path) -> None:
    frame = flat((128,) * 3, 4, 4, "420")
    frames = iter(Y4mSource(written(tmp_path / "v.y4m", "W4 H4 F25:1", frame + b"x", frame)))
    next(frames)
    with pytest.raises(InputError, match="frame 2 does not begin with FRAME"):
        next(frames)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02" * 500, "does not begin with YUV4MPEG2"),
        (b"YUV4MPEG", "does not begin with YUV4MPEG2"),
        (b"YUV4MPEG2 H4 F25:1", "header is damaged"),
        (b"YUV4MPEG2 Wx H4 F25:1", "header is damaged"),
        (b"YUV4MPEG2 W4 H4 F25", "header is damaged"),
        (b"YUV4MPEG2 W4 H4 F-25:1", "header is damaged"),
        (b"YUV4MPEG2 W4 H4 F25:1 C\xff", "header is damaged"),
        (b"YUV4MPEG2 W0 H4 F25:1", "states a size of 0x4"),
        (b"YUV4MPEG2 W4 H-4 F25:1", "states a size of 4x-4"),
        (b"YUV4MPEG2 W4 H4 F25:1 C411", "of kind C411 is not supported"),
        (b"YUV4MPEG2 W4 H4 F25:1 C420p11", "of kind C420p11 is not supported"),
        (b"YUV4MPEG2 W4 H4 F25:1 C444alpha", "of kind C444alpha is not supported"),
    ],
)
def test_headers_that_are_none_are_one_line(line, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(line, "standard input")
    assert "\n" not in str(caught.value)


def test_bombs_are_refused_by_their_header(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="99999x99999"):
        Y4mSource(written(tmp_path / "v.y4m", "W99999 H99999 F25:1"))
