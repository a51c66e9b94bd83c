"""Numbered pictures in a folder as a source and a sink of frames."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from nst_rt.errors import InputError, OutputError
from nst_rt.images import (
    DEFAULT_MAX_PIXELS,
    PICTURE_SUFFIXES,
    Picture,
    PictureLimits,
    format_of,
    read_picture,
    write_picture,
)
from nst_rt.video.frames import Frame
from nst_rt.video.rate import DEFAULT_RATE, checked_rate
from nst_rt.video.targets import refuse_existing

logger = logging.getLogger(__name__)

FOLDER_PATTERN = "%05d.png"
"""Names of the frames if the output is a folder."""
_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(name: str) -> bool:
    """Return whether this is a folder, or a pattern such as `frames/%05d.png` and not a file."""
    path = Path(name)
    if _NUMBER.search(path.name) and path.suffix.lower() in PICTURE_SUFFIXES:
        return not path.is_file()
    return name.endswith("/") or path.is_dir()


def pattern_of(name: str) -> Path:
    """Return the pattern of the pictures that a sequence of this name is written as."""
    path = Path(name)
    return path if _NUMBER.search(path.name) else path / FOLDER_PATTERN


class ImageSequenceSource:
    """The pictures of a folder in natural order (2 before 10), or those of a pattern.

    Args:
        name: a folder, or a path whose last part contains %d or %05d.
        rate: frames per second.
        max_pixels: larger pictures are refused before they are decoded.

    Raises:
        InputError: there is no such picture, or the first cannot be read.
    """

    def __init__(
        self,
        name: str,
        *,
        rate: Fraction = DEFAULT_RATE,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        rate = checked_rate(rate)
        self._max_pixels = max_pixels
        path = Path(name)
        self._paths = _in_folder(path) if path.is_dir() else _in_order(path)
        if not self._paths:
            raise InputError("contains no pictures", path=name)
        first = self._read(self._paths[0])
        self.height, self.width = first.height, first.width
        self.rate: Fraction | None = rate
        self.count: int | None = len(self._paths)

    def __iter__(self) -> Iterator[Frame]:
        assert self.rate is not None
        scaled = False
        for index, path in enumerate(self._paths):
            picture = self._read(path)
            if (picture.height, picture.width) != (self.height, self.width):
                if not scaled:
                    logger.warning(
                        "%s: is %dx%d; it and others are scaled to the %dx%d of the first",
                        path, picture.width, picture.height, self.width, self.height,
                    )  # fmt: skip
                scaled = True
                picture = _scaled(picture, self.height, self.width)
            yield Frame(picture.rgb, index / self.rate, 1 / self.rate, picture.alpha)

    def close(self) -> None:
        """Do nothing: no file stays open between two pictures."""

    def _read(self, path: Path) -> Picture:
        return read_picture(path, PictureLimits(self._max_pixels))


class ImageSequenceSink:
    """Writes every frame as a picture, numbered from 1, each completely or not at all.

    Written pictures stay if the conversion fails.

    Args:
        name: a path whose last part contains %d or %05d, or a folder.
        overwrite: whether existing pictures may be replaced.
        quality: of lossy formats, 1 to 100.

    Raises:
        UsageError: there are such pictures already.
        OutputError: no picture format has this suffix.
    """

    def __init__(self, name: str, *, overwrite: bool = False, quality: int = 95) -> None:
        self._pattern = pattern_of(name)
        format_of(self._pattern)
        self._quality, self._number = quality, 0
        existing = _matching(self._pattern)
        if existing:
            refuse_existing(existing[min(existing)], overwrite=overwrite)

    def write(self, frame: Frame) -> None:
        self._number += 1
        picture = Picture(frame.rgb, frame.alpha)
        write_picture(picture, _numbered(self._pattern, self._number), quality=self._quality)

    def finish(self) -> None:
        if not self._number:
            raise OutputError("there is no frame to write", path=self._pattern)
        older = _matching(self._pattern).keys() - range(1, self._number + 1)
        if older:
            logger.warning(
                "%s: %d pictures of an earlier video stay, the first is number %d",
                self._pattern, len(older), min(older),
            )  # fmt: skip

    def abort(self) -> None:
        """Do nothing: written pictures stay."""


def _in_folder(folder: Path) -> list[Path]:
    pictures = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    ]
    return sorted(pictures, key=lambda path: (_natural(path.name), path.name))


def _natural(name: str) -> list[tuple[str, int]]:
    """Return a sort key by which frame2 comes before frame10."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [
        (text, int(number or 0))
        for text, number in zip(pieces[::2], [*pieces[1::2], 0], strict=True)
    ]


def _in_order(pattern: Path) -> list[Path]:
    """Return the files of a pattern by number; log a warning if numbers are missing."""
    found = _matching(pattern)
    numbers = sorted(found)
    if numbers and numbers[-1] - numbers[0] >= len(numbers):
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        logger.warning(
            "%s: %d of the numbers from %d to %d are missing",
            pattern, missing, numbers[0], numbers[-1],
        )  # fmt: skip
    return [found[number] for number in numbers]


def _matching(pattern: Path) -> dict[int, Path]:
    """Return the existing files of a pattern by number."""
    found = _NUMBER.search(pattern.name)
    if found is None or not pattern.parent.is_dir():
        return {}
    before, after = pattern.name[: found.start()], pattern.name[found.end() :]
    digits = int(found[1] or 1)
    number = rf"(\d{{{digits}}}|[1-9]\d{{{digits},}})"
    name = re.compile(re.escape(before) + number + re.escape(after))
    matches = ((name.fullmatch(path.name), path) for path in pattern.parent.iterdir())
    return {int(match[1]): path for match, path in matches if match}


def _numbered(pattern: Path, number: int) -> Path:
    return pattern.with_name(
        _NUMBER.sub(lambda found: f"{number:0{int(found[1] or 1)}d}", pattern.name, count=1)
    )


def _scaled(picture: Picture, height: int, width: int) -> Picture:
    """Scale a picture into a frame of this size, with black bars if the proportions differ."""
    from PIL import Image, ImageOps

    def fitted(pixels: np.ndarray) -> np.ndarray:
        kernel = Image.Resampling.LANCZOS
        return np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height), kernel))

    alpha = None if picture.alpha is None else fitted(picture.alpha)
    return Picture(fitted(picture.rgb), alpha)
