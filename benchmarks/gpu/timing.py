"""Times of frames that are painted in streams, and the program's budget of time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks import measure
from benchmarks.gpu.device import Device

SECONDS = 0.4
"""Time that one candidate paints in one round."""
LATENCIES = 200
"""Most pictures that are painted one by one; fewer where they take longer than `SECONDS`."""

Frame = Callable[[], object]
"""A function that paints one picture, or begins to."""


def rates(
    frames: dict[str, Frame], device: Device, rounds: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Return each candidate's median seconds per picture, taking turns, and why others failed."""
    failed: dict[str, str] = {}
    calls, counts = {}, {}
    for name, frame in frames.items():
        with _noted(name, failed):
            counts[name] = max(3, round(SECONDS / seconds_per_frame(frame, device, least=5)))
            calls[name] = _Turn(name, _batch(frame, counts[name], device))
    while calls:
        try:
            times = measure.interleave(calls, rounds=rounds, warmup=0, pause_s=0)
        except _TurnFailedError as error:
            failed[error.name] = error.reason
            del calls[error.name]
        else:
            return {name: statistics.median(times[name]) / counts[name] for name in calls}, failed
    return {}, failed


def latency(run: Frame) -> dict[str, float]:
    """Return milliseconds of single pictures, one after the other, host to host."""
    seconds: list[float] = []
    until = time.perf_counter() + 2 * SECONDS
    while len(seconds) < LATENCIES and (len(seconds) < 20 or time.perf_counter() < until):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    marks = (50, 95, 99)
    return {f"p{mark} ms": round(float(np.percentile(seconds, mark)) * 1e3, 3) for mark in marks}


def seconds_per_frame(frame: Frame, device: Device, least: int = 20) -> float:
    """Return the seconds of a frame in the second half of some calls; the first warms up."""
    batch = _batch(frame, least, device)
    batch()
    began = time.perf_counter()
    batch()
    return (time.perf_counter() - began) / least


class Budget:
    """The seconds that the program may take: steps that would not fit are left out, and named.

    A step is expected to take as long as the last one of its kind did.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._until = clock, clock() + seconds
        self._known: dict[str, float] = {}
        self.left_out: list[str] = []

    def allows(self, kind: str, what: str, guess_s: float) -> bool:
        """Return whether a step of a kind still fits; `guess_s` is for the first of its kind."""
        expected = self._known.get(kind, guess_s)
        left = self._until - self._clock()
        if expected <= left:
            return True
        self.left_out.append(f"{what} (takes about {expected:.0f} s, {max(0, left):.0f} are left)")
        return False

    @contextmanager
    def step(self, kind: str) -> Iterator[None]:
        """Time a step."""
        began = self._clock()
        try:
            yield
        finally:
            self._known[kind] = self._clock() - began


class _TurnFailedError(Exception):
    """A candidate stopped working in its turn."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason


class _Turn:
    """A context of one candidate's turn, which adds its name to a failure."""

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self._name, self._call = name, call

    def __call__(self) -> None:
        try:
            self._call()
        except Exception as error:
            raise _TurnFailedError(self._name, reason(error)) from error


def reason(error: BaseException) -> str:
    """Return the first line of what went wrong."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _noted(name: str, failed: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        failed[name] = reason(error)


def _batch(frame: Frame, count: int, device: Device) -> Callable[[], None]:
    def call() -> None:
        for _ in range(count):
            frame()
        device.synchronize()

    return call
