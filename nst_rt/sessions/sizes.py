"""A model's sessions on CUDA: one for pictures of any size, and one each for sizes that come again.

In a session of one size ONNX Runtime works out the arithmetic on sizes when it opens, so that no
node is left on the CPU, tries cuDNN's kernels out for that size, and launches all as one CUDA
graph: what video wants, and what a folder of photos of all sizes would pay for in vain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nst_rt.errors import NstError
from nst_rt.sessions.in_flight import Shape
from nst_rt.sessions.io_binding import IoAddresses, IoBindingSession

logger = logging.getLogger(__name__)

SIZES_KEPT = 2
"""Upright and lying pictures. Each session has memory of its own for what it computes."""
COMES_AGAIN = 3
"""The so-many-th picture of a size is painted in a session of that size."""
SHAPES_KNOWN = 64
"""Of so many shapes it is known how often they came."""


class Sizes:
    """Paints each picture in the session that is best for its shape.

    Args:
        any_size: the session that takes all.
        open_one: opens that of a shape (N×H×W×3); None where there is none.
    """

    def __init__(
        self, any_size: IoBindingSession, open_one: Callable[[Shape], IoBindingSession] | None
    ) -> None:
        self._any_size, self._open_one = any_size, open_one
        self._sized: dict[Shape, IoBindingSession] = {}
        self._known: dict[Shape, _Shape] = {}

    def run(self, addresses: IoAddresses, *, shrinks: bool = False) -> None:
        """Begin to paint the picture that lies there; see `IoBindingSession.run`."""
        if shrinks:
            self._any_size.run(addresses, shrinks=True)
            return
        shape = addresses.inputs[0].shape
        session = self._sized_session(shape) if self._open_one else None
        if session is not None:
            try:
                session.run(addresses)
                return
            except NstError as error:
                self._sized.pop(shape).close()
                self._refuse(shape, error)
        self._any_size.run(addresses)

    def release(self) -> None:
        """Free those of one size."""
        while self._sized:
            self._sized.popitem()[1].close()

    def close(self) -> None:
        """Free all of them."""
        for session in (*self._sized.values(), self._any_size):
            session.close()
        self._sized.clear()

    def _sized_session(self, shape: Shape) -> IoBindingSession | None:
        session = self._sized.pop(shape, None)
        if session is None and self._is_due(shape):
            while len(self._sized) >= SIZES_KEPT:
                self._sized.pop(next(iter(self._sized))).close()
            session = self._opened(shape)
        if session is not None:
            self._sized[shape] = session  # the one used last stands last
        return session

    def _is_due(self, shape: Shape) -> bool:
        """Whether it came often enough; the next time it takes twice as many.

        Three sizes in turn would otherwise open a session for each picture.
        """
        known = self._known.pop(shape, None) or _Shape()
        self._known[shape] = known
        if len(self._known) > SHAPES_KNOWN:
            del self._known[next(iter(self._known))]
        known.came += 1
        if known.refused or known.came < known.needed:
            return False
        known.came, known.needed = 0, 2 * known.needed
        return True

    def _opened(self, shape: Shape) -> IoBindingSession | None:
        assert self._open_one is not None
        try:
            session = self._open_one(shape)
        except NstError as error:
            self._refuse(shape, error)
            return None
        logger.info("pictures of %dx%d have a session of their own", shape[2], shape[1])
        return session

    def _refuse(self, shape: Shape, error: NstError) -> None:
        """Its own session is for speed alone: where it finds no room, the other one paints."""
        logger.info("pictures of %dx%d have none of their own: %s", shape[2], shape[1], error)
        self._known[shape] = _Shape(refused=True)


class _Shape:
    """How often a shape came since it last had a session, and after how often it gets one."""

    def __init__(self, *, refused: bool = False) -> None:
        self.came, self.needed, self.refused = 0, COMES_AGAIN, refused
