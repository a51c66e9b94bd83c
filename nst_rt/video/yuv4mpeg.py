"""YUV4MPEG2 (.y4m): uncompressed YUV frames after a line of text, for pipes between programs.

Source: the format's description in mjpegtools, yuv4mpeg(5), and the tags that FFmpeg adds to it.
The matrix has no tag: it is BT.709 from 720 lines on and BT.601 below.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from nst_rt.errors import InputError
from nst_rt.images import DEFAULT_MAX_PIXELS, check_pixels
from nst_rt.video.color import FULL, LIMITED, Color, assumed_color, from_rgb, to_rgb
from nst_rt.video.containers import pyav
from nst_rt.video.frames import Frame, FrameSource, on_white
from nst_rt.video.pipes import ByteReader, ByteWriter
from nst_rt.video.rate import DEFAULT_RATE, checked_rate

logger = logging.getLogger(__name__)

MAGIC, _FRAME = b"YUV4MPEG2", b"FRAME\n"
_LONGEST_LINE = 1024
_LARGEST = 2**31 - 1
_CHROMA = re.compile(r"(420(?=jpeg|mpeg2|paldv|p|$)|422|444|mono)(?:jpeg|mpeg2|paldv)?(?:p?(\d+))?")
"""Subsampling, and bits per sample if they are more than 8."""
_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class Header:
    """The facts of the first line.

    Attributes:
        width: in pixels.
        height: in pixels.
        rate: frames per second; None if unknown.
        subsampling: "420", "422", "444" or "mono".
        bits: bits per sample.
        full_range: whether samples use the full range.
        interlacing: as in the line.
        aspect: pixel aspect ratio, as in the line.
    """

    width: int
    height: int
    rate: Fraction | None
    subsampling: str = "420"
    bits: int = 8
    full_range: bool = False
    interlacing: str = "p"
    aspect: str = "1:1"

    @property
    def line(self) -> bytes:
        """The line of a stream of 8 bits, without its line break."""
        assert self.rate is not None
        chroma = "420jpeg" if self.subsampling == "420" else self.subsampling
        colors = "FULL" if self.full_range else "LIMITED"
        return (
            f"{MAGIC.decode()} W{self.width} H{self.height} F{self.rate.numerator}:"
            f"{self.rate.denominator} I{self.interlacing} A{self.aspect} C{chroma} "
            f"XYSCSS={chroma.upper()} XCOLORRANGE={colors}"
        ).encode()

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name; mono gets neutral chroma, since FFmpeg treats gray as full range."""
        planes = "420" if self.subsampling == "mono" else self.subsampling
        return f"yuv{planes}p" + (f"{self.bits}le" if self.bits > 8 else "")

    @property
    def color(self) -> Color:
        """Matrix, primaries and transfer by the number of lines, and the stated range."""
        return replace(assumed_color(self.height), range=FULL if self.full_range else LIMITED)

    def planes(self) -> list[tuple[int, int]]:
        """Return height and bytes per row of every plane of a frame."""
        sample = 2 if self.bits > 8 else 1
        across = self.width if self.subsampling == "444" else -(-self.width // 2)
        down = -(-self.height // 2) if self.subsampling == "420" else self.height
        colors = [] if self.subsampling == "mono" else [(down, across * sample)] * 2
        return [(self.height, self.width * sample), *colors]


class Y4mSource:
    """Reads the frames of a y4m stream.

    Args:
        reader: the bytes; closed with the source.
        rate: frames per second, in place of what the header says.
        max_pixels: larger frames are refused.

    Attributes:
        header: facts of the first line.

    Raises:
        InputError: it is not y4m, or of an unsupported kind.
        LimitError: frames are larger than `max_pixels`.
    """

    def __init__(
        self,
        reader: ByteReader,
        *,
        rate: Fraction | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        line = reader.line(_LONGEST_LINE)
        self.header = header = parse(line, reader.name)
        check_pixels(header.height, header.width, max_pixels)
        self.width, self.height = header.width, header.height
        self.rate = header.rate if rate is None else checked_rate(rate)
        if self.rate is None:
            self.rate = DEFAULT_RATE
            logger.warning("%s: states no frame rate; %s is assumed", reader.name, DEFAULT_RATE)
        if header.interlacing in ("t", "b", "m"):
            logger.warning("%s: is interlaced and painted as it is", reader.name)
        self._reader, self._step = reader, 1 / self.rate
        self._planes = header.planes()
        self._bytes = sum(height * row for height, row in self._planes)
        self.count = None
        if reader.total is not None:
            self.count = (reader.total - len(line) - 1) // (len(_FRAME) + self._bytes)

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        while mark := self._reader.read(len(_FRAME)):
            if mark == _FRAME[:-1] + b" ":  # parameters of the frame, all irrelevant here
                self._reader.line(_LONGEST_LINE)
            elif mark != _FRAME[: len(mark)]:
                raise InputError(
                    f"frame {number + 1} does not begin with FRAME",
                    path=self._reader.name,
                    cure="the program that writes it lost bytes; run it again",
                )
            data = self._reader.read(self._bytes)
            if len(data) < self._bytes:
                logger.warning(
                    "%s: frame %d ends after %d of %d bytes and is dropped",
                    self._reader.name, number + 1, len(data), self._bytes,
                )  # fmt: skip
                break
            rgb = to_rgb(self._coded(data), self.header.color, self.width, self.height)
            yield Frame(rgb, number * self._step, self._step)
            number += 1
        if not number:
            raise InputError("has no frame", path=self._reader.name)

    def close(self) -> None:
        self._reader.close()

    def _coded(self, data: bytearray) -> Any:
        """Return an FFmpeg frame with these planes, whose rows FFmpeg pads at the end."""
        header = self.header
        frame = pyav().VideoFrame(self.width, self.height, header.pixel_format)
        start = 0
        for plane, (height, row) in zip(frame.planes, self._planes, strict=False):
            rows = np.frombuffer(data, np.uint8, height * row, start).reshape(height, row)
            _rows(plane, height)[:, :row] = rows
            start += height * row
        for plane in frame.planes[len(self._planes) :]:
            samples = np.frombuffer(plane, np.uint16 if header.bits > 8 else np.uint8)
            samples[:] = 1 << (header.bits - 1)
        return frame


class Y4mSink:
    """Writes 8 bits per sample in limited range, as 4:2:0 unless the source is y4m of another kind.

    Args:
        writer: takes the bytes.
        like: source whose rate is kept; if it is y4m, also its subsampling, interlacing and pixel
            aspect ratio.
        size: height and width of the frames.
    """

    def __init__(self, writer: ByteWriter, like: FrameSource, size: tuple[int, int]) -> None:
        height, width = size
        rate = like.rate or DEFAULT_RATE
        model: Header = getattr(like, "header", None) or Header(width, height, rate)
        header = replace(
            model,
            width=width,
            height=height,
            rate=rate,
            subsampling="420" if model.subsampling == "mono" else model.subsampling,
            bits=8,
            full_range=False,
        )
        self._writer, self._header = writer, header
        self._before = header.line + b"\n"
        self._planes = header.planes()

    def write(self, frame: Frame) -> None:
        header = self._header
        coded = from_rgb(on_white(frame), header.color, header.pixel_format)
        parts = [self._before, _FRAME]
        for plane, (height, row) in zip(coded.planes, self._planes, strict=True):
            parts.append(_rows(plane, height)[:, :row].tobytes())
        self._before = b""
        self._writer.write(b"".join(parts))

    def finish(self) -> None:
        if self._before:
            self._writer.write(self._before)
        self._writer.finish()

    def abort(self) -> None:
        self._writer.abort()


def parse(line: bytes, name: str) -> Header:
    """Parse a first line; `name` is the name of its stream for messages.

    Raises:
        InputError: it is not one of y4m, or of an unsupported kind.
    """
    words = line.split(b" ")
    if words[0] != MAGIC:
        what = "is empty" if not line else f"does not begin with {MAGIC.decode()}, as y4m does"
        raise InputError(what, path=name, cure="write it with ffmpeg … -f yuv4mpegpipe -")
    try:
        texts = [word.decode("ascii") for word in words[1:] if word]
        facts = {word[0]: word[1:] for word in texts if word[0] != "X"}
        width, height = int(facts["W"]), int(facts["H"])
        rate = _ratio(facts.get("F", "0:0"))
    except (KeyError, ValueError) as error:
        raise InputError("its y4m header is damaged", path=name, cure="write it again") from error
    if width < 1 or height < 1:
        raise InputError(f"states a size of {width}x{height}", path=name, cure="write it again")
    chroma = facts.get("C", "420jpeg")
    found = _CHROMA.fullmatch(chroma)
    bits = int(found[2] or 8) if found else 0
    if found is None or bits not in _DEPTHS:
        raise InputError(
            f"y4m of kind C{chroma} is not supported",
            path=name,
            cure="use 420, 422, 444 or mono (ffmpeg … -pix_fmt yuv420p)",
        )
    full = "XCOLORRANGE=FULL" in texts
    shown = _known(facts.get("I"), "[ptbm]", "p"), _known(facts.get("A"), r"\d+:\d+", "1:1")
    return Header(width, height, rate, found[1], bits, full, *shown)


def _known(text: str | None, pattern: str, otherwise: str) -> str:
    return text if text and re.fullmatch(pattern, text) else otherwise


def _ratio(text: str) -> Fraction | None:
    over, _, under = text.partition(":")
    if not (0 <= int(over) <= _LARGEST and 0 <= int(under) <= _LARGEST):
        raise ValueError(text)
    return Fraction(int(over), int(under)) or None if int(under) else None


def _rows(plane: Any, height: int) -> Any:
    return np.frombuffer(plane, np.uint8).reshape(height, -1)
