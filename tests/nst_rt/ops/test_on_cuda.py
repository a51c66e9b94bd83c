"""The library that nvcc makes, in ONNX Runtime's CUDA provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_export.fused import fused_graph
from nst_rt.errors import ProviderError
from nst_rt.model import PREFIX
from nst_rt.ops import build_library, building
from tests.cuda.compiler import find_compiler
from tests.cuda.scripts import OPEN
from tests.nst_rt.ops.graphs import half, one_operator, reals


@pytest.fixture(scope="session")
def nvcc(pytestconfig: pytest.Config) -> Path:
    kept = getattr(pytestconfig, "cache", None)
    assert kept is not None
    return find_compiler(kept.mkdir("nvcc"))


@pytest.fixture
def with_nvcc(nvcc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVCC", str(nvcc))


@pytest.fixture
def fused(network, tmp_path: Path) -> Path:
    facts = {"schema": "1", "kind": "style", "variant": "fused", "flavour": "fp16", "scale": "1"}
    model = fused_graph(network, {PREFIX + key: value for key, value in facts.items()})
    path = tmp_path / "fused.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_nothing_is_left_for_the_cpu_and_nothing_transposed(
    cuda_machine, with_nvcc, fused, tmp_path
) -> None:
    code = """
    session = opened()
    print(dict(session.nodes))
    """
    ended = cuda_machine.run(code, fused, before=OPEN)
    convolutions = 8
    assert ended.out == f"{{'CUDAExecutionProvider': {2 * convolutions + 1}}}\n", ended.err


def test_an_operator_starts_its_kernels_on_the_sessions_stream(
    cuda_machine, with_nvcc, tmp_path
) -> None:
    """Three for a normalization; what they compute is tested on the CPU."""
    inputs = {"x": half(1, 6, 6, 16), "scale": reals(16), "bias": reals(16)}
    given = {"shuffle": 1, "crop": 0, "pad": 1, "edge": 0, "relu": 1, "residual_pad": 0}
    path = tmp_path / "one.onnx"
    path.write_bytes(one_operator("Normalize", inputs, 3, epsilon=1e-5, **given))
    code = """
    import numpy, onnxruntime
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(sys.argv[2])
    session = onnxruntime.InferenceSession(
        sys.argv[1], options, providers=["CUDAExecutionProvider"], enable_fallback=0
    )
    x, one = numpy.zeros((1, 6, 6, 16), numpy.float16), numpy.zeros(16, numpy.float32)
    print(session.run(None, {"x": x, "scale": one, "bias": one})[0].shape)
    """
    ended = cuda_machine.run(code, path, build_library("cuda"), before=OPEN)
    assert ended.out == "(1, 8, 8, 16)\n", ended.err
    assert ended.count("kernel") == 3


def test_without_the_compiler_the_cure_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path))
    monkeypatch.setattr(building, "_compilers", lambda: iter(()))
    with pytest.raises(ProviderError, match="no libcudart beside it; pip install nvidia-cuda-nvcc"):
        build_library("cuda")
