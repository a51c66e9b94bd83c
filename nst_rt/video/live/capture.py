"""Reading a live source in its own thread, and reopening it after it is lost."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from nst_rt.errors import InputError
from nst_rt.pixels import Pixels
from nst_rt.video.live.newest import Newest
from nst_rt.video.live.pacing import Clock, Notify
from nst_rt.video.opencv import CAMERA_TIMEOUT_S

Shot = tuple[Pixels, float | None]
"""RGB H×W×3, and its time in a recording in seconds; None for a frame to show at once."""

SILENCE = float(CAMERA_TIMEOUT_S)
"""Seconds without a frame after which a source counts as lost."""
_LONGEST_WAIT_S = 30.0
"""Longest time between two attempts in seconds; the first follow after 1, 2, 4, …"""
_RATE_WINDOW_S = 3.0
"""Seconds over which the rate is measured."""
_CLOSING_S = 0.5
"""Seconds that `close` waits for a driver to return from its call."""


class LiveSource(Protocol):
    """A source of live frames; used by one thread, which reopens it after it was lost."""

    name: str
    """Name for messages."""
    rate: float | None
    """Frames per second that the source states, None if it states none; valid once it is open."""

    def open(self) -> None:
        """Open the source; raise `InputError` if it is not available."""
        ...

    def read(self) -> Shot | None:
        """Return the next frame, None at the end; raise `InputError` if the source is lost."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame and its time of arrival by the live clock."""

    rgb: Pixels
    at: float


class Capture:
    """Keeps the newest frame of a source in `frames`.

    Attributes:
        frames: where its thread puts frames.
        count: number of frames that arrived.

    Args:
        source: read and closed by the thread.
        clock: the clock of arrival times and waits.
        notify: called with a line when frames stop arriving and when they resume.
        reconnect: whether to reopen a lost source.
        give_up: seconds without a frame after which not to reopen it any more.
    """

    def __init__(
        self,
        source: LiveSource,
        clock: Clock,
        notify: Notify,
        *,
        reconnect: bool = True,
        give_up: float = 300.0,
    ) -> None:
        self.frames: Newest[Captured] = Newest(clock)
        self.count = 0
        self._source, self._clock, self._notify = source, clock, notify
        self._reconnect, self._give_up = reconnect, give_up
        self._changed = clock.condition()
        self._open_tried = self._closed = self._paused = self._reported = False
        self._open_error: BaseException | None = None
        self._failures = 0
        self._reason = ""  # for which the source is lost
        self._last_arrival = clock.now()
        self._arrivals: deque[float] = deque()
        self._pacing = False  # whether a frame of a recording waits for its time
        self._began: float | None = None  # when a recording began, later by its pauses
        self._thread = threading.Thread(target=self._run, name="nst-capture", daemon=True)

    @property
    def rate(self) -> float | None:
        """Frames per second of the last seconds; before there are any, what the source states.

        In the dark cameras deliver fewer than they state, and addresses often state nothing.
        """
        with self._changed:
            passed = self._arrivals[-1] - self._arrivals[0] if self._arrivals else 0.0
            if passed >= 1:
                return (len(self._arrivals) - 1) / passed
        return self._source.rate

    @property
    def lost(self) -> bool:
        """Whether the source is lost and that was reported."""
        return self._reported

    def start(self) -> None:
        """Open the source and start reading.

        Raises:
            NstError: it cannot be opened.
        """
        self._thread.start()
        with self._changed:
            self._clock.wait_for(self._changed, lambda: self._open_tried)
        if self._open_error:
            raise self._open_error

    def pause(self, paused: bool) -> None:
        """Pause a recording where it is, or resume it; live sources continue on their own."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def watch(self) -> None:
        """Report once that the source is lost, and once that it is back.

        Raises:
            InputError: it is lost and not reopened any more.
        """
        with self._changed:
            silent = 0.0 if self._pacing else self._clock.now() - self._last_arrival
            reason = self._reason
        why = f" ({reason})" if reason else ""
        if not self._reconnect and (reason or silent >= SILENCE):
            raise InputError(f"no more frames arrive{why}", path=self._source.name)
        if silent >= self._give_up:
            raise InputError(f"no frame for {silent:.0f} s{why}: given up", path=self._source.name)
        if silent >= SILENCE and not self._reported:
            self._reported = True
            self._notify(
                f"{self._source.name}: no frame for {SILENCE:.0f} s{why}; trying again, the last "
                "frame stays"
            )
        elif self._reported and silent < SILENCE:
            self._reported = False
            self._notify(f"{self._source.name}: frames arrive again")

    def close(self) -> None:
        """Stop reading and close the source, unless its driver does not return in time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.frames.finish()
        self._clock.join(self._thread, _CLOSING_S)

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
            self._open_error = error
            raise
        finally:
            with self._changed:
                self._last_arrival = self._clock.now()
                self._open_tried = True
                self._changed.notify_all()

    def _read_until_lost(self) -> bool:
        """Read frames; return whether more may follow after the source is reopened."""
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
            self._last_arrival = self._clock.now()
            self._arrivals.append(self._last_arrival)
            while self._last_arrival - self._arrivals[0] > _RATE_WINDOW_S:
                self._arrivals.popleft()
            self.count += 1
            self._failures, self._reason = 0, ""
        self.frames.put(Captured(rgb, self._last_arrival))

    def _lost(self, error: InputError) -> None:
        with self._changed:
            self._reason = error.what
            self._arrivals.clear()

    def _open_again(self) -> None:
        """Try until the source opens or `close` is called; `watch` decides when to give up."""
        while not self._closed:
            with self._changed:
                wait = min(2.0**self._failures, _LONGEST_WAIT_S)
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
        """Wait for a time of the recording, later by all pauses; return False if closed before."""
        with self._changed:
            self._pacing = True
            try:
                if self._began is None:
                    self._began = self._clock.now() - time
                while not self._closed:
                    left = self._began + time - self._clock.now()
                    changed = self._clock.wait_for(
                        self._changed, lambda: self._closed or self._paused, max(0.0, left)
                    )
                    if not changed:
                        return True
                    paused_at = self._clock.now()
                    self._clock.wait_for(self._changed, lambda: self._closed or not self._paused)
                    self._began += self._clock.now() - paused_at
                return False
            finally:
                self._last_arrival = self._clock.now()
                self._pacing = False
