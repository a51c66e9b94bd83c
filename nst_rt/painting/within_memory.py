"""Painting within the available memory: at once, in ever smaller parts, or on the CPU.

The memory that an engine takes is known approximately before it paints. Whether so much is
available is known only when it fails, above all on a GPU, which other programs use too.
"""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable
from functools import partial

from nst_rt.errors import LimitError, ModelError, OutOfMemoryError, ProviderError
from nst_rt.images import allowed_memory, check_memory
from nst_rt.model import ModelFile
from nst_rt.painting.steady import SteadyStyle
from nst_rt.painting.tiled import TilePlan, paint_tiles, plan_tiles, tiled_within
from nst_rt.pixels import Pixels
from nst_rt.sessions import Session

logger = logging.getLogger(__name__)

Run = Callable[[Pixels], Pixels]
"""Function that paints uint8 H×W×3 at working size."""
_SMALLER = "choose a smaller size (--size)"


class WithinMemory:
    """Painter of pictures that one engine cannot paint at once; it remembers which parts it could.

    Args:
        model: the style's plain file.
        steady: its steady file, which paints parts.
        max_memory: bytes that one picture may take, by default what is free at the time.
        on_cpu: paints pictures for which the GPU lacks memory even in parts; None where that is not
            wanted.
    """

    def __init__(
        self, model: ModelFile, steady: SteadyStyle, max_memory: int | None, on_cpu: Run | None
    ) -> None:
        self._model, self._steady, self._max_memory = model, steady, max_memory
        self._on_cpu = on_cpu
        self._has_warned = self._lacks_steady = False
        self._too_large = math.inf  # pixels of the smallest picture that was too large at once
        self._part = 0  # pixels of the largest part that was not; 0 if the CPU has to paint

    def paint(self, photo: Pixels, session: Session, at_once: Run) -> Pixels:
        """Paint uint8 H×W×3 at once, or else with less memory.

        Raises:
            LimitError: it takes more than is allowed, in parts too.
            OutOfMemoryError: it takes more than there is, in parts too.
        """
        planned = self._planned_run(photo, session)
        size = photo.shape[0] * photo.shape[1]
        if planned is None and size >= self._too_large:
            return self._paint_smaller(photo, session, self._part, None)
        painting = self._try_twice(planned or at_once, photo, session)
        if isinstance(painting, OutOfMemoryError):
            return self._paint_smaller(photo, session, size // 2, painting)
        return painting

    def takes(self, height: int, width: int) -> bool:
        """Return whether the steady file paints such a picture, in parts if necessary."""
        whole = height * width
        return self._steady_takes(height, width) or self._plan(height, width, whole) is not None

    def paint_frame(self, frame: Pixels, session: Session, at_once: Run) -> Pixels:
        """Paint a frame with statistics of its video, which is only possible at once.

        Raises:
            LimitError: it takes more than is allowed.
            OutOfMemoryError: it takes more than there is.
        """
        height, width = frame.shape[:2]
        self._refuse(height, width, session)
        painting = self._try_twice(at_once, frame, session)
        if isinstance(painting, OutOfMemoryError):
            raise painting
        return painting

    def _refuse(self, height: int, width: int, session: Session) -> None:
        """Raise `LimitError` for a picture that takes more at once than is allowed."""
        check_memory(
            f"painting at {width}x{height}",
            round(height * width * session.memory_per_pixel),
            self._max_memory,
            cure="paint it smaller: size (--size)",
        )

    def _planned_run(self, photo: Pixels, session: Session) -> Run | None:
        """Return a function that paints a picture which the plain file may not or cannot paint.

        None for a picture that the plain file paints.
        """
        height, width = photo.shape[:2]
        try:
            self._refuse(height, width, session)
        except LimitError:
            limit = allowed_memory(self._max_memory) or 0
            run = tiled_within(limit, height, width, self._steady, self._model)
            if run is None:
                raise
            return run
        if session.limits is None or session.limits.take(height, width):
            return None
        if self._steady_takes(height, width):
            return self._steadily
        plan = self._plan(height, width, height * width)
        if plan is None:
            return None
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%dx%d is larger than %s takes: painted in %d parts, as others will be",
                width, height, session.provider, len(plan.tiles),
            )  # fmt: skip
        return partial(paint_tiles, paint=self._steady.paint, plan=plan)

    def _steady_takes(self, height: int, width: int) -> bool:
        """Return whether the steady file takes a picture of this size at once."""
        steady = self._steady_session()
        return steady is not None and (steady.limits is None or steady.limits.take(height, width))

    def _steadily(self, photo: Pixels) -> Pixels:
        return self._steady.paint(photo, None, 0.0)[0]

    def _plan(self, height: int, width: int, pixels: int) -> TilePlan | None:
        """Plan tiles of at most so many pixels that the steady file takes."""
        steady = self._steady_session()
        if steady is None:
            return None
        return plan_tiles(height, width, pixels, self._model, steady.limits)

    def _paint_smaller(
        self, photo: Pixels, session: Session, part: int, failed: OutOfMemoryError | None
    ) -> Pixels:
        """Paint in parts of so many pixels, halved until it works, or on the CPU."""
        height, width = photo.shape[:2]
        while plan := self._plan(height, width, part):
            run = partial(paint_tiles, paint=self._steady.paint, plan=plan)
            painting = self._try_twice(run, photo, session)
            if not isinstance(painting, OutOfMemoryError):
                self._remember(photo, part, f"in {len(plan.tiles)} parts")
                return painting
            failed, part = painting, part // 2
        if self._on_cpu:
            painting = self._on_cpu(photo)
            self._remember(photo, 0, "on the CPU")
            return painting
        raise failed or OutOfMemoryError()

    def _remember(self, photo: Pixels, part: int, how: str) -> None:
        """Remember the part size for the next picture, and warn."""
        height, width = photo.shape[:2]
        size = height * width
        if size < self._too_large or part != self._part:
            fits = int(max(height, width) * math.sqrt(part / size))
            cure = f"size {fits} (--size) is painted at once" if fits else _SMALLER
            logger.warning(
                "too little memory for %dx%d at once: it was painted %s, and so will be "
                "others of that size; %s",
                width, height, how, cure,
            )  # fmt: skip
        self._too_large, self._part = min(size, self._too_large), part

    def _steady_session(self) -> Session | None:
        if self._lacks_steady:
            return None
        try:
            return self._steady.session()
        except ModelError:
            self._lacks_steady = True  # loading a refused engine again and again would take long
        except ProviderError:
            pass
        return None

    def _try_twice(self, run: Run, photo: Pixels, session: Session) -> Pixels | OutOfMemoryError:
        """Return a painting, or the error of a second attempt after engines have freed memory."""
        try:
            return run(photo)
        except MemoryError:
            pass
        # not in the handler: there the error refers to the buffers of the picture that failed
        self._release(session)
        try:
            return run(photo)
        except OutOfMemoryError as error:
            failed = OutOfMemoryError(error.what, cure=error.cure)
        except MemoryError:
            failed = OutOfMemoryError()
        self._release(session)
        return failed

    def _release(self, session: Session) -> None:
        """Free the memory that engines keep for later pictures."""
        gc.collect()  # errors that refer to buffers may refer to themselves
        session.release()
        if self._steady.opened:
            self._steady.opened.release()
