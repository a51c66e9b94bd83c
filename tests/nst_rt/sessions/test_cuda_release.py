"""Memory that an open CUDA session frees, or never keeps."""

from __future__ import annotations

from pathlib import Path

import onnx

from tests.cuda.echo import echo_model
from tests.cuda.scripts import OPEN


def test_session_of_one_size_gives_back_the_memory_of_its_pictures(
    cuda_machine, tmp_path: Path
) -> None:
    path = echo_model(tmp_path / "echo.onnx")
    model = onnx.load(path)
    for spec in (*model.graph.input, *model.graph.output):
        for dimension, size in zip(spec.type.tensor_type.shape.dim, (1, 20, 30, 3), strict=True):
            dimension.dim_value = size
    onnx.save(model, path)
    code = """
    session = opened()
    before = used()
    print((session.run(picture) == picture).all(), used() - before >= 2 * picture.nbytes)
    session.release()
    print(used() - before < 2 * picture.nbytes, (session.run(picture) == picture).all())
    """
    ended = cuda_machine.run(code, path, before=OPEN)
    assert ended.out.splitlines() == ["True True"] * 2, ended.err


def test_of_sizes_that_do_not_come_again_little_is_remembered(cuda_machine, tmp_path: Path) -> None:
    code = """
    from nst_rt.sessions.sessions_by_shape import SHAPES_COUNTED
    session = opened()
    for width in range(1, SHAPES_COUNTED + 10):
        session.run(black(4, width))
    print(len(session._sessions._counts) == SHAPES_COUNTED)
    """
    ended = cuda_machine.run(code, echo_model(tmp_path / "echo.onnx"), before=OPEN)
    assert ended.out == "True\n", ended.err
