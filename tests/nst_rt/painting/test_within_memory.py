"""Pictures are painted with less memory when an allocation fails."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.cuda.echo import echo_model, steady_echo_model
from tests.cuda.scripts import OPEN

ON_CPU = """
    import logging, resource, sys
    import numpy as np
    from contextlib import suppress
    import PIL.Image
    from nst_rt import ModelError, NstError, Stylizer

    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    style, engine = sys.argv[1:]
    photo = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), np.uint8)
    small = photo[:300, :300]
    stylizer = Stylizer(style, device=engine, precision="fp32", threads=1, size="full")
    painting = stylizer(small)
    with suppress(ModelError):  # it has no steady file
        stylizer.prepare_steady()
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (130 << 20),) * 2)
    try:
        print(stylizer(photo)[::13, ::13].std() > 5)
        print(stylizer(photo)[::13, ::13].std() > 5)
    except NstError as error:
        print(type(error).__name__, error)
    print((stylizer(small) == painting).all())
"""


def run(style: Path, engine: str) -> list[str]:
    command = [sys.executable, "-c", textwrap.dedent(ON_CPU), str(style), engine]
    # a heap for each thread would reserve more than it takes, and keep what was freed
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**17)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_picture_is_painted_in_parts_where_memory_ends(steady_style, engine) -> None:
    lines = run(steady_style, engine)
    told = [line for line in lines if line != "True"]
    assert told  # and told again where less was left the second time
    assert lines.count("True") == 3, lines
    for line in told:
        assert line.startswith("too little memory for 1600x1600 at once: it was painted in ")
        assert "and so will be others of that size; size " in line


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_style_without_parts_says_what_to_do(model_path, engine) -> None:
    told, small = run(model_path, engine)
    assert (
        told
        == "OutOfMemoryError more memory is needed than there is; choose a smaller size (--size)"
    )
    assert small == "True"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("echo")
    steady_echo_model(folder / "echo.steady.onnx")
    return echo_model(folder / "echo.onnx")


ON_GPU = """
    import logging
    from nst_rt.sessions import choosing
    from nst_rt import Stylizer

    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    choosing._has_cuda = lambda: True
    stylizer = Stylizer(sys.argv[1], device=sys.argv[2], size="full")
    large = np.random.default_rng(0).integers(0, 256, (3000, 2000, 3), np.uint8)

    def painted(photo):
        return told(lambda: bool((stylizer(photo) == photo).all()))
"""


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_gpu_paints_in_parts_that_fit_and_remembers_them(cuda_machine, echo, lazy) -> None:
    code = """
    print(painted(large))
    print(painted(large), painted(large[:, ::-1].copy()))
    print(painted(large[:400, :300]), stylizer.info.device)
    """
    ended = cuda_machine.run(ON_GPU + code, echo, "cuda", before=OPEN, memory_mib=24, lazy=lazy)
    warning, first, again, small = ended.out.splitlines()
    assert warning == (
        "too little memory for 2000x3000 at once: it was painted in 4 parts, and so will "
        "be others of that size; size 2121 (--size) is painted at once"
    ), ended.err
    assert (first, again, small) == ("True", "True True", "True cuda")


def test_gpu_that_has_memory_for_no_part_leaves_it_to_the_cpu_where_that_is_allowed(
    cuda_machine, echo
) -> None:
    code = """
    os.environ["STAND_IN_FAIL"] = "cuMemAlloc:2"
    print(painted(large), painted(large))
    os.environ["STAND_IN_FAIL"] = ""
    print(painted(large[:400, :300]), stylizer.info.device)
    """
    ended = cuda_machine.run(ON_GPU + code, echo, "auto", before=OPEN)
    warning, large, small = ended.out.splitlines()
    assert warning.startswith(
        "too little memory for 2000x3000 at once: it was painted on the CPU, and so will "
        "be others of that size; choose a smaller size (--size)"
    ), ended.err
    assert (large, small) == ("True True", "True cuda")
    ended = cuda_machine.run(ON_GPU + code, echo, "cuda", before=OPEN)
    large, small = ended.out.splitlines()
    refused = "OutOfMemoryError 5: not enough GPU memory (CUDA error 2); close what else uses the "
    assert large == " ".join([f"{refused}GPU, or choose a smaller size (--size)"] * 2), ended.err
    assert small == "True cuda"


def test_what_an_engine_keeps_is_there_for_parts(cuda_machine) -> None:
    """ONNX Runtime keeps memory of one picture for later ones."""
    code = """
    session = opened()
    session.run(black(32, 32))
    least = used()
    for _ in range(4):
        session.run(black(400, 400))
    kept = used()
    session.release()
    print(kept > 10 * least, used() / least < 1.2)
    print(session.run(black(400, 400)).shape)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    assert ended.out.splitlines() == ["True True", "(1, 400, 400, 3)"], ended.err
