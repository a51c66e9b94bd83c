"""Statistics are uploaded and downloaded with their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_rt import zoo
from tests.cuda.echo import echo_model, steady_echo_model
from tests.cuda.scripts import OPEN


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuda")
    echo_model(folder / "echo.onnx")
    return steady_echo_model(folder / "echo.steady.onnx")


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_statistics_go_with_their_picture(cuda_machine, steady, lazy) -> None:
    """Also when several threads paint, and when a session of that size takes over."""
    code = """
    session = opened()

    def holds(number):
        image = np.full((1, 20, 30, 3), number, np.uint8)
        statistics = np.full((1, 2, 5), number, np.float32)
        painting, told = session.run_all(image, statistics=statistics, keep=np.ones(1, np.float32))
        return (painting == number).all() and (told["statistics_out"] == number).all()

    with ThreadPoolExecutor(4) as threads:
        print(all(threads.map(holds, range(20))))
    painting, told = session.run_all(picture)
    print((painting == picture).all(), told["statistics_out"].any())
    print((session.run(picture) == picture).all())
    """
    ended = cuda_machine.run(code, steady, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True", "True False", "True"], ended.err
    assert ended.count("cudaGraphLaunch") > 10


def test_stylizer_paints_steadily_on_the_gpu(cuda_machine, steady) -> None:
    code = """
    import sys
    import numpy as np
    from nst_rt import Stylizer
    frame = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    statistics = np.arange(10, dtype=np.float32).reshape(2, 5)
    with Stylizer(sys.argv[1], device="cuda") as stylizer:
        painting, used = stylizer.paint_steadily(frame, statistics, keep=0.5)
    print((painting == frame).all(), (used == statistics).all())
    """
    ended = cuda_machine.run(code, steady.with_name("echo.onnx"))
    assert ended.out == "True True\n", ended.err


def test_picture_that_does_not_fit_is_painted_in_parts(cuda_machine, steady) -> None:
    code = """
    import logging, sys
    import numpy as np
    from nst_rt import Stylizer
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    photo = np.random.default_rng(0).integers(0, 256, (1800, 1200, 3), np.uint8)
    with Stylizer(sys.argv[1], device="cuda", size="full", max_memory=25_500_000) as stylizer:
        print((stylizer(photo) == photo).all())
    """
    ended = cuda_machine.run(code, steady.with_name("echo.onnx"))
    told, same = ended.out.splitlines()
    assert "more memory at once than is allowed: painted in" in told, ended.err
    assert same == "True"


def test_shipped_steady_files_use_tensor_cores_unless_float32_is_asked_for(cuda_machine) -> None:
    code = """
    for asked in ("auto", "fp32"):
        session = opened(precision=asked)
        options = session._session.get_provider_options()[session._provider]
        print(session.precision, options["use_tf32"])
    """
    path = zoo.cards()[0].file("steady")
    ended = cuda_machine.run(code, path, before=OPEN)
    assert ended.out.splitlines() == ["tf32 1", "fp32 0"], ended.err
