"""Errors of CUDA name the reason and the cure, and nothing falls back to the CPU."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from nst_rt import zoo
from tests.cuda.scripts import OPEN


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"driver": 12040}, "the NVIDIA driver is older than this CUDA (CUDA error 35); update"),
        ({"devices": 0}, "no NVIDIA GPU is visible (CUDA error 100); check nvidia-smi"),
        ({"memory_mib": 1}, "not enough GPU memory"),
    ],
    ids=["old driver", "no device", "no memory"],
)
def test_gpu_that_is_not_usable_says_why_and_the_cure(cuda_machine, switches, says) -> None:
    ended = cuda_machine.run("print(told(opened))", "starry-night", before=OPEN, **switches)
    kind = "OutOfMemoryError" if "memory_mib" in switches else "ProviderError"
    assert ended.out.startswith(f"{kind} 5: "), ended.err
    assert says in ended.out
    assert len(ended.out.splitlines()) == 1


def test_missing_libraries_are_named_with_the_cure(cuda_machine, tmp_path: Path) -> None:
    code = "print(told(opened))"
    ended = cuda_machine.run(code, "starry-night", before=OPEN, libraries=tmp_path)
    assert ended.out.startswith("MissingExtraError 5: "), ended.err
    assert "libcuda.so.1, libcublasLt.so.13, " in ended.out
    assert 'install the NVIDIA driver and pip install "onnxruntime-gpu[cuda,cudnn]"' in ended.out
    assert ended.err == ""


def test_missing_cuda_bindings_are_named_with_the_extra(cuda_machine) -> None:
    code = 'sys.modules["cuda"] = None\nprint(told(opened))'
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    expected = 'MissingExtraError 5: cuda-bindings is not installed; pip install "nst-rt[cuda]"\n'
    assert ended.out == expected, ended.err


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ("kernel:700", "an illegal memory access was encountered"),
        ("cudnnBackendExecute:5000", "CUDNN"),
        ("cudaMalloc:2", "not enough GPU memory"),
    ],
)
def test_failure_in_the_middle_is_told_and_nothing_else_paints(cuda_machine, failure, says) -> None:
    """A fall-back would give a picture of another engine, which the caller did not ask for."""
    code = """
    session = opened()
    session.run(picture)
    os.environ["STAND_IN_FAIL"] = sys.argv[2]
    print(told(lambda: session.run(black(400, 300))))
    os.environ["STAND_IN_FAIL"] = ""
    print(session.run(picture).shape, session.provider.split()[-1])
    """
    ended = cuda_machine.run(code, "starry-night", failure, before=OPEN)
    first, second = ended.out.splitlines()
    kind = "OutOfMemoryError" if failure.endswith(":2") else "ProviderError"
    assert first.startswith(f"{kind} 5: "), ended.err
    assert says in first
    assert second == "(1, 20, 30, 3) CUDAExecutionProvider"


def test_normalization_that_would_leave_the_gpu_is_refused(cuda_machine, tmp_path: Path) -> None:
    """From opset 22 on ONNX Runtime moves it to the CPU, with a copy there and back."""
    model = onnx.load(zoo.cards()[0].file("fp32"))
    model.opset_import[0].version = 22
    onnx.save(model, tmp_path / "new.onnx")
    ended = cuda_machine.run("print(told(opened))", tmp_path / "new.onnx", before=OPEN)
    assert ended.out.startswith("ModelError 4: "), ended.err
    assert "InstanceNormalization" in ended.out


def test_other_arithmetic_than_the_files_is_refused(cuda_machine) -> None:
    code = """print(told(lambda: opened(precision="fp16")))"""
    said = cuda_machine.run(code, "starry-night", before=OPEN).out
    assert "ProviderError 5: this file computes in fp32, fp16 was asked for" in said
