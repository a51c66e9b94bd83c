"""Pictures in flight: several submitted before one is fetched."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

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
