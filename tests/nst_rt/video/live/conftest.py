"""Live video without waiting: a clock that jumps, and sources and sinks that go by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from nst_rt.errors import InputError
from nst_rt.video.live import Clock, LiveSink

THREADS = ("nst-capture", "nst-paint", "nst-style", "nst-output")


class FakeClock(Clock):
    """Jumps to the next moment at which something happens, as soon as all threads wait."""

    def __init__(self) -> None:
        self._time = 1000.0
        self._shared = threading.Condition()
        self._waiting: dict[int, tuple[Callable[[], bool], float]] = {}
        self.turns = 0
        """How often a thread came out of a wait."""

    def now(self) -> float:
        return self._time

    def condition(self) -> threading.Condition:
        return self._shared

    def wait_for(self, condition, predicate, timeout=None) -> bool:
        me = threading.get_ident()
        until = self._time + (float("inf") if timeout is None else timeout)
        self._waiting[me] = (predicate, until)
        while not predicate() and self._time < until:
            self._jump()
            self._shared.wait(0.001)
        del self._waiting[me]
        self.turns += 1
        return predicate()

    def sleep(self, seconds: float) -> None:
        with self._shared:
            self.wait_for(self._shared, lambda: False, seconds)

    def join(self, thread, timeout=None) -> None:
        with self._shared:
            self.wait_for(self._shared, lambda: not thread.is_alive(), timeout)

    def release(self) -> None:
        """Let threads that were left to a driver come to their end."""
        with self._shared:
            self._time = float("inf")
            self._shared.notify_all()

    def _jump(self) -> None:
        threads = sum(thread.name in THREADS for thread in threading.enumerate()) + 1
        if len(self._waiting) < threads:
            return
        ready = any(predicate() for predicate, _ in self._waiting.values())
        moment = min(until for _, until in self._waiting.values())
        if not ready and self._time < moment < float("inf"):
            self._time = moment
            self._shared.notify_all()


@dataclass
class NumberedSource:
    """Frames that hold their number, `comes` a second, none in the seconds that are `dark`.

    While it is dark reading fails, and so does opening, or reading just hangs.
    """

    clock: FakeClock
    comes: float = 60.0
    count: int = 10**9
    size: tuple[int, int] = (8, 8)
    dark: Sequence[tuple[float, float]] = ()
    hangs: bool = False
    name: str = "fake"
    says: float | None = None
    opened: list[float] = field(default_factory=list)
    number: int = 0
    closed: bool = True

    def __post_init__(self) -> None:
        self.start = self.clock.now()

    @property
    def rate(self) -> float | None:
        return self.says or self.comes

    def time(self) -> float:
        return self.clock.now() - self.start

    def open(self) -> None:
        self.opened.append(round(self.time(), 3))
        if not self.hangs:
            self._fail_in_the_dark("nothing answers")
        self.closed = False

    def read(self):
        if self.number >= self.count:
            return None
        self.clock.sleep(1 / self.comes)
        if self.hangs:
            for begin, end in self.dark:
                if begin <= self.time() < end:
                    self.clock.sleep(end - self.time())
        self._fail_in_the_dark("unplugged")
        self.number += 1
        return numbered(self.number, self.size), None

    def close(self) -> None:
        self.closed = True

    def _fail_in_the_dark(self, why: str) -> None:
        if any(begin <= self.time() < end for begin, end in self.dark):
            raise InputError(why, path=self.name)


def numbered(number: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """A frame whose first pixels hold a number up to 2**24."""
    frame = np.zeros((*size, 3), np.uint8)
    frame[:, :] = number >> 16, number >> 8 & 255, number & 255
    return frame


def number_of(rgb: np.ndarray) -> int:
    red, green, blue = (int(value) for value in rgb[0, 0])
    return red << 16 | green << 8 | blue


class FakeStyles:
    """Takes its time to paint, as much as `cost` says for a size, and changes nothing."""

    name, opening = "fake", ""

    def __init__(self, clock: FakeClock, cost: Callable[[np.ndarray], float]) -> None:
        self.clock, self.cost = clock, cost
        self.closed = False
        self.strengths: list[float] = []
        self.wishes: list[int | str] = []

    def paint(self, rgb, *, strength, keep_color):
        self.strengths.append(strength)
        self.clock.sleep(self.cost(rgb))
        return rgb

    def step(self, count: int) -> None:
        self.wishes.append(f"{count:+}")

    def choose(self, index: int) -> None:
        self.wishes.append(index)

    def close(self) -> None:
        self.closed = True


class Gallery(LiveSink):
    """Keeps what it is shown: number, age and moment of each frame; presses keys at moments."""

    def __init__(
        self, clock: FakeClock, keys: dict[float, str] | None = None, patience: float = 0.2
    ) -> None:
        self.patience = patience
        self.clock, self.start = clock, clock.now()
        self.frames: list[SimpleNamespace] = []
        self.held: list[float] = []
        self.notes: list[str] = []
        self._keys = dict(keys or {})
        self.closed = False

    def show(self, shown, state) -> None:
        self.frames.append(
            SimpleNamespace(
                number=number_of(shown.rgb),
                age=self.clock.now() - shown.at,
                time=self.clock.now() - self.start,
                size=shown.rgb.shape[:2],
            )
        )
        self.notes.append(state.note)

    def hold(self, state, now) -> None:
        self.held.append(now - self.start)
        self.notes.append(state.note)

    def pressed(self):
        due = [moment for moment in self._keys if moment <= self.clock.now() - self.start]
        return [self._keys.pop(moment) for moment in due]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    clock = FakeClock()
    yield clock
    clock.release()
    for thread in threading.enumerate():
        if thread.name in THREADS:
            thread.join(10)
            assert not thread.is_alive()
