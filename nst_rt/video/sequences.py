"""Pictures in a folder as the frames of a video, and a video's frames as pictures."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from nst_rt.errors import InputError, OutputError, UsageError
from nst_rt.images import (
    DEFAULT_MAX_PIXELS,
    PICTURE_SUFFIXES,
    Picture,
    format_of,
    read_picture,
    write_picture,
)
from nst_rt.video.frames import Frame
from nst_rt.video.rate import DEFAULT_RATE, checked_rate

logger = logging.getLogger(__name__)

FOLDER_PATTERN = "%05d.png"
"""What frames are called in an output that is a folder."""
_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(name: str) -> bool:
    """Whether this is a folder, or a pattern such as `frames/%05d.png` and no file."""
    path = Path(name)
    if _NUMBER.search(path.name) and path.suffix.lower() in PICTURE_SUFFIXES:
        return not path.is_file()
    return name.endswith("/") or path.is_dir()


class ImageSequenceSource:
    """The pictures of a folder, by name with numbers by their value, or those of a pattern.

    Args:
        name: a folder, or a path whose last part holds %d or %05d.
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
        self._paths = _in_folder(path) if path.is_dir() else _without_gaps(path)
        if not self._paths:
            raise InputError("no pictures there", path=name)
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
        """Nothing stays open between two pictures."""

    def _read(self, path: Path) -> Picture:
        return read_picture(path, max_pixels=self._max_pixels)


class ImageSequenceSink:
    """Writes every frame as a picture, numbered from 1, each whole or not at all.

    What is written stays, also when the work is broken off.

    Args:
        name: a path whose last part holds %d or %05d, or a folder.
        overwrite: whether pictures that are there may be replaced.
        quality: of formats that lose some, 1 to 100.

    Raises:
        UsageError: pictures are there already.
        OutputError: the suffix is that of no picture format.
    """

    def __init__(self, name: str, *, overwrite: bool = False, quality: int = 95) -> None:
        path = Path(name)
        self._pattern = path if _NUMBER.search(path.name) else path / FOLDER_PATTERN
        format_of(self._pattern)
        self._quality, self._number = quality, 0
        there = _of_pattern(self._pattern)
        if there and not overwrite:
            first = there[min(there)]
            raise UsageError("exists already", path=first, cure="add --overwrite")

    def write(self, frame: Frame) -> None:
        self._number += 1
        picture = Picture(frame.rgb, frame.alpha)
        write_picture(picture, _numbered(self._pattern, self._number), quality=self._quality)

    def finish(self) -> None:
        if not self._number:
            raise OutputError("has no frame to hold", path=self._pattern)
        older = _of_pattern(self._pattern).keys() - range(1, self._number + 1)
        if older:
            logger.warning(
                "%s: %d pictures are of an earlier video and stay, the first is number %d",
                self._pattern, len(older), min(older),
            )  # fmt: skip

    def abort(self) -> None:
        """What is written stays."""


def _in_folder(folder: Path) -> list[Path]:
    pictures = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    ]
    return sorted(pictures, key=lambda path: (_natural(path.name), path.name))


def _natural(name: str) -> list[tuple[str, int]]:
    """A key by which frame2 comes before frame10."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [
        (text, int(number or 0))
        for text, number in zip(pieces[::2], [*pieces[1::2], 0], strict=True)
    ]


def _without_gaps(pattern: Path) -> list[Path]:
    """The files of a pattern by their numbers; that some are missing is told."""
    found = _of_pattern(pattern)
    numbers = sorted(found)
    if numbers and numbers[-1] - numbers[0] >= len(numbers):
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        logger.warning(
            "%s: %d of the numbers from %d to %d are missing",
            pattern, missing, numbers[0], numbers[-1],
        )  # fmt: skip
    return [found[number] for number in numbers]


def _of_pattern(pattern: Path) -> dict[int, Path]:
    """The files whose names are numbers in this pattern."""
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
    """The picture inside a frame of this size, black bars where its shape is another."""
    from PIL import Image, ImageOps

    def fitted(pixels: np.ndarray) -> np.ndarray:
        kernel = Image.Resampling.LANCZOS
        return np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height), kernel))

    alpha = None if picture.alpha is None else fitted(picture.alpha)
    return Picture(fitted(picture.rgb), alpha)
