"""Training photos: a pool of fixed crops, drawn in a seeded order, from any step on.

Crops are fixed so that their perceptual features are computed once. A batch depends
on the seed and the step alone: it is the same for any number of workers and after any resume.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst_rt.errors import InputError, NstError, shown
from nst_rt.images import read_picture
from nst_train.photo_files import find_photos

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Pictures N×3×H×W in [0, 1] (channels_last) and the pool indices of their crops."""

    images: Tensor
    indices: tuple[int, ...]


class CropPool:
    """Fixed, seeded crops of every photo in a folder.

    Args:
        folder: searched with its sub-folders.
        size: height and width of a crop in pixels; smaller photos are enlarged to it.
        crops_per_photo: half of the crops are mirrored.
        max_bad: share of unreadable photos above which reading stops with an error; unless it is 0,
            one is always forgiven.
        cache_bytes: crops are kept in memory while this lasts, so that photos are decoded once.

    Raises:
        UsageError: no such folder, or no photos in it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size: int,
        crops_per_photo: int,
        seed: int,
        max_bad: float = 0.01,
        cache_bytes: int = 0,
    ) -> None:
        self.files = find_photos(folder)
        self.folder, self.size, self.seed, self.max_bad = folder, size, seed, max_bad
        self.crops_per_photo = crops_per_photo
        self.bad: dict[str, str] = {}
        self.enlarged: set[str] = set()
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._max_kept = cache_bytes // (3 * size * size)

    def __len__(self) -> int:
        return len(self.files) * self.crops_per_photo

    @property
    def kept_bytes(self) -> int:
        """Memory in bytes of the kept crops once all have been drawn."""
        return min(self._max_kept, len(self)) * 3 * self.size * self.size

    @property
    def identity(self) -> str:
        """Hash of the list of files, their sizes and the way they are cut."""
        digest = hashlib.sha256(f"{self.size} {self.crops_per_photo} {self.seed}".encode())
        for file in self.files:
            digest.update(f"{file.relative_to(self.folder)} {file.stat().st_size}\n".encode())
        return digest.hexdigest()[:16]

    def crop(self, index: int) -> NDArray[np.uint8]:
        """Return crop `index`, uint8 H×W×3 RGB; the next photo's for one that is unreadable.

        Raises:
            InputError: too many photos cannot be read.
        """
        crop = self._kept.get(index)
        if crop is None:
            crop = self._read(index)
            if len(self._kept) < self._max_kept:
                self._kept[index] = crop
        return crop

    def first_crops(self, photos: int) -> list[NDArray[np.uint8]]:
        """Return the first crop of each of the first `photos` photos, or of all if fewer."""
        count = min(photos, len(self.files))
        return [self.crop(index * self.crops_per_photo) for index in range(count)]

    @contextmanager
    def problems_logged(self) -> Iterator[None]:
        """On exit, log how many and which photos were skipped or enlarged."""
        try:
            yield
        finally:
            for name, reason in self.bad.items():
                logger.warning("%s: skipped (%s)", shown(name), reason)
            if self.bad:
                logger.warning("%d of %d photos skipped", len(self.bad), len(self.files))
            if self.enlarged:
                logger.warning("%d photos smaller than a crop were enlarged", len(self.enlarged))

    def _read(self, index: int) -> NDArray[np.uint8]:
        photo, number = divmod(index, self.crops_per_photo)
        for step in range(len(self.files)):
            file = self.files[(photo + step) % len(self.files)]
            if str(file) in self.bad:
                continue
            try:
                picture = read_picture(file).rgb
            except NstError as error:
                self._give_up_on(file, error)
                continue
            return self._cut(picture, file, index, mirrored=number % 2 == 1)
        raise InputError("not one photo can be read", path=self.folder)

    def _give_up_on(self, file: Path, error: NstError) -> None:
        self.bad[str(file)] = error.what
        forgiven = max(1, self.max_bad * len(self.files)) if self.max_bad else 0
        if len(self.bad) > forgiven:
            names = ", ".join(shown(Path(name).name) for name in list(self.bad)[:5])
            raise InputError(
                f"{len(self.bad)} of {len(self.files)} photos cannot be read ({names})",
                path=self.folder,
                cure="remove them or raise max_bad (--max-bad)",
            )

    def _cut(
        self, picture: NDArray[np.uint8], file: Path, index: int, *, mirrored: bool
    ) -> NDArray[np.uint8]:
        height, width = picture.shape[:2]
        if min(height, width) < self.size:
            self.enlarged.add(str(file))
            scale = self.size / min(height, width)
            height, width = (
                max(self.size, round(height * scale)),
                max(self.size, round(width * scale)),
            )
            resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
            picture = np.asarray(resized)
        random = np.random.default_rng((self.seed, index))
        top = int(random.integers(height - self.size + 1))
        left = int(random.integers(width - self.size + 1))
        crop = picture[top : top + self.size, left : left + self.size]
        return np.ascontiguousarray(crop[:, ::-1] if mirrored else crop)


class CropBatches:
    """Batches of a pool, every crop once in each epoch, in an order seeded per epoch."""

    def __init__(self, pool: CropPool, *, batch: int, seed: int, workers: int = 1) -> None:
        self.pool, self.batch, self.seed, self.workers = pool, batch, seed, workers

    def indices(self, step: int) -> tuple[int, ...]:
        """Return the pool indices of the batch that `step` trains on."""
        positions = range(step * self.batch, (step + 1) * self.batch)
        size = len(self.pool)
        return tuple(int(_order(size, self.seed, p // size)[p % size]) for p in positions)

    def load(self, step: int) -> Batch:
        indices = self.indices(step)
        pixels = np.stack([self.pool.crop(index) for index in indices])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        return Batch(images.contiguous(memory_format=torch.channels_last), indices)

    @contextmanager
    def prefetched(self, start: int, stop: int) -> Iterator[Iterator[Batch]]:
        """Yield the batches of steps start…stop−1 in order, read ahead by `workers` threads."""
        if self.workers == 0:
            yield (self.load(step) for step in range(start, stop))
            return
        threads = ThreadPoolExecutor(self.workers, thread_name_prefix="nst-photos")
        try:
            yield self._ahead(threads, start, stop)
        finally:
            threads.shutdown(cancel_futures=True)

    def _ahead(self, threads: ThreadPoolExecutor, start: int, stop: int) -> Iterator[Batch]:
        first = range(start, min(start + self.workers + 1, stop))
        waiting: deque[Future[Batch]] = deque(threads.submit(self.load, step) for step in first)
        for step in range(first.stop, stop):
            batch = waiting.popleft().result()
            waiting.append(threads.submit(self.load, step))
            yield batch
        while waiting:
            yield waiting.popleft().result()


@lru_cache(maxsize=4)
def _order(size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, 7, epoch)).permutation(size)
