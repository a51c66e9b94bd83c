"""Stages in threads, bounded queues between them, order kept, errors carried to the caller."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any

from nst_rt.system.cancellation import CancelToken, cancelled_by


@dataclass(frozen=True)
class Stage:
    """One step of the work: `work` is called with every item, in order unless `workers` > 1.

    Several workers take items in order and run at once; what they give back leaves in order too.
    """

    name: str
    work: Callable[[Any], Any]
    workers: int = 1


@dataclass
class StageProfile:
    """Where the time of a stage went, in seconds summed over its workers."""

    name: str
    workers: int
    items: int = 0
    busy: float = 0.0
    starved: float = 0.0
    """Waiting for the stage before."""
    blocked: float = 0.0
    """Waiting for room in the queue to the stage after."""
    mean_depth: float = 0.0
    """Items in the queue to the stage after, seen by each item that joined it."""


class Pipeline:
    """Runs a source and its stages, each in threads of its own.

    Iterating gives the results of the last stage in order. The first exception of the source or a
    stage is raised there, after the results of all items before it. Leaving the `with` block, for
    whatever reason, ends and joins all threads; an item in work is finished first, unless the work
    can be stopped (`nst_rt.system.cancellation`): waiting for a pipe can, and painting on the CPU.

    Args:
        source: what goes in; iterated in a thread of its own and closed there if it is a generator.
        stages: in order.
        depth: how many items may wait, or be in work, between two stages.

    Example:
        >>> with Pipeline(range(3), Stage("double", lambda n: 2 * n, workers=2)) as results:
        ...     list(results)
        [0, 2, 4]
    """

    def __init__(self, source: Iterable[Any], *stages: Stage, depth: int = 2) -> None:
        names = ["source", *(stage.name for stage in stages)]
        workers = [1, *(stage.workers for stage in stages)]
        self._profiles = [StageProfile(*pair) for pair in zip(names, workers, strict=True)]
        self._queues = [_Queue(depth + count - 1) for count in workers]
        self._results = self._queues[-1]
        self._token = CancelToken()
        self.ended = False
        """Whether no thread works any more: not where the wait for them was interrupted."""
        self._threads = [self._thread("source", self._feed, source)]
        for index, stage in enumerate(stages):
            turn = threading.Lock()
            self._threads += [
                self._thread(stage.name, self._work, stage, index, turn)
                for _ in range(stage.workers)
            ]

    def __enter__(self) -> Iterator[Any]:
        for thread in self._threads:
            thread.start()
        return iter(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._token.cancel()
        for queue in self._queues:
            queue.close()
        for thread in self._threads:
            thread.join()
        self.ended = True

    def __iter__(self) -> Iterator[Any]:
        with suppress(_Ended):
            while True:
                yield self._results.get().result()

    def profile(self) -> list[StageProfile]:
        """What every stage has done so far, the source first."""
        for profile, queue in zip(self._profiles, self._queues, strict=True):
            profile.mean_depth = queue.mean_depth
        return self._profiles

    def _thread(self, name: str, target: Callable[..., None], *args: Any) -> threading.Thread:
        return threading.Thread(target=target, args=args, name=f"nst-{name}", daemon=True)

    def _feed(self, source: Iterable[Any]) -> None:
        queue, profile = self._queues[0], self._profiles[0]
        items: Iterator[Any] | None = None
        try:
            while True:
                slot: Future[Any] = Future()
                start = perf_counter()
                try:
                    with cancelled_by(self._token):
                        items = iter(source) if items is None else items
                        slot.set_result(next(items))
                except StopIteration:
                    queue.finish()
                    return
                except BaseException as error:
                    slot.set_exception(error)
                made = perf_counter()
                queue.put(slot)
                profile.items += 1
                profile.busy += made - start
                profile.blocked += perf_counter() - made
                if slot.exception():
                    queue.finish()
                    return
        except _Closed:
            return
        finally:
            close = getattr(items, "close", None)
            if close:
                close()

    def _work(self, stage: Stage, index: int, turn: threading.Lock) -> None:
        before, after = self._queues[index : index + 2]
        profile = self._profiles[index + 1]
        with suppress(_Closed):
            while True:
                slot: Future[Any] = Future()
                start = perf_counter()
                with turn:  # whoever takes an item first also gives its result first
                    try:
                        item = before.get()
                    except _Finished:
                        after.finish()
                        return
                    got = perf_counter()
                    after.put(slot)
                ready = perf_counter()
                try:
                    value = item.result()
                    begun = perf_counter()
                    with cancelled_by(self._token):
                        slot.set_result(stage.work(value))
                except BaseException as error:
                    slot.set_exception(error)
                    after.finish()
                    return  # what comes later would leave a gap where this item belongs
                end = perf_counter()
                with turn:
                    profile.items += 1
                    profile.starved += (got - start) + (begun - ready)
                    profile.blocked += ready - got
                    profile.busy += end - begun


class _Ended(Exception):  # noqa: N818 - a signal, no error
    """Nothing more comes out of a queue."""


class _Finished(_Ended):
    """All that was put in has been taken."""


class _Closed(_Ended):
    """The pipeline was left."""


class _Queue:
    """A bounded queue that can be finished by its writer and closed by its owner."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._slots: deque[Future[Any]] = deque()
        self._changed = threading.Condition()
        self._finished = self._closed = False
        self._puts = self._seen = 0

    @property
    def mean_depth(self) -> float:
        return self._seen / self._puts if self._puts else 0.0

    def put(self, slot: Future[Any]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._slots) < self._depth)
            if self._closed:
                raise _Closed
            self._puts += 1
            self._seen += len(self._slots)
            self._slots.append(slot)
            self._changed.notify_all()

    def get(self) -> Future[Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._finished or self._slots)
            if self._closed:
                raise _Closed
            if not self._slots:
                raise _Finished
            slot = self._slots.popleft()
            self._changed.notify_all()
            return slot

    def finish(self) -> None:
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
