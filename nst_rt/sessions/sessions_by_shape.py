"""A model's sessions on CUDA: one for pictures of any shape, and some for one shape each.

A session of one shape has the model's free dimensions fixed. ONNX Runtime then computes everything
that depends on them when the session opens, so that no node is left on the CPU, lets cuDNN try out
its kernels for that shape, and launches a run as one CUDA graph. Frames of a video gain by that; a
folder of photos of all shapes would only pay for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nst_rt.errors import NstError
from nst_rt.sessions.in_flight import Shape
from nst_rt.sessions.io_binding import IoAddresses, IoBindingSession

logger = logging.getLogger(__name__)

SESSIONS_KEPT = 2
"""Number of sessions of one shape, for example portrait and landscape. Each has its own memory for
what it computes."""
FIRST_USES = 3
"""Use of a shape, counted from 1, for which a session of that shape is opened the first time."""
SHAPES_COUNTED = 64
"""Number of shapes whose use count is remembered."""


class SessionsByShape:
    """Paints each picture in the session that is best for its shape.

    Args:
        any_shape: the session that takes all shapes.
        open_one: opens the session of a shape (N×H×W×3); None where there are none.
    """

    def __init__(
        self, any_shape: IoBindingSession, open_one: Callable[[Shape], IoBindingSession] | None
    ) -> None:
        self._any_shape, self._open_one = any_shape, open_one
        self._of_one_shape: dict[Shape, IoBindingSession] = {}
        self._counts: dict[Shape, _UseCount] = {}

    def run(self, addresses: IoAddresses, *, shrinks: bool = False) -> None:
        """Launch a run, see `IoBindingSession.run`."""
        if shrinks:
            self._any_shape.run(addresses, shrinks=True)
            return
        shape = addresses.inputs[0].shape
        session = self._session_of(shape) if self._open_one else None
        if session is not None:
            try:
                session.run(addresses)
                return
            except NstError as error:
                self._of_one_shape.pop(shape).close()
                self._refuse(shape, error)
        self._any_shape.run(addresses)

    def release(self) -> None:
        """Free the sessions of one shape."""
        while self._of_one_shape:
            self._of_one_shape.popitem()[1].close()

    def close(self) -> None:
        """Free all sessions."""
        for session in (*self._of_one_shape.values(), self._any_shape):
            session.close()
        self._of_one_shape.clear()

    def _session_of(self, shape: Shape) -> IoBindingSession | None:
        session = self._of_one_shape.pop(shape, None)
        if session is None and self._is_due(shape):
            while len(self._of_one_shape) >= SESSIONS_KEPT:
                self._of_one_shape.pop(next(iter(self._of_one_shape))).close()
            session = self._opened(shape)
        if session is not None:
            self._of_one_shape[shape] = session  # the one used last stands last
        return session

    def _is_due(self, shape: Shape) -> bool:
        """Count a use; return whether it is time to open a session of this shape.

        The next time that takes twice as many uses: three shapes in turn would otherwise open a
        session for each picture.
        """
        count = self._counts.pop(shape, None) or _UseCount()
        self._counts[shape] = count
        if len(self._counts) > SHAPES_COUNTED:
            del self._counts[next(iter(self._counts))]
        count.uses += 1
        if count.refused or count.uses < count.needed:
            return False
        count.uses, count.needed = 0, 2 * count.needed
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
        """Give up a shape's session: it only adds speed, and the one for any shape paints too."""
        logger.info("pictures of %dx%d have none of their own: %s", shape[2], shape[1], error)
        self._counts[shape] = _UseCount(refused=True)


class _UseCount:
    """Uses of a shape since it last got a session, and how many are needed until it gets one."""

    def __init__(self, *, refused: bool = False) -> None:
        self.uses, self.needed, self.refused = 0, FIRST_USES, refused
