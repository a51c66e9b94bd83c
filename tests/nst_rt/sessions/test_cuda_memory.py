"""A CUDA session holds no more memory than its largest picture needs, and frees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cuda.echo import echo_model, steady_echo_model
from tests.cuda.scripts import ON_DEVICE, OPEN


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuda")
    steady_echo_model(folder / "echo.steady.onnx")
    return echo_model(folder / "echo.onnx")


def test_nothing_is_made_anew_for_each_picture(cuda_machine, echo) -> None:
    """The engine keeps its handles by thread: a thread for each picture would cost them each."""
    code = """
    trace = os.environ.pop("STAND_IN_TRACE")
    session = opened()
    session.run(picture)
    os.environ["STAND_IN_TRACE"] = trace
    session.run(picture)
    os._exit(0)
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.count("cuMemcpyHtoDAsync") == ended.count("cuMemcpyDtoHAsync") == 1, ended.err
    made = ("cudnnCreate", "cublasCreate_v2", "cudaStreamCreate", "cudaMalloc", "cuMemAlloc")
    made += ("cuMemHostAlloc", "cuStreamCreate", "cuEventCreate")
    assert [call for call in ended.calls if call.startswith(made)] == []


def test_closed_sessions_give_all_gpu_memory_back(cuda_machine) -> None:
    code = """
    for _ in range(20):
        session = opened()
        session.run(picture)
        held = used()
        session.close()
        print(held > 2**20, used())
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    assert ended.out.splitlines() == ["True 0"] * 20, ended.err


def test_closed_stylizers_give_all_gpu_memory_back(cuda_machine, echo) -> None:
    """Also what they handed out and what was painted where it is, when nobody holds it any more."""
    code = """
    import gc
    from nst_rt import Stylizer
    for _ in range(20):
        given = OnDevice((20, 30, 3))
        with Stylizer(sys.argv[1], device="cuda") as stylizer:
            photo, painting = stylizer.pinned(20, 30), stylizer.pinned(20, 30)
            for _ in range(4):
                stylizer(photo, out=painting)
                stylizer.paint_steadily(photo)
                painted = stylizer(given)
            held = used()
        del given, painted, photo, painting
        gc.collect()
        print(held > 5 * 1800, used())
    """
    ended = cuda_machine.run(code, echo, before=OPEN + ON_DEVICE)
    assert ended.out.splitlines() == ["True 0"] * 20, ended.err


def test_pictures_of_many_sizes_take_no_more_memory_than_the_largest(cuda_machine) -> None:
    code = """
    session = opened()
    session.run(black(480, 480))
    largest = used()
    session.close()
    session = opened()
    for height, width in np.random.default_rng(1).integers(40, 480, (30, 2)):
        session.run(black(height, width))
    print(used() / largest)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    assert float(ended.out) < 1.2, ended.err
