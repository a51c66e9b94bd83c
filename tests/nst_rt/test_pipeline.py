"""Stages in threads: order kept, queues bounded, the first error shown, every thread joined."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

import pytest

from nst_rt.pipeline import Pipeline, Stage


def ours() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("nst-")]


def same(item: int) -> int:
    return item


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_however_long_each_takes(workers) -> None:
    turns = [threading.Event() for _ in range(40)]

    def work(item: int) -> int:
        if workers > 1 and item % workers == 0 and item + 1 < len(turns):
            turns[item + 1].wait(10)  # the one after is ready first
        turns[item].set()
        return item * 10

    with Pipeline(range(40), Stage("a", work, workers=workers), Stage("b", same)) as results:
        assert list(results) == [item * 10 for item in range(40)]
    assert ours() == []


@pytest.mark.parametrize("failing", ["source", "first", "many", "last"])
@pytest.mark.parametrize("at", [0, 7])
def test_fault_in_any_stage_comes_after_what_was_before_it_and_joins_all(failing, at) -> None:
    """Exception in decode, painting or encode: the first one is shown, nothing hangs."""

    def broken(name: str, item: int) -> int:
        if name == failing and item >= at:
            raise ValueError(f"{name} broke at {item}")
        return item

    def stage(name: str, workers: int = 1) -> Stage:
        return Stage(name, lambda item: broken(name, item), workers)

    source = (broken("source", item) for item in range(100))
    seen = []
    with (
        pytest.raises(ValueError, match=f"^{failing} broke at {at}$"),
        Pipeline(source, stage("first"), stage("many", 3), stage("last")) as results,
    ):
        seen.extend(results)
    assert seen == list(range(at))
    assert ours() == []


@pytest.mark.parametrize("failing", ["first", "second"])
def test_stage_is_not_asked_for_what_comes_after_a_fault(failing) -> None:
    """Or a stage that writes would leave out one item and write those after it."""
    written, later = [], threading.Event()

    def first(item: int) -> int:
        if failing == "first" and item == 3:
            raise ValueError("broke")
        return item

    def second(item: int) -> int:
        if failing == "second" and item == 3:
            raise ValueError("broke")
        written.append(item)
        if item > 3:
            later.set()
        return item

    def linger(item: int) -> None:
        """Leave the stages as long as a wrong one takes to go on."""
        if item == 2:
            later.wait(0.2)

    stages = Pipeline(range(100), Stage("first", first), Stage("second", second))
    with pytest.raises(ValueError, match="broke"), stages as results:
        deque(map(linger, results), maxlen=0)
    assert written == [0, 1, 2]
    assert ours() == []


def test_slow_last_stage_holds_the_source_back_and_drops_nothing() -> None:
    made, gate, most = [], threading.Semaphore(0), 0

    def source() -> Iterator[int]:
        for item in range(30):
            made.append(item)
            yield item

    def slow(item: int) -> int:
        nonlocal most
        gate.acquire()
        most = max(most, len(made) - item)
        return item

    with Pipeline(source(), Stage("quick", same), Stage("slow", slow), depth=2) as results:
        given = []
        for _ in range(30):
            gate.release()
            given.append(next(results))
    assert given == list(range(30))
    assert most <= 9  # two waiting and one in the hands of each of three


def test_leaving_early_ends_a_source_that_never_would_and_closes_it() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with Pipeline(endless(), Stage("a", same, workers=2)) as results:
        assert next(results) == 1
    assert closed.is_set()
    assert ours() == []


def test_error_of_the_consumer_joins_all_threads_and_stays_itself() -> None:
    def stopped(item: int) -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Pipeline(iter(range(1000)), Stage("a", same, workers=3)) as results,
    ):
        stopped(next(results))
    assert ours() == []


def test_wait_that_is_interrupted_says_that_threads_still_work(monkeypatch) -> None:
    """Whoever stops twice does not wait; what the threads use must be left alone then."""
    held, begun = threading.Event(), threading.Event()

    def hold(item: int) -> None:
        begun.set()
        held.wait(10)

    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    stages = Pipeline(range(3), Stage("hold", hold))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt), stages:
            begun.wait(10)
    assert not stages.ended
    held.set()
    stages.__exit__(None, None, None)
    assert stages.ended
    assert ours() == []


def test_source_that_cannot_be_iterated_is_an_error_not_a_wait() -> None:
    with Pipeline(5, Stage("a", same)) as results, pytest.raises(TypeError, match="not iterable"):  # type: ignore[arg-type]
        next(results)
    assert ours() == []


def test_nothing_in_is_nothing_out() -> None:
    with Pipeline([], Stage("a", same)) as results:
        assert list(results) == []


def test_profile_counts_every_item_of_every_stage() -> None:
    pipeline = Pipeline(range(6), Stage("a", same, workers=2), Stage("b", same))
    with pipeline as results:
        list(results)
    profile = pipeline.profile()
    assert [(stage.name, stage.items, stage.workers) for stage in profile] == [
        ("source", 6, 1),
        ("a", 6, 2),
        ("b", 6, 1),
    ]
    assert all(min(stage.busy, stage.starved, stage.blocked) >= 0 for stage in profile)
