"""Raw pixels, frame after frame, as FFmpeg's `-f rawvideo` reads and writes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

import numpy as np

from nst_rt.errors import InputError
from nst_rt.images import DEFAULT_MAX_PIXELS, check_pixels
from nst_rt.system.arguments import whole_number
from nst_rt.video.frames import Frame, on_white
from nst_rt.video.pipes import ByteReader, ByteWriter
from nst_rt.video.rate import DEFAULT_RATE, checked_rate

logger = logging.getLogger(__name__)

PixelFormat = Literal["rgb24", "bgr24"]


class RawVideoSource:
    """Reads frames without a header: three bytes per pixel, rows from the top, no padding.

    Args:
        reader: the bytes; closed with the source.
        size: height and width.
        rate: frames per second.
        pixel_format: "rgb24" or "bgr24".
        max_pixels: larger frames are refused.

    Raises:
        UsageError: the size or the rate is invalid.
        LimitError: larger than `max_pixels`.
    """

    def __init__(
        self,
        reader: ByteReader,
        size: tuple[int, int],
        *,
        rate: Fraction = DEFAULT_RATE,
        pixel_format: PixelFormat = "rgb24",
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self.height, self.width = whole_number("height", size[0]), whole_number("width", size[1])
        check_pixels(self.height, self.width, max_pixels)
        rate = checked_rate(rate)
        self.rate: Fraction | None = rate
        self.pixel_format = pixel_format
        self._reader, self._bytes = reader, self.height * self.width * 3
        self.count = reader.total // self._bytes if reader.total is not None else None
        self._step = 1 / rate

    def __iter__(self) -> Iterator[Frame]:
        shape = self.height, self.width, 3
        number = 0
        while data := self._reader.read(self._bytes):
            if len(data) < self._bytes:
                logger.warning(
                    "%s: frame %d ends after %d of %d bytes and is dropped; is %dx%d its size?",
                    self._reader.name, number + 1, len(data), self._bytes, self.width, self.height,
                )  # fmt: skip
                break
            pixels = np.frombuffer(data, np.uint8).reshape(shape)
            if self.pixel_format == "bgr24":
                pixels = np.ascontiguousarray(pixels[..., ::-1])
            yield Frame(pixels, number * self._step, self._step)
            number += 1
        if not number:
            raise InputError("has no frame", path=self._reader.name)

    def close(self) -> None:
        self._reader.close()


class RawVideoSink:
    """Writes such frames, without their times; transparent pixels are composited over white."""

    def __init__(self, writer: ByteWriter, *, pixel_format: PixelFormat = "rgb24") -> None:
        self._writer, self._reversed = writer, pixel_format == "bgr24"

    def write(self, frame: Frame) -> None:
        pixels = on_white(frame)
        if self._reversed:
            pixels = pixels[..., ::-1]
        self._writer.write(np.ascontiguousarray(pixels).data.cast("B"))

    def finish(self) -> None:
        self._writer.finish()

    def abort(self) -> None:
        self._writer.abort()
