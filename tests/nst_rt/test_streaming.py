"""Streams of pictures: order kept, errors and early ends clean, asyncio never held up."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt import Stylizer
from nst_rt.errors import ClosedError, InputError, UsageError
from nst_rt.system.cancellation import current_token, raise_if_cancelled
from nst_rt.video.frames import Frame


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def stylizer(request, model_path: Path):
    with Stylizer(model_path, device=request.param, threads=1, precision="fp32") as stylizer:
        yield stylizer


@pytest.fixture(scope="module")
def frames(photo) -> list[np.ndarray]:
    return [np.ascontiguousarray(np.roll(photo[:40, :56], 5 * n, axis=1)) for n in range(6)]


@pytest.fixture(scope="module")
def painted(stylizer, frames) -> list[np.ndarray]:
    return [stylizer(frame) for frame in frames]


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """Seconds of painting."""
    return np.zeros((2048, 2048, 3), np.uint8)


@pytest.fixture
def begun() -> threading.Event:
    """Set when the first picture is in the engine."""
    return threading.Event()


@pytest.fixture
def finished(stylizer, begun, monkeypatch) -> list[tuple[int, ...]]:
    """Shapes of the pictures that were painted to their end."""
    shapes, run = [], stylizer._painter._run

    def watched(*given):
        begun.set()
        painting = run(*given)
        shapes.append(painting.shape)
        return painting

    monkeypatch.setattr(stylizer._painter, "_run", watched)
    return shapes


@pytest.fixture(autouse=True)
def no_thread_is_left(stylizer):
    before = set(threading.enumerate())
    yield
    stylizer._pool.submit(int).result()  # its own may stay
    own = stylizer._pool._threads
    assert set(threading.enumerate()) <= before | own


def same(one, other) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_stream_gives_what_calls_give_in_order(stylizer, frames, painted) -> None:
    assert same(stylizer.stream(frames), painted)
    assert same(stylizer.stream(iter(frames), depth=1, strength=0), frames)


def test_kinds_may_be_mixed(stylizer, frames, painted) -> None:
    frame = Frame(frames[1], Fraction(1, 3), Fraction(1, 30), alpha=frames[1][..., 0])
    array, image, timed = stylizer.stream([frames[0], Image.fromarray(frames[2]), frame])
    assert (array == painted[0]).all()
    assert (np.asarray(image) == painted[2]).all()
    assert (timed.rgb == painted[1]).all()
    assert (timed.time, timed.duration) == (Fraction(1, 3), Fraction(1, 30))
    assert timed.alpha is frame.alpha


def test_pictures_are_painted_at_once_where_parallel_says_so(model_path, frames, painted) -> None:
    with Stylizer(model_path, threads=2, parallel=2, precision="fp32") as stylizer:
        both, calls = threading.Barrier(2, timeout=20), []

        def wait_for_the_other(photo):
            both.wait()
            calls.append(photo)
            return photo

        stylizer._painter.paint = lambda photo, options, out: wait_for_the_other(photo)
        assert same(stylizer.stream(frames), frames)
    assert len(calls) == len(frames)


def test_errors_arrive_after_the_paintings_before_them(stylizer, frames, painted) -> None:
    def source():
        yield frames[0]
        yield frames[1]
        raise OSError("unplugged")

    paintings = stylizer.stream(source())
    assert same([next(paintings), next(paintings)], painted[:2])
    with pytest.raises(OSError, match="unplugged"):
        next(paintings)
    paintings = stylizer.stream([frames[0], frames[1][..., 0], frames[2]])
    assert same([next(paintings)], painted[:1])
    with pytest.raises(InputError, match="gray three channels"):
        next(paintings)


def test_leaving_early_stops_painting_and_closes_the_source(
    stylizer, frames, large, finished
) -> None:
    closed = threading.Event()

    def source():
        try:
            yield frames[0]
            while True:
                yield large
        finally:
            closed.set()

    paintings = stylizer.stream(source())
    next(paintings)
    finished.clear()
    paintings.close()
    assert closed.is_set()
    assert not finished


def test_stream_is_refused_before_it_begins(model_path, stylizer) -> None:
    for depth in (0, float("nan"), "2"):  # of NaN no comparison is true: it would wait for ever
        with pytest.raises(UsageError, match="depth is"):
            stylizer.stream([], depth=depth)
    with pytest.raises(UsageError, match="depth is 0"):
        stylizer.astream([], depth=0)
    closed = Stylizer(model_path, threads=1)
    closed.close()
    with pytest.raises(ClosedError):
        closed.stream([])
    with pytest.raises(ClosedError):
        asyncio.run(closed.acall(np.zeros((8, 8, 3), np.uint8)))


def test_acall_lets_the_loop_go_on(stylizer, frames, painted) -> None:
    async def main() -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        paintings = await asyncio.gather(*(stylizer.acall(frame) for frame in frames))
        ticking.cancel()
        assert same(paintings, painted)
        assert ticks > len(frames)
        with pytest.raises(InputError):
            await stylizer.acall("no such.jpg", output="x.jpg")

    asyncio.run(main())


def test_cancelled_call_has_left_the_engine(
    stylizer, frames, painted, large, begun, finished
) -> None:
    """Also one that waits behind another."""

    async def main() -> None:
        calls = [asyncio.create_task(stylizer.acall(large)) for _ in range(2)]
        while not begun.is_set():
            await asyncio.sleep(0)
        for call in reversed(calls):
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert not finished
        assert (await stylizer.acall(frames[0]) == painted[0]).all()

    asyncio.run(main())


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 9])
def test_astream_gives_what_calls_give_in_order(
    stylizer, frames, painted, asynchronous, depth
) -> None:
    async def source():
        for frame in frames:
            await asyncio.sleep(0)
            yield frame

    async def main() -> None:
        pictures = source() if asynchronous else iter(frames)
        assert same([p async for p in stylizer.astream(pictures, depth=depth)], painted)

    asyncio.run(main())


def test_astream_gives_a_painting_before_the_next_picture_comes(stylizer, frames) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def source():
            yield frames[0]
            await asked.wait()
            yield frames[1]

        paintings = stylizer.astream(source(), depth=4)
        await anext(paintings)
        asked.set()
        assert len([painting async for painting in paintings]) == 1

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("asynchronous", [True, False])
def test_astream_carries_errors_and_ends_early(stylizer, frames, large, asynchronous) -> None:
    ends = []

    def source():
        try:
            yield frames[0]
            yield large
            raise OSError("unplugged")
        finally:
            ends.append("closed")

    async def slow():
        try:
            for picture in source():
                yield picture
        finally:
            ends.append("closed")

    async def main() -> None:
        paintings = stylizer.astream(slow() if asynchronous else source(), strength=0)
        assert (await anext(paintings) == frames[0]).all()
        await paintings.aclose()
        assert ends
        with pytest.raises(OSError, match="unplugged"):
            async for _ in stylizer.astream(slow() if asynchronous else source()):
                pass
        with pytest.raises(InputError, match="three channels"):
            async for _ in stylizer.astream([frames[0], frames[0][..., 0], large]):
                pass

    asyncio.run(main())


def test_astream_ends_where_its_source_waits_and_can_be_stopped(stylizer, frames) -> None:
    waiting = threading.Event()

    def source():
        yield frames[0]
        with current_token().on_cancel(stopped.set):
            waiting.set()
            assert stopped.wait(20)
        raise_if_cancelled()

    stopped = threading.Event()

    async def main() -> None:
        paintings = stylizer.astream(source())
        await anext(paintings)
        await asyncio.to_thread(waiting.wait, 20)
        await paintings.aclose()

    asyncio.run(main())
    assert stopped.is_set()
