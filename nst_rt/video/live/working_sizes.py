"""The working size at which painting keeps up with the source."""

from __future__ import annotations

from statistics import median

from nst_rt.video.live.pacing import Notify

STEPS = (1920, 1600, 1280, 1024, 832, 640, 512, 416, 320, 256)
"""Long sides in pixels; each costs about two thirds of the one before."""
_SLOW = 1.1
"""Share of a frame's time above which painting is too slow."""
_DOWN, _UP = 0.9, 0.75
"""Largest predicted share of a frame's time at the next size: stepping down, and stepping up."""
_WINDOW, _FAR = 2.0, 1.5
"""Seconds of one measurement, halved above this share of a frame's time."""
_PATIENCE, _MOST_PATIENCE = 5.0, 160.0
"""Seconds for which a larger size must have been affordable; doubled for one that proved too large,
up to the second number."""


class WorkingSizes:
    """Steps down when painting takes longer than a frame lasts, up again when there is room.

    Args:
        largest: requested long side in pixels, which is also the first.
        notify: called with a line about every step.
        fixed: whether to stay at `largest`.
    """

    def __init__(self, largest: int, notify: Notify, *, fixed: bool = False) -> None:
        self._steps = [largest, *(step for step in STEPS if step < largest)]
        self._index, self._fixed, self._notify = 0, fixed, notify
        self._times: list[float] = []
        self._begun: float | None = None
        self._roomy_since: float | None = None
        self._raised: float | None = None
        self._patience = [_PATIENCE] * len(self._steps)
        self._overwhelmed = False

    @property
    def long_side(self) -> int:
        """Long side in pixels of the next picture to paint."""
        return self._steps[self._index]

    def painted(self, seconds: float, now: float, rate: float | None) -> None:
        """Record a painting that took `seconds` at `rate` frames per second."""
        if self._fixed or not rate:
            return
        if self._begun is None:  # the first at a size is slower: the engine prepares for it
            self._begun = now
            return
        self._times.append(seconds)
        typical, budget = median(self._times), 1 / rate
        window = _WINDOW / 2 if typical > _FAR * budget else _WINDOW
        if len(self._times) < 3 or now - self._begun < window:
            return
        self._begun, self._times = now, []
        if typical > _SLOW * budget:
            self._lower(typical, budget, now)
        else:
            self._consider_raising(typical, budget, now)

    def _lower(self, typical: float, budget: float, now: float) -> None:
        self._roomy_since = None
        smallest = len(self._steps) - 1
        if self._index == smallest:
            if not self._overwhelmed:
                self._overwhelmed = True
                self._notify(
                    f"painting takes {1e3 * typical:.0f} ms at {self.long_side} pixels, the "
                    "smallest size: frames are dropped"
                )
            return
        patience = self._patience[self._index]
        if self._raised is not None and now - self._raised < 2 * patience:
            self._patience[self._index] = min(2 * patience, _MOST_PATIENCE)
        fitting = (
            index
            for index in range(self._index + 1, smallest)
            if self._predicted(typical, index) <= _DOWN * budget
        )
        before = self.long_side
        self._change(next(fitting, smallest))
        self._notify(
            f"painting at {self.long_side} pixels instead of {before}, which takes "
            f"{1e3 * typical:.0f} ms when a frame lasts {1e3 * budget:.0f}"
        )

    def _consider_raising(self, typical: float, budget: float, now: float) -> None:
        self._overwhelmed = False
        if self._index == 0 or self._predicted(typical, self._index - 1) > _UP * budget:
            self._roomy_since = None
            return
        if self._roomy_since is None:
            self._roomy_since = now
        if now - self._roomy_since < self._patience[self._index - 1]:
            return
        self._roomy_since, self._raised = None, now
        self._change(self._index - 1)
        self._notify(f"painting at {self.long_side} pixels again: there is time for it")

    def _predicted(self, typical: float, index: int) -> float:
        """Predict the seconds at another size, in proportion to its pixels."""
        return typical * (self._steps[index] / self.long_side) ** 2

    def _change(self, index: int) -> None:
        self._index = index
        self._times, self._begun = [], None
