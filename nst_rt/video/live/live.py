"""Painting live frames: one thread reads, one paints, and the caller's shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

from nst_rt.errors import OutputError
from nst_rt.images import working_size
from nst_rt.pixels import Pixels
from nst_rt.system.cancellation import CancelToken, cancelled_by
from nst_rt.video.live.capture import Capture, Captured, LiveSource
from nst_rt.video.live.framing import resized
from nst_rt.video.live.meter import Meter, Second
from nst_rt.video.live.newest import Ended, Newest
from nst_rt.video.live.pacing import Clock, Notify, Pace
from nst_rt.video.live.screenshots import save_screenshot
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State
from nst_rt.video.live.styles import StyleChanger
from nst_rt.video.live.working_sizes import WorkingSizes

_NOTE_S = 3.0
"""Seconds for which a note is shown."""


@dataclass(frozen=True)
class LiveOptions:
    """Options of live painting.

    Attributes:
        size: largest long side in pixels to paint at.
        fixed_size: paint at that size even if it is too slow.
        fps: largest number of frames to paint per second; None for all that arrive.
        strength: 0 shows the source's frame, 1 the painting.
        keep_color: keep the colours of the source.
        reconnect: whether to reopen a lost source.
        give_up: seconds without a frame after which not to reopen it any more.
        frames: number of shown frames after which to end.
        seconds: time after which to end.
    """

    size: int
    fixed_size: bool = False
    fps: float | None = None
    strength: float = 1.0
    keep_color: bool = False
    reconnect: bool = True
    give_up: float = 300.0
    frames: int | None = None
    seconds: float | None = None


class Live:
    """Paints the frames of one source into one sink.

    Between two threads there is room for one frame. A thread that is too slow skips frames, and
    none wait in a queue: a frame is shown within two frame times of the slower of camera and
    painter.

    Args:
        source: delivers the frames.
        styles: paint them; closed at the end.
        sink: takes the paintings; closed at the end.
        options: how to paint and when to end.
        notify: called with a line about each change that happens on its own.
        clock: the clock of all pacing.
        report: called once a second.
    """

    def __init__(
        self,
        source: LiveSource,
        styles: StyleChanger,
        sink: LiveSink,
        options: LiveOptions,
        *,
        notify: Notify = lambda line: None,
        clock: Clock | None = None,
        report: Callable[[Second, State], None] = lambda second, state: None,
    ) -> None:
        self._clock = clock or Clock()
        self._styles, self._sink, self._options, self._report = styles, sink, options, report
        self._notify_caller, self._note, self._noted = notify, "", 0.0
        self._capture = Capture(
            source, self._clock, self._notify,
            reconnect=options.reconnect, give_up=options.give_up,
        )  # fmt: skip
        self._painted: Newest[PaintedFrame] = Newest(self._clock)
        self._sizes: WorkingSizes | None = None
        self._strength, self._paused, self._done = options.strength, False, False
        self._last: PaintedFrame | None = None
        self._token = CancelToken()
        self._painter = threading.Thread(target=self._paint_all, name="nst-paint", daemon=True)

    def run(self) -> dict[str, float | int]:
        """Paint until the source ends, a key quits or a limit is reached.

        Returns:
            `frames` shown, frames `dropped`, and the `seconds` that it took.

        Raises:
            InputError: the source cannot be opened, or was lost and did not come back.
            NstError: painting or the sink failed.
        """
        try:
            self._capture.start()
            self._sink.open()
            self._meter = Meter(self._clock.now())
            self._painter.start()
            while not self._done:
                self._show_next()
        except Ended:
            pass
        finally:
            self._end()
        return self._meter.totals(self._clock.now(), self._dropped)

    @property
    def _dropped(self) -> int:
        return self._capture.frames.dropped + self._painted.dropped + self._sink.dropped

    def _show_next(self) -> None:
        """Show the next frame or hold the last; handle keys, a lost source, reports and limits."""
        frame = self._painted.take(self._sink.patience)
        if frame is None:
            self._sink.hold(self._state(), self._clock.now())
        else:
            self._last = frame
            self._sink.show(frame, self._state())
            self._meter.show(self._clock.now() - frame.at)
        for key in self._sink.pressed():
            self._obey(key)
        self._capture.watch()
        now = self._clock.now()
        if second := self._meter.tick(now, self._dropped):
            self._report(second, self._state())
        self._done |= self._meter.shown == self._options.frames
        self._done |= self._meter.elapsed(now) >= (self._options.seconds or float("inf"))

    def _state(self) -> State:
        second = self._meter.latest
        return State(
            style=self._styles.name,
            fps=second.fps,
            latency_ms=second.latency_ms or 0.0,
            working_size=_size(self._last.rgb) if self._last else (0, 0),
            note=self._current_note(),
        )

    def _current_note(self) -> str:
        if self._capture.lost:
            return "no frames arrive"
        if self._styles.opening:
            return f"opening {self._styles.opening}"
        if self._clock.now() - self._noted < _NOTE_S:
            return self._note
        return "paused" if self._paused else ""

    def _obey(self, key: str) -> None:
        if key in ("q", "\x1b"):
            self._done = True
        elif key == " ":
            self._paused = not self._paused
            self._capture.pause(self._paused)
        elif key in ("n", "p"):
            self._styles.step(1 if key == "n" else -1)
        elif key.isdecimal() and key != "0":
            self._styles.choose(int(key) - 1)
        elif key in ("+", "=", "-"):
            change = -1 if key == "-" else 1
            self._strength = min(1.0, max(0.0, round(self._strength + 0.1 * change, 1)))
            self._notify(f"strength {self._strength:.1f}")
        elif key == "s" and self._last:
            try:
                self._notify(f"saved {save_screenshot(self._last, self._styles.name)}")
            except OutputError as error:
                self._notify(str(error))

    def _notify(self, line: str) -> None:
        self._note, self._noted = line, self._clock.now()
        self._notify_caller(line)

    def _paint_all(self) -> None:
        with cancelled_by(self._token):
            self._paint_until_end()

    def _paint_until_end(self) -> None:
        pace = Pace(self._options.fps) if self._options.fps else None
        pacing = self._clock.condition()
        try:
            while True:
                if pace:
                    with pacing:
                        wait = pace.wait(self._clock.now())
                        self._clock.wait_for(pacing, lambda: self._done, wait)
                captured = self._capture.frames.take()
                if captured and not self._paused:
                    self._painted.put(self._paint(captured))
        except (Ended, CancelledError):
            self._painted.finish()
        except BaseException as error:
            self._painted.finish(error)

    def _paint(self, captured: Captured) -> PaintedFrame:
        size = _size(captured.rgb)
        if self._sizes is None:
            largest = min(self._options.size, max(size))
            self._sizes = WorkingSizes(largest, self._notify, fixed=self._options.fixed_size)
        begun = self._clock.now()
        small = resized(captured.rgb, *working_size(*size, self._sizes.long_side))
        painting = self._styles.paint(
            small, strength=self._strength, keep_color=self._options.keep_color
        )
        now = self._clock.now()
        self._sizes.painted(now - begun, now, self._options.fps or self._capture.rate)
        return PaintedFrame(painting, captured.at, size)

    def _end(self) -> None:
        """End the threads and close everything, the sink last so that it can complete its file."""
        self._done = True
        self._token.cancel()
        self._painted.finish()
        self._capture.close()
        self._clock.join(self._painter)
        self._styles.close()
        self._sink.close()


def _size(rgb: Pixels) -> tuple[int, int]:
    """Return height and width."""
    return rgb.shape[0], rgb.shape[1]
