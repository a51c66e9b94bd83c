"""Reading a live source in a thread of its own, and getting it back when it is lost."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import InputError
from nst_rt.video.live.newest import Newest
from nst_rt.video.live.pacing import Clock, Tell
from nst_rt.video.opencv import CAMERA_TIMEOUT_S

Pixels = NDArray[np.uint8]
Shot = tuple[Pixels, float | None]
"""RGB H×W×3, and the second of the recording that it belongs to; None for "now"."""

SILENCE = float(CAMERA_TIMEOUT_S)
"""Seconds without a frame after which a source counts as lost."""
_LONGEST_WAIT = 30.0
"""Seconds between two tries at most; the first come after 1, 2, 4, …"""
_MEMORY = 3.0
"""Seconds over which the rate is measured."""
_LET_GO = 0.5
"""Seconds that a driver gets to return from its call when all ends."""


class LiveSource(Protocol):
    """Where frames come from; used by one thread, which opens it again after it was lost."""

    name: str
    """For messages."""
    rate: float | None
    """Frames a second, as far as the source says; known once it is open."""

    def open(self) -> None:
        """Raises `InputError` where it is not there."""
        ...

    def read(self) -> Shot | None:
        """The next frame, None at the end; raises `InputError` where it is lost."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame and the moment at which it came."""

    rgb: Pixels
    at: float


class Capture:
    """Keeps the newest frame of a source in `frames`.

    Args:
        source: read and closed by the thread.
        clock: tells when frames come.
        tell: hears when they stop coming, and when they come again.
        reconnect: whether a lost source is tried again.
        give_up: seconds without a frame after which it is not.
    """

    def __init__(
        self,
        source: LiveSource,
        clock: Clock,
        tell: Tell,
        *,
        reconnect: bool = True,
        give_up: float = 300.0,
    ) -> None:
        self.frames: Newest[Captured] = Newest(clock)
        self.count = 0
        self._source, self._clock, self._tell = source, clock, tell
        self._reconnect, self._give_up = reconnect, give_up
        self._changed = clock.condition()
        self._settled = self._closed = self._paused = self._holding = self._told = False
        self._refusal: BaseException | None = None
        self._failures = 0
        self._reason = ""
        self._last = clock.now()
        self._moments: deque[float] = deque()
        self._base: float | None = None
        self._thread = threading.Thread(target=self._run, name="nst-capture", daemon=True)

    @property
    def rate(self) -> float | None:
        """Frames a second: what came in the last seconds, before that what the source says.

        Cameras give fewer in the dark than they say, and addresses often do not know.
        """
        with self._changed:
            passed = self._moments[-1] - self._moments[0] if self._moments else 0.0
            if passed >= 1:
                return (len(self._moments) - 1) / passed
        return self._source.rate

    @property
    def lost(self) -> bool:
        """Whether it was told that no frames come."""
        return self._told

    def start(self) -> None:
        """Open the source and begin to read.

        Raises:
            NstError: it cannot be opened.
        """
        self._thread.start()
        with self._changed:
            self._clock.wait_for(self._changed, lambda: self._settled)
        if self._refusal:
            raise self._refusal

    def pause(self, paused: bool) -> None:
        """Stop a recording at its place, or go on; what is live goes on by itself."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def watch(self) -> None:
        """Tell once when the source is silent, and once when it is back.

        Raises:
            InputError: it is lost and not tried again.
        """
        with self._changed:
            silent = 0.0 if self._holding else self._clock.now() - self._last
            reason = self._reason
        why = f" ({reason})" if reason else ""
        if not self._reconnect and (reason or silent >= SILENCE):
            raise InputError(f"no frame comes any more{why}", path=self._source.name)
        if silent >= self._give_up:
            raise InputError(f"no frame for {silent:.0f} s{why}: given up", path=self._source.name)
        if silent >= SILENCE and not self._told:
            self._told = True
            self._tell(
                f"{self._source.name}: no frame for {SILENCE:.0f} s{why}; it is tried again, the "
                "last frame stays"
            )
        elif self._told and silent < SILENCE:
            self._told = False
            self._tell(f"{self._source.name}: frames come again")

    def close(self) -> None:
        """Stop reading and free the source, unless its driver does not return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.frames.finish()
        self._clock.join(self._thread, _LET_GO)

    def _run(self) -> None:
        try:
            self._open_first()
            while self._read_until_lost():
                self._source.close()
                self._open_again()
            self.frames.finish()
        except BaseException as error:
            self.frames.finish(error)
        finally:
            self._source.close()

    def _open_first(self) -> None:
        try:
            self._source.open()
        except BaseException as error:
            self._refusal = error
            raise
        finally:
            with self._changed:
                self._last = self._clock.now()
                self._settled = True
                self._changed.notify_all()

    def _read_until_lost(self) -> bool:
        """Read on; whether there may be more after the source is opened again."""
        while not self._closed:
            try:
                shot = self._source.read()
            except InputError as error:
                self._lost(error)
                return not self._closed
            if shot is None:
                return False
            rgb, time = shot
            if time is None or self._wait_until(time):
                self._arrived(rgb)
        return False

    def _arrived(self, rgb: Pixels) -> None:
        with self._changed:
            self._last = self._clock.now()
            self._moments.append(self._last)
            while self._last - self._moments[0] > _MEMORY:
                self._moments.popleft()
            self.count += 1
            self._failures, self._reason = 0, ""
        self.frames.put(Captured(rgb, self._last))

    def _lost(self, error: InputError) -> None:
        with self._changed:
            self._reason = error.what
            self._moments.clear()

    def _open_again(self) -> None:
        """Try until it opens, or all ends; who watches gives up."""
        while not self._closed:
            with self._changed:
                wait = min(2.0**self._failures, _LONGEST_WAIT)
                self._failures += 1
                if self._clock.wait_for(self._changed, lambda: self._closed, wait):
                    return
            try:
                self._source.open()
            except InputError as error:
                self._lost(error)
            else:
                return

    def _wait_until(self, time: float) -> bool:
        """Wait for the moment of a recording; pauses put it off. False if all ends before."""
        with self._changed:
            self._holding = True
            try:
                if self._base is None:
                    self._base = self._clock.now() - time
                while not self._closed:
                    left = self._base + time - self._clock.now()
                    stirred = self._clock.wait_for(
                        self._changed, lambda: self._closed or self._paused, max(0.0, left)
                    )
                    if not stirred:
                        return True
                    begun = self._clock.now()
                    self._clock.wait_for(self._changed, lambda: self._closed or not self._paused)
                    self._base += self._clock.now() - begun
                return False
            finally:
                self._last = self._clock.now()
                self._holding = False
