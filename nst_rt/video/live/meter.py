"""How fast and how late live video is, second by second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Second:
    """What happened since the second before.

    Attributes:
        time: seconds since the start.
        fps: painted frames shown a second.
        latency_ms: mean age of a frame when it was shown, in milliseconds; None without frames.
        dropped: frames that came and were not shown, since newer ones were there.
    """

    time: float
    fps: float
    latency_ms: float | None
    dropped: int


class Meter:
    """Counts frames that are shown and tells of each second once.

    Attributes:
        shown: frames since the start.
        latest: the last second that is over.
    """

    def __init__(self, now: float) -> None:
        self._start = self._since = now
        self._ages: list[float] = []
        self._dropped = 0
        self.shown = 0
        self.latest = Second(0.0, 0.0, None, 0)

    def show(self, age: float) -> None:
        """A frame was shown, `age` seconds after it came."""
        self.shown += 1
        self._ages.append(age)

    def tick(self, now: float, dropped: int) -> Second | None:
        """The second that is over, None in the midst of one; `dropped` is the sum so far."""
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
        """Seconds since the start."""
        return now - self._start

    def totals(self, now: float, dropped: int) -> dict[str, float | int]:
        """All of it: frames shown and dropped, seconds."""
        return {"frames": self.shown, "dropped": dropped, "seconds": round(now - self._start, 3)}
