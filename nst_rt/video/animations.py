"""Animated GIF, WebP and PNG; delays, the number of plays and alpha are kept."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_rt.errors import InputError, LimitError, OutputError, shown
from nst_rt.images import DEFAULT_MAX_PIXELS, check_memory, check_pixels
from nst_rt.images.color import to_srgb
from nst_rt.images.opening import load_image, open_image
from nst_rt.system.atomic import replace_file
from nst_rt.system.current_file import reading
from nst_rt.video.frames import Frame, FrameSource

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG", ".png": "PNG"}
"""Pillow's names of the formats, by suffix."""
_UNITS = {"GIF": 100, "WEBP": 1000, "PNG": 1000}
"""Units per second of the delays in a file."""
_LONGEST = {"GIF": 655, "WEBP": 16_777, "PNG": 65_535}
"""Longest delay in seconds."""
_ZERO_DELAY_S = Fraction(1, 10)
"""Seconds for which browsers show a frame whose delay is 0."""
_MAX_PICTURES = 100
"""Largest number of pixels of all frames together, in pictures of the largest allowed size."""
_WEBP_ALPHA = 0x10
"""Flag of alpha in the header of a WebP file."""
_SOLID = 128
"""Alpha from which a pixel is opaque in GIF, which has no partial transparency."""


class AnimationSource:
    """The frames of an animation, each composed with what it keeps of the frames before.

    `Frame.duration` is the delay in the file; a frame with a delay of 0 adds a tenth of a second to
    `Frame.time`, as in browsers.

    Args:
        path: the file; its name does not matter.
        max_pixels: larger frames are refused, and a hundred times as many pixels in all frames.

    Attributes:
        plays: number of times to show it; 0 is for ever.

    Raises:
        InputError: it is not an animation, or damaged before its second frame.
        LimitError: it is larger than `max_pixels` allows.
    """

    def __init__(self, path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        self._path = path
        try:
            with reading(shown(path)), open_image(path) as image:
                self._read_facts(image, max_pixels)
        except OSError as error:
            raise _damaged(error, path) from error
        self.count: int | None = len(self._durations)
        total = sum(duration or _ZERO_DELAY_S for duration in self._durations)
        self.rate: Fraction | None = Fraction(self.count) / total

    def __iter__(self) -> Iterator[Frame]:
        time = Fraction(0)
        with open_image(self._path) as image:
            for index, duration in enumerate(self._durations):
                image.seek(index + self._skipped)
                load_image(image, self._path)
                rgb, alpha = _pixels(image, str(self._path))
                yield Frame(rgb, time, duration, alpha)
                time += duration or _ZERO_DELAY_S

    def close(self) -> None:
        """Do nothing: no file stays open between two iterations."""

    def _read_facts(self, image: Image.Image, max_pixels: int) -> None:
        kind = image.format or ""
        if kind not in _UNITS:
            raise InputError(f"is {kind}, not an animation", path=self._path)
        self.width, self.height = image.size
        check_pixels(self.height, self.width, max_pixels, self._path)
        self.plays = _plays(image, kind)
        self._skipped = int(
            bool(image.info.get("default_image"))
        )  # of APNG: a picture for viewers without animation
        self._durations = self._read_durations(image, _MAX_PICTURES * max_pixels)

    def _read_durations(self, image: Image.Image, max_pixels: int) -> list[Fraction]:
        """Return the delays of all intact frames, which only decoding can tell."""
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
            except Exception as error:  # Pillow's decoders raise errors of many kinds
                if not durations:
                    raise _damaged(error, self._path) from error
                logger.warning(
                    "%s: is damaged after frame %d; the rest is dropped (%s)",
                    self._path.name, len(durations), error,
                )  # fmt: skip
                break
            milliseconds = Fraction(image.info.get("duration", 0)) / 1000
            durations.append(milliseconds.limit_denominator(65_535))
        return durations


class AnimationSink:
    """Keeps the frames and writes them at the end; a frame equal to the last prolongs it.

    In a GIF every frame gets a palette of 255 colours and a transparent one, 768 bytes.

    Args:
        target: .gif, .webp, .apng or .png.
        like: source whose number of plays is kept; without one, it plays for ever.
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
            replace_file(self._target, self._with_alpha_flag(buffer.getvalue()))
        except MemoryError:
            raise
        except Exception as error:  # Pillow and libwebp raise errors of many kinds
            raise OutputError.from_error(error, self._target) from error
        self._images.clear()

    def abort(self) -> None:
        self._images.clear()

    def _options(self) -> dict[str, Any]:
        """Return the keyword arguments of Pillow's `save`."""
        options: dict[str, Any] = {"duration": self._delays(), "loop": self._plays}
        if self._kind == "GIF":
            # without disposal, a frame would show through the transparent pixels of the next
            clear = any("transparency" in image.info for image in self._images)
            options |= {"disposal": 2 if clear else 1, "optimize": False}
            if self._plays == 1:
                del options["loop"]
            elif self._plays:
                options["loop"] = self._plays - 1  # GIF counts repetitions
        if self._kind == "WEBP":
            options["quality"] = self._quality
        return options

    def _with_alpha_flag(self, data: bytes) -> bytes:
        """Set the flag of alpha in the header of a WebP file that has any.

        libwebp crops a frame to its visible part. If nothing in that is transparent, it omits the
        flag, and readers fill the rest of the picture with a solid colour.
        """
        if data[12:16] != b"VP8X" or all(image.mode == "RGB" for image in self._images):
            return data
        return data[:20] + bytes([data[20] | _WEBP_ALPHA]) + data[21:]

    def _delays(self) -> list[int]:
        """Return milliseconds in the format's units, rounded so that the errors do not add up."""
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
    """Return RGB in sRGB, and alpha, None if nothing is transparent."""
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
    """Return the image in 255 colours of its own; the 256th is transparent.

    The octree chooses its colours fast but maps pixels to them badly. Mapped to the nearest of
    these colours, pixels are closer to the picture than with the slower median cut.
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
