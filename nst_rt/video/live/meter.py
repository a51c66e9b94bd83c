"""Rate and latency of live video, second by second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Second:
    """Measurements of one second of live video.

    Attributes:
        time: seconds since the start.
        fps: painted frames shown per second.
        latency_ms: mean age of a frame when it was shown, in milliseconds; None without frames.
        dropped: number of frames that arrived and were not shown, because newer ones were there.
    """

    time: float
    fps: float
    latency_ms: float | None
    dropped: int


class Meter:
    """Counts the frames that are shown and measures each second.

    Attributes:
        shown: number of frames since the start.
        latest: the last complete second.
    """

    def __init__(self, now: float) -> None:
        self._start = self._since = now
        self._ages: list[float] = []
        self._dropped = 0
        self.shown = 0
        self.latest = Second(0.0, 0.0, None, 0)

    def show(self, age: float) -> None:
        """Count a frame that was shown `age` seconds after it arrived."""
        self.shown += 1
        self._ages.append(age)

    def tick(self, now: float, dropped: int) -> Second | None:
        """Return the second that just ended, None within one; `dropped` is the total so far."""
        passed = now - self._since
        if passed < 1:
            return None
        count = len(self._ages)
        self.latest = Second(
            time=now - self._start,
            fps=count / passed,
            latency_ms=1e3 * sum(self._ages) / count if count else None,
            dropped=dropped - self._dropped,
        )
        self._since, self._ages, self._dropped = now, [], dropped
        return self.latest

    def elapsed(self, now: float) -> float:
        """Return the seconds since the start."""
        return now - self._start

    def totals(self, now: float, dropped: int) -> dict[str, float | int]:
        """Return the totals: frames shown and dropped, seconds."""
        return {"frames": self.shown, "dropped": dropped, "seconds": round(now - self._start, 3)}
