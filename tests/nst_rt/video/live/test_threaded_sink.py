"""An output that is held up holds up nobody else."""

from __future__ import annotations

import pytest

from nst_rt.errors import OutputError
from nst_rt.video.live import LiveSink, PaintedFrame, State
from nst_rt.video.live.threaded_sink import ThreadedSink

from .conftest import number_of, numbered

STATE = State()


class Slow(LiveSink):
    """Takes its time for every frame."""

    patience = 0.1

    def __init__(self, clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.numbers: list[int] = []
        self.holds = 0
        self.closed = False

    def show(self, shown, state) -> None:
        self.clock.sleep(self.seconds)
        self.numbers.append(number_of(shown.rgb))

    def hold(self, state, now) -> None:
        self.holds += 1

    def close(self) -> None:
        self.closed = True


class Broken(Slow):
    def show(self, shown, state) -> None:
        raise OutputError("the server left")


def send(clock, sink: ThreadedSink, count: int, rate: float) -> None:
    for number in range(1, count + 1):
        sink.show(PaintedFrame(numbered(number), clock.now(), (8, 8)), STATE)
        clock.sleep(1 / rate)


def test_it_gets_the_newest_frame_when_it_is_ready(clock) -> None:
    slow = Slow(clock, 0.1)
    sink = ThreadedSink(slow, clock)
    begun = clock.now()
    send(clock, sink, 50, 50)
    assert clock.now() - begun == pytest.approx(1)
    sink.close()
    assert slow.closed
    assert slow.numbers == sorted(set(slow.numbers))
    assert slow.numbers[-1] >= 49
    assert len(slow.numbers) + sink.dropped == 50


def test_it_is_told_when_nothing_comes(clock) -> None:
    slow = Slow(clock, 0.0)
    sink = ThreadedSink(slow, clock)
    send(clock, sink, 1, 1)
    assert slow.holds >= 9
    sink.close()


def test_its_end_does_not_wait_for_ever(clock) -> None:
    sink = ThreadedSink(Slow(clock, 1e6), clock)
    send(clock, sink, 3, 10)
    begun = clock.now()
    sink.close()
    assert clock.now() - begun < 1


def test_its_errors_arrive(clock) -> None:
    broken = Broken(clock, 0)
    sink = ThreadedSink(broken, clock)
    with pytest.raises(OutputError, match="the server left"):
        send(clock, sink, 3, 10)
    assert broken.closed
    sink.close()
