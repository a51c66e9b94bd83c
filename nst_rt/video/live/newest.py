"""A slot for one item: a newer item replaces one that was not taken in time."""

from __future__ import annotations

from typing import Generic, TypeVar

from nst_rt.video.live.pacing import Clock

T = TypeVar("T")


class Ended(Exception):  # noqa: N818 - a signal, no error
    """Signals that no more items follow."""


class Newest(Generic[T]):
    """Passes the newest item from one thread to another, so that no delay can build up.

    Attributes:
        dropped: number of items that were replaced before they were taken.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = clock.condition()
        self._item: T | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.dropped = 0

    def put(self, item: T) -> None:
        """Put an item into the slot; after the end it is ignored."""
        with self._changed:
            if self._ended:
                return
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """Take the newest item; return None after `timeout` seconds without one.

        Raises:
            Ended: no more items follow; or the error that was the reason.
        """
        with self._changed:
            self._clock.wait_for(
                self._changed, lambda: self._item is not None or self._ended, timeout
            )
            item, self._item = self._item, None
            if item is None and self._ended:
                raise self._error or Ended
            return item

    def finish(self, error: BaseException | None = None) -> None:
        """End the items, because of `error` if there is one; the first reason stays."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
            self._changed.notify_all()
