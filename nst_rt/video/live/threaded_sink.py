"""A thread of its own for a sink that may be held up, by a network say."""

from __future__ import annotations

import threading

from nst_rt.video.live.newest import Ended, Newest
from nst_rt.video.live.pacing import Clock
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State

_LET_GO = 0.7
"""Seconds that the sink gets at the end to complete what it does."""


class ThreadedSink(LiveSink):
    """Hands a sink the newest frame when it is ready for it; the caller never waits.

    Args:
        sink: used by the thread alone.
        clock: its waits go by it.
    """

    def __init__(self, sink: LiveSink, clock: Clock) -> None:
        self._sink, self._clock = sink, clock
        self._frames: Newest[tuple[PaintedFrame, State]] = Newest(clock)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nst-output", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that gave way to newer ones."""
        return self._frames.dropped

    def show(self, shown: PaintedFrame, state: State) -> None:
        """Leave a frame; raises what the sink raised since the last call."""
        self._raise()
        self._frames.put((shown, state))

    def hold(self, state: State, now: float) -> None:
        self._raise()

    def close(self) -> None:
        """Close the sink, unless it does not come back."""
        self._frames.finish()
        self._clock.join(self._thread, _LET_GO)
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
