"""A sink in a thread of its own, for outputs that may block, such as a network."""

from __future__ import annotations

import threading

from nst_rt.video.live.newest import Ended, Newest
from nst_rt.video.live.pacing import Clock
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State

_CLOSING_S = 0.7
"""Seconds that `close` waits for the sink to complete its output."""


class ThreadedSink(LiveSink):
    """Passes a sink the newest frame when it is ready for one; the caller never waits.

    Args:
        sink: the wrapped sink, used by the thread alone.
        clock: the clock of all waits.
    """

    def __init__(self, sink: LiveSink, clock: Clock) -> None:
        self._sink, self._clock = sink, clock
        self._frames: Newest[tuple[PaintedFrame, State]] = Newest(clock)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nst-output", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Number of frames that were replaced by newer ones."""
        return self._frames.dropped

    def show(self, frame: PaintedFrame, state: State) -> None:
        """Pass a frame on; raise what the sink raised since the last call."""
        self._raise()
        self._frames.put((frame, state))

    def hold(self, state: State, now: float) -> None:
        self._raise()

    def close(self) -> None:
        """Close the sink, unless it does not return in time."""
        self._frames.finish()
        self._clock.join(self._thread, _CLOSING_S)
        self._raise()

    def _run(self) -> None:
        try:
            while True:
                item = self._frames.take(self._sink.patience)
                if item:
                    self._sink.show(*item)
                else:
                    self._sink.hold(State(), self._clock.now())
        except Ended:
            pass
        except BaseException as error:
            self._error = error
        try:
            self._sink.close()
        except BaseException as error:
            self._error = self._error or error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error
