"""Animated GIF, WebP and PNG: every delay, the number of plays and the alpha are kept."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_rt.atomic import replace_file
from nst_rt.current_file import reading
from nst_rt.errors import InputError, LimitError, OutputError, shown
from nst_rt.images import DEFAULT_MAX_PIXELS, check_memory, check_pixels
from nst_rt.images.color import to_srgb
from nst_rt.images.opening import load_image, open_image
from nst_rt.video.frames import Frame, FrameSource

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG", ".png": "PNG"}
"""Formats by suffix, in Pillow's spelling."""
_UNITS = {"GIF": 100, "WEBP": 1000, "PNG": 1000}
"""Parts of a second in which delays are written."""
_LONGEST = {"GIF": 655, "WEBP": 16_777, "PNG": 65_535}
"""Seconds of a delay, at most."""
_UNTOLD = Fraction(1, 10)
"""How long browsers show a frame whose delay is 0."""
_MAX_PICTURES = 100
"""Pixels of all frames together, in the largest pictures that are allowed."""
_WEBP_ALPHA = 0x10
_SOLID = 128
"""GIF has no half transparency: from this alpha on a pixel is seen."""


class AnimationSource:
    """The frames of an animation, each as it is seen: what it leaves of the one before is there.

    `Frame.duration` is what the file says; a frame of no duration counts a tenth of a second in
    `Frame.time`, as in browsers.

    Args:
        path: the file; what it is called does not matter.
        max_pixels: larger ones are refused, and a hundred times as many pixels in all frames.

    Attributes:
        plays: how often it is to be shown; 0 is for ever.

    Raises:
        InputError: no animation, or damaged before its second frame.
        LimitError: larger than `max_pixels` allows.
    """

    def __init__(self, path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        self._path = path
        try:
            with reading(shown(path)), open_image(path) as image:
                self._read_facts(image, max_pixels)
        except OSError as error:
            raise _damaged(error, path) from error
        self.count: int | None = len(self._durations)
        total = sum(duration or _UNTOLD for duration in self._durations)
        self.rate: Fraction | None = Fraction(self.count) / total

    def __iter__(self) -> Iterator[Frame]:
        time = Fraction(0)
        with open_image(self._path) as image:
            for index, duration in enumerate(self._durations):
                image.seek(index + self._skipped)
                load_image(image, self._path)
                rgb, alpha = _pixels(image, str(self._path))
                yield Frame(rgb, time, duration, alpha)
                time += duration or _UNTOLD

    def close(self) -> None:
        """Nothing stays open between two iterations."""

    def _read_facts(self, image: Image.Image, max_pixels: int) -> None:
        kind = image.format or ""
        if kind not in _UNITS:
            raise InputError(f"is {kind}, no animation", path=self._path)
        self.width, self.height = image.size
        check_pixels(self.height, self.width, max_pixels, self._path)
        self.plays = _plays(image, kind)
        self._skipped = int(bool(image.info.get("default_image")))  # of APNG, for old viewers
        self._durations = self._read_durations(image, _MAX_PICTURES * max_pixels)

    def _read_durations(self, image: Image.Image, max_pixels: int) -> list[Fraction]:
        """Those of all frames that are sound; decoding is the only way to know."""
        durations: list[Fraction] = []
        for index in count(self._skipped):
            if (index + 1) * self.width * self.height > max_pixels:
                raise LimitError(
                    f"has more than {index} frames of {self.width}x{self.height}, the limit is "
                    f"{max_pixels:,} pixels in all",
                    path=self._path,
                    cure="raise max_pixels (--max-pixels) if you trust it",
                )
            try:
                image.seek(index)
                load_image(image, self._path)
            except EOFError:
                break
            except Exception as error:  # formats are taken apart by code that trips in every way
                if not durations:
                    raise _damaged(error, self._path) from error
                logger.warning(
                    "%s: is damaged after frame %d; the rest is left out (%s)",
                    self._path.name, len(durations), error,
                )  # fmt: skip
                break
            milliseconds = Fraction(image.info.get("duration", 0)) / 1000
            durations.append(milliseconds.limit_denominator(65_535))
        return durations


class AnimationSink:
    """Keeps the frames and writes them at the end; a frame that equals the last prolongs it.

    A GIF gets a palette of 255 colours and one transparent for every frame, 768 bytes each.

    Args:
        target: .gif, .webp, .apng or .png.
        like: gives the number of plays; what is no animation is played for ever.
        quality: of WebP, 1 to 100.
    """

    def __init__(self, target: Path, like: FrameSource, *, quality: int = 95) -> None:
        self._target, self._kind = target, ANIMATIONS[target.suffix.lower()]
        self._plays: int = getattr(like, "plays", 0)
        self._quality = quality
        self._images: list[Image.Image] = []
        self._durations: list[Fraction] = []
        self._bytes = 0

    def write(self, frame: Frame) -> None:
        if frame.duration > _LONGEST[self._kind]:
            raise OutputError(
                f"a frame lasts {float(frame.duration):,.0f} s, {self._kind} holds "
                f"{_LONGEST[self._kind]:,} at most",
                path=self._target,
                cure="write a video (.mp4, .mkv)",
            )
        image = _image(frame)
        self._images.append(_with_palette(image) if self._kind == "GIF" else image)
        self._durations.append(frame.duration)
        self._bytes += frame.rgb.nbytes
        check_memory(
            f"an animation of {len(self._images)} frames",
            2 * self._bytes,
            None,
            cure="write a video (.mp4, .mkv)",
            path=self._target,
        )

    def finish(self) -> None:
        buffer = io.BytesIO()
        if not self._images:
            raise OutputError("there is no frame to write", path=self._target)
        try:
            self._images[0].save(
                buffer, self._kind, save_all=True, append_images=self._images[1:], **self._options()
            )
            self._target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._target, self._told(buffer.getvalue()))
        except MemoryError:
            raise
        except Exception as error:  # Pillow and libwebp have each its own
            why = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot be written ({why})", path=self._target) from error
        self._images.clear()

    def abort(self) -> None:
        self._images.clear()

    def _options(self) -> dict[str, Any]:
        """Keyword arguments of Pillow's `save`."""
        options: dict[str, Any] = {"duration": self._delays(), "loop": self._plays}
        if self._kind == "GIF":
            # without disposal what was seen would stay where the next frame is transparent
            clear = any("transparency" in image.info for image in self._images)
            options |= {"disposal": 2 if clear else 1, "optimize": False}
            if self._plays == 1:
                del options["loop"]
            elif self._plays:
                options["loop"] = self._plays - 1  # GIF counts how often it is repeated
        if self._kind == "WEBP":
            options["quality"] = self._quality
        return options

    def _told(self, data: bytes) -> bytes:
        """The file, which says that it has alpha if it has any.

        libwebp cuts a frame down to what is seen of it. If nothing of that is transparent it leaves
        out the flag, and readers give the rest of the picture a solid colour.
        """
        if data[12:16] != b"VP8X" or all(image.mode == "RGB" for image in self._images):
            return data
        return data[:20] + bytes([data[20] | _WEBP_ALPHA]) + data[21:]

    def _delays(self) -> list[int]:
        """Milliseconds as the format can hold them; what rounding takes from one, others get."""
        unit, end, delays = _UNITS[self._kind], Fraction(0), []
        for duration in self._durations:
            begin, end = end, end + duration
            delays.append((round(end * unit) - round(begin * unit)) * 1000 // unit)
        if self._kind == "GIF" and any(0 < length < Fraction(1, 50) for length in self._durations):
            logger.warning(
                "%s: delays below 20 ms are shown as 100 ms by browsers; .webp holds them",
                self._target.name,
            )
        return delays


def _damaged(error: Exception, path: Path) -> InputError:
    return error if isinstance(error, InputError) else InputError(f"damaged ({error})", path=path)


def _plays(image: Image.Image, kind: str) -> int:
    loop = image.info.get("loop")
    if kind == "GIF":
        return 1 if loop is None else loop and int(loop) + 1
    return 0 if loop is None else int(loop)


def _pixels(image: Image.Image, name: str) -> tuple[Any, Any]:
    """RGB in sRGB, and alpha where something is transparent."""
    icc = image.info.get("icc_profile")
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    colors, _ = to_srgb(image, icc, name)
    pixels = np.asarray(colors)
    if colors.mode == "RGB":
        return pixels, None
    alpha = pixels[..., 3]
    return np.ascontiguousarray(pixels[..., :3]), None if alpha.min() == 255 else alpha.copy()


def _image(frame: Frame) -> Image.Image:
    from PIL import Image

    pixels = frame.rgb if frame.alpha is None else np.dstack([frame.rgb, frame.alpha])
    return Image.fromarray(pixels)


def _with_palette(image: Image.Image) -> Image.Image:
    """The image in 255 colours of its own; the 256th is transparent.

    The octree chooses colours fast and places pixels badly; the nearest of its colours are closer
    to the picture than what the slower median cut gives.
    """
    from PIL import Image

    colors = image.convert("RGB")
    palette = colors.quantize(255, Image.Quantize.FASTOCTREE)
    indexed = colors.quantize(palette=palette, dither=Image.Dither.NONE)
    if image.mode == "RGBA":
        hidden = image.getchannel("A").point(lambda alpha: 255 * (alpha < _SOLID))
        indexed.paste(255, mask=hidden)
        indexed.info["transparency"] = 255
    return indexed
