"""Pictures in flight: several submitted before one is fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.cuda.echo import echo_model, steady_echo_model
from tests.cuda.scripts import OPEN


@pytest.fixture(scope="module")
def fixed_echo(echo: Path) -> Path:
    """The same for pictures of one size alone."""
    model = onnx.load(echo)
    for value in (*model.graph.input, *model.graph.output):
        for axis, size in zip(value.type.tensor_type.shape.dim, (1, 20, 30, 3), strict=True):
            axis.dim_value = size
    onnx.save(model, echo.with_name("fixed.onnx"))
    return echo.with_name("fixed.onnx")


SUBMIT = """
    session = opened()
    image, paintings = picture.copy(), []
    for number in range(5):
        image[:] = number
        paintings.append(session.submit(image))
    image[:] = 99
    print(*(int(painting.result().max()) for painting in reversed(paintings)))
    print(*(int(session.run(np.full_like(image, number)).min()) for number in range(5)))
"""


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_pictures_in_flight_keep_their_pixels(cuda_machine, echo, lazy) -> None:
    ended = cuda_machine.run(SUBMIT, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["4 3 2 1 0", "0 1 2 3 4"], ended.err


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_models_of_one_size_are_launched_as_a_graph(cuda_machine, fixed_echo, lazy) -> None:
    """Each of the five sets of buffers gets a graph of its own when it is used again."""
    again = """
    for number in range(5):
        paintings.append(session.submit(image))
    """
    ended = cuda_machine.run(SUBMIT + again, fixed_echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["4 3 2 1 0", "0 1 2 3 4"], ended.err
    assert ended.count("cudaGraphInstantiate") == 5
    assert ended.count("cudaGraphLaunch") == 5 + 5


def test_nothing_is_waited_for_until_a_painting_is_asked_for(cuda_machine, echo) -> None:
    code = """
    from nst_rt.nvidia.memory import Stream
    used, copies = [], {name: getattr(Stream, name) for name in ("upload", "download")}
    for name, copy in copies.items():
        def noted(stream, *given, copy=copy):
            used.append(int(stream.handle))
            copy(stream, *given)
        setattr(Stream, name, noted)
    session = opened()
    paintings = [session.submit(picture) for _ in range(3)]
    print(all((painting.result() == picture).all() for painting in paintings))
    options = session._session.get_provider_options()["CUDAExecutionProvider"]
    streams = {*used, int(options["user_compute_stream"])}
    driver = session._cuda.driver
    print(used == used[:2] * 3, len(streams))
    print({int(driver.cuStreamGetFlags(driver.CUstream(one))[1]) for one in streams})
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=1)
    assert ended.out.splitlines() == ["True", "True 3", "{1}"], ended.err  # CU_STREAM_NON_BLOCKING
    first, *_, third = (at for at, call in enumerate(ended.calls) if call == "cuMemcpyHtoDAsync")
    waits = {call for call in ended.calls[first:third] if call.endswith("Synchronize")}
    assert not waits


def test_forgotten_paintings_hold_no_memory(cuda_machine, echo) -> None:
    code = """
    session = opened()
    for _ in range(3):
        session.submit(black(400, 400))
    session.close()
    print(used())
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=1)
    assert ended.out == "0\n", ended.err


AT_ONCE = """
    from threading import Barrier
    from nst_rt import Stylizer
    from nst_rt.sessions.in_flight import PendingPainting

    all_three, result = Barrier(3, timeout=30), PendingPainting.result

    def result_after_three(pending, *given):
        all_three.wait()
        return result(pending, *given)

    PendingPainting.result = result_after_three
    frames = [np.full((20, 30, 3), number, np.uint8) for number in range(6)]
"""
"""Goes after `OPEN`: no painting is waited for before three have been submitted."""


def test_streams_keep_three_pictures_in_flight_whatever_the_threads(cuda_machine, echo) -> None:
    code = """
    import asyncio
    with Stylizer(sys.argv[1], device="cuda", threads=1) as stylizer:
        print(*(int(painting.max()) for painting in stylizer.stream(frames)))

        async def paint_all():
            return [int(painting.max()) async for painting in stylizer.astream(frames)]

        print(*asyncio.run(paint_all()))
    """
    ended = cuda_machine.run(AT_ONCE + code, echo, before=OPEN)
    assert ended.out.splitlines() == ["0 1 2 3 4 5"] * 2, ended.err


def test_videos_keep_three_frames_in_flight_on_one_thread(cuda_machine, echo, tmp_path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(6):
        frame = Image.fromarray(np.full((20, 30, 3), 40 * number, np.uint8))
        frame.save(tmp_path / f"frames/{number}.png")
    code = """
    from nst_rt.commands import main
    style, source, target = sys.argv[1:]
    options = ["--style", style, "--device", "cuda", "--threads", "1", "--rate", "5"]
    main(["video", source, target, *options])
    """
    painted = tmp_path / "painted"
    ended = cuda_machine.run(
        AT_ONCE + code, echo, f"{tmp_path}/frames/", f"{painted}/", before=OPEN
    )
    assert ended.code == 0, ended.err
    levels = [np.asarray(Image.open(file)).max() for file in sorted(painted.glob("*.png"))]
    assert levels == [0, 40, 80, 120, 160, 200]


def test_threads_that_come_and_go_leave_no_handles_and_graphs(cuda_machine, echo) -> None:
    """The engine keeps handles and graphs for every thread that ever ran it."""
    code = """
    from nst_rt import Stylizer
    frames = [np.full((20, 30, 3), number, np.uint8) for number in range(9)]
    with Stylizer(sys.argv[1], device="cuda") as stylizer:
        for _ in range(5):
            print(*(int(painting.max()) for painting in stylizer.stream(frames)))
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.out.splitlines() == ["0 1 2 3 4 5 6 7 8"] * 5, ended.err
    assert ended.count("cudnnCreate") <= 4  # two sessions, each opened and run by one thread
    assert 1 <= ended.count("cudaGraphInstantiate") <= 3  # one for each set of buffers


def test_frames_in_flight_are_painted_in_parts_where_memory_is_short(
    cuda_machine, tmp_path: Path
) -> None:
    steady_echo_model(tmp_path / "echo.steady.onnx")
    code = """
    import logging
    logging.basicConfig(level=logging.WARNING)
    from nst_rt import Stylizer
    rng = np.random.default_rng(0)
    sizes = rng.integers(300, 800, (12, 2)).tolist()
    frames = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    with Stylizer(sys.argv[1], device="cuda", size="full") as stylizer:
        paintings = stylizer.stream(frames)
        print(all((a == b).all() for a, b in zip(paintings, frames, strict=True)))
    print(used())
    """
    model = echo_model(tmp_path / "echo.onnx")
    ended = cuda_machine.run(code, model, before=OPEN, lazy=1, memory_mib=4)
    assert ended.out.splitlines() == ["True", "0"], ended.err
    assert "parts" in ended.err
