"""Painting what comes, as it comes: a thread reads, a thread paints, the caller's shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

from nst_rt.cancellation import CancelToken, cancelled_by
from nst_rt.errors import OutputError
from nst_rt.images import working_size
from nst_rt.video.live.capture import Capture, Captured, LiveSource, Pixels
from nst_rt.video.live.framing import resized
from nst_rt.video.live.meter import Meter, Second
from nst_rt.video.live.newest import Ended, Newest
from nst_rt.video.live.pacing import Clock, Pace, Tell
from nst_rt.video.live.screenshots import save_screenshot
from nst_rt.video.live.sinks import LiveSink, PaintedFrame, State
from nst_rt.video.live.styles import StyleChanger
from nst_rt.video.live.working_sizes import WorkingSizes

_NOTE_STAYS = 3.0
"""Seconds that a note stays in sight."""


@dataclass(frozen=True)
class LiveOptions:
    """How live video is painted.

    Attributes:
        size: long side in pixels to paint at, at most.
        fixed_size: paint at that size even where it is too slow.
        fps: frames a second to paint, at most; None for all that come.
        strength: 0 shows what comes, 1 the painting.
        keep_color: the colours of what comes.
        reconnect: whether a lost source is tried again.
        give_up: seconds without a frame after which it is not.
        frames: end after that many.
        seconds: end after that time.
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
    """One source, painted into one sink.

    Between the threads is a place for one frame. What is too slow leaves frames out, and nothing
    waits in a queue: a frame is shown within two frame times of the slower of camera and painter.

    Args:
        source: where frames come from.
        styles: what paints; closed at the end.
        sink: where they go; closed at the end.
        options: how.
        tell: hears of everything that changes by itself.
        clock: all pacing goes by it.
        report: told of every second.
    """

    def __init__(
        self,
        source: LiveSource,
        styles: StyleChanger,
        sink: LiveSink,
        options: LiveOptions,
        *,
        tell: Tell = lambda line: None,
        clock: Clock | None = None,
        report: Callable[[Second, State], None] = lambda second, state: None,
    ) -> None:
        self._clock = clock or Clock()
        self._styles, self._sink, self._options, self._report = styles, sink, options, report
        self._tell_watcher, self._note, self._noted = tell, "", 0.0
        self._capture = Capture(
            source, self._clock, self._tell,
            reconnect=options.reconnect, give_up=options.give_up,
        )  # fmt: skip
        self._painted: Newest[PaintedFrame] = Newest(self._clock)
        self._sizes: WorkingSizes | None = None
        self._strength, self._paused, self._done = options.strength, False, False
        self._last: PaintedFrame | None = None
        self._token = CancelToken()
        self._painter = threading.Thread(target=self._paint_all, name="nst-paint", daemon=True)

    def run(self) -> dict[str, float | int]:
        """Paint until the source ends, somebody quits or a limit is reached.

        Returns:
            Frames shown and dropped, and the seconds that it took.

        Raises:
            InputError: the source cannot be opened, or was lost and given up.
            NstError: painting or putting out failed.
        """
        try:
            self._capture.start()
            self._sink.open()
            self._meter = Meter(self._clock.now())
            self._painter.start()
            while not self._done:
                self._turn()
        except Ended:
            pass
        finally:
            self._end()
        return self._meter.totals(self._clock.now(), self._dropped)

    @property
    def _dropped(self) -> int:
        return self._capture.frames.dropped + self._painted.dropped + self._sink.dropped

    def _turn(self) -> None:
        """Show the next frame or hold the last, and look after everything else."""
        shown = self._painted.take(self._sink.patience)
        if shown is None:
            self._sink.hold(self._state(), self._clock.now())
        else:
            self._last = shown
            self._sink.show(shown, self._state())
            self._meter.show(self._clock.now() - shown.at)
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
            return "no frames come"
        if self._styles.opening:
            return f"opening {self._styles.opening}"
        if self._clock.now() - self._noted < _NOTE_STAYS:
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
            self._tell(f"strength {self._strength:.1f}")
        elif key == "s" and self._last:
            try:
                self._tell(f"saved {save_screenshot(self._last, self._styles.name)}")
            except OutputError as error:
                self._tell(str(error))

    def _tell(self, line: str) -> None:
        self._note, self._noted = line, self._clock.now()
        self._tell_watcher(line)

    def _paint_all(self) -> None:
        with cancelled_by(self._token):
            self._paint_on()

    def _paint_on(self) -> None:
        pace = Pace(self._options.fps) if self._options.fps else None
        asleep = self._clock.condition()
        try:
            while True:
                if pace:
                    with asleep:
                        wait = pace.wait(self._clock.now())
                        self._clock.wait_for(asleep, lambda: self._done, wait)
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
            self._sizes = WorkingSizes(largest, self._tell, fixed=self._options.fixed_size)
        begun = self._clock.now()
        small = resized(captured.rgb, *working_size(*size, self._sizes.long_side))
        painting = self._styles.paint(
            small, strength=self._strength, keep_color=self._options.keep_color
        )
        now = self._clock.now()
        self._sizes.painted(now - begun, now, self._options.fps or self._capture.rate)
        return PaintedFrame(painting, captured.at, size)

    def _end(self) -> None:
        """End the threads and free everything, the sink last so that it can complete its file."""
        self._done = True
        self._token.cancel()
        self._painted.finish()
        self._capture.close()
        self._clock.join(self._painter)
        self._styles.close()
        self._sink.close()


def _size(rgb: Pixels) -> tuple[int, int]:
    """Height and width."""
    return rgb.shape[0], rgb.shape[1]
