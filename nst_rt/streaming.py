"""Painting streams of pictures in order, with threads or asyncio."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, Unpack, overload

from nst_rt.options import CallOptions
from nst_rt.pipeline import Pipeline, Stage
from nst_rt.system.arguments import whole_number
from nst_rt.system.cancellation import CancelToken, cancelled_by

T = TypeVar("T")


class Streaming(ABC):
    """Base class that extends a call which paints one picture to streams of pictures.

    Args:
        parallel: number of pictures painted at once; more wait for their turn.
    """

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self._pool = ThreadPoolExecutor(parallel, "nst-painter")

    @abstractmethod
    def __call__(self, picture: Any, **options: Unpack[CallOptions]) -> Any: ...

    @abstractmethod
    def refuse_if_closed(self) -> None:
        """Raise `ClosedError` if it was closed."""

    def close(self) -> None:
        """End the threads that `acall` started, as soon as they have finished their pictures."""
        self._pool.shutdown(wait=False)

    @overload
    def stream(
        self,
        pictures: Iterable[str | PathLike[str]],
        *,
        depth: int = 2,
        **options: Unpack[CallOptions],
    ) -> Iterator[Path]: ...
    @overload
    def stream(
        self, pictures: Iterable[T], *, depth: int = 2, **options: Unpack[CallOptions]
    ) -> Iterator[T]: ...

    def stream(
        self, pictures: Iterable[Any], *, depth: int = 2, **options: Unpack[CallOptions]
    ) -> Iterator[Any]:
        """Yield paintings in order; one thread reads pictures while another paints.

        An error of the source or of a picture is raised after all paintings before it. Leaving
        early cancels the current picture, but waits for a source that blocks. No thread is left
        either way.

        Args:
            pictures: of any kinds that a call takes; iterated in a thread of its own.
            depth: number of pictures that may wait before painting, and of paintings after it.
            options: as in a call, for all of them.

        Example:
            >>> import numpy as np
            >>> from nst_rt import Stylizer
            >>> frames = (np.full((48, 64, 3), level, np.uint8) for level in range(3))
            >>> with Stylizer("starry-night") as stylizer:
            ...     [painting.shape for painting in stylizer.stream(frames)]
            [(48, 64, 3), (48, 64, 3), (48, 64, 3)]
        """
        self._check(depth)
        return self._streamed(pictures, depth, options)

    async def acall(self, picture: Any, **options: Unpack[CallOptions]) -> Any:
        """Paint one picture in a thread, without blocking the event loop.

        A cancelled call ends when its thread has stopped painting, which CPU engines do within a
        tenth of a second.
        """
        self.refuse_if_closed()
        token = CancelToken()

        def paint() -> Any:
            with cancelled_by(token):
                return self(picture, **options)

        return await _ended(self._pool, paint, token)

    def astream(
        self,
        pictures: Iterable[Any] | AsyncIterable[Any],
        *,
        depth: int = 2,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[Any]:
        """Yield paintings in order, as `stream`, for asyncio.

        Args:
            pictures: as in `stream`; an ordinary iterable is iterated in a thread of its own.
            depth: number of pictures in flight where one is painted at a time: waiting, being
                painted, or ready to be taken. Each that is painted beside it is one more.
            options: as in a call, for all of them.
        """
        self._check(depth)
        return self._astreamed(pictures, depth, options)

    def _check(self, depth: int) -> None:
        self.refuse_if_closed()
        whole_number("depth", depth)

    def _streamed(self, pictures: Iterable[Any], depth: int, options: CallOptions) -> Iterator[Any]:
        painting = Stage("painting", lambda picture: self(picture, **options), self.parallel)
        with Pipeline(pictures, painting, depth=depth) as paintings:
            yield from paintings

    async def _astreamed(
        self, pictures: Iterable[Any] | AsyncIterable[Any], depth: int, options: CallOptions
    ) -> AsyncIterator[Any]:
        calls: asyncio.Queue[asyncio.Task[Any] | None] = asyncio.Queue()
        room = asyncio.Semaphore(depth + self.parallel - 1)

        async def feed() -> None:
            try:
                async with aclosing(_each(pictures)) as items:
                    async for picture in items:
                        await room.acquire()
                        calls.put_nowait(asyncio.create_task(self.acall(picture, **options)))
            finally:
                calls.put_nowait(None)

        feeder = asyncio.create_task(feed())
        try:
            while call := await calls.get():
                yield await call
                room.release()
            await feeder
        finally:
            left = [feeder]
            while not calls.empty():
                left += filter(None, [calls.get_nowait()])
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


async def _each(pictures: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any]:
    """Yield the items of either kind of iterable; an ordinary one runs in a thread of its own."""
    if isinstance(pictures, AsyncIterable):
        async for picture in pictures:
            yield picture
        return
    items, end, token = iter(pictures), object(), CancelToken()

    def read() -> Any:
        with cancelled_by(token):
            return next(items, end)

    with ThreadPoolExecutor(1, "nst-source") as thread:
        try:
            while (item := await _ended(thread, read, token)) is not end:
                yield item
        finally:
            close = getattr(items, "close", None)
            if close:
                thread.submit(close).result()


async def _ended(threads: Executor, work: Callable[[], Any], token: CancelToken) -> Any:
    """Return the result of work in a thread, which always ends first, even if cancelled."""
    job = threads.submit(work)
    ended = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        token.cancel()
        job.cancel()  # has no effect on one that has begun
        await asyncio.gather(ended, return_exceptions=True)
        raise
