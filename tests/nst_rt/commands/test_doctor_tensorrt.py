"""`nst-rt doctor` and TensorRT: its builders, and ONNX Runtime's provider of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .doctor_runs import BROKEN, lines, module

TENSORRT = """
__version__ = "11.4.0"
class Logger:
    ERROR = 1
    def __init__(self, level): print("[TRT] noise")
def Builder(logger): {builder}
"""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (TENSORRT.format(builder="..."), "11.4.0, builds engines, none of which can run here: "),
        (
            TENSORRT.format(builder="raise TypeError"),
            "11.4.0, not usable: its builder does not start",
        ),
        (
            "__version__ = '8.6.1'",
            "not usable: TensorRT is 8.6.1, nst-rt knows 10.13 up to, not including, 12.0: pip",
        ),
        (
            "raise ImportError('libnvonnxparser.so.11: cannot open shared object file: No such')",
            'not usable: libnvonnxparser.so.11 is missing: pip install "nst-rt[tensorrt]"',
        ),
    ],
    ids=["works", "no builder", "old", "no libraries"],
)
def test_builders_of_engines(code, says, ask, tmp_path: Path) -> None:
    ended = ask("tensorrt", path=module(tmp_path, "tensorrt", code))
    assert lines(ended)["tensorrt"].startswith(says)


def test_builder_on_a_machine_with_a_gpu(cuda_machine, ask, tmp_path: Path) -> None:
    folder = module(tmp_path, "tensorrt", TENSORRT.format(builder="..."))
    module(module(tmp_path, "cuda", "") / "cuda", "bindings", "")
    (tmp_path / "cuda/bindings/driver.py").touch()
    engines, libraries = ("cuda", "tensorrt", "tensorrt_rtx"), str(cuda_machine.libraries)
    said = lines(ask(*engines, path=folder, LD_LIBRARY_PATH=libraries))
    needs = "; --device tensorrt needs --device cuda"  # whose build of onnxruntime is not here
    assert said["tensorrt"] == f"11.4.0, builds engines{needs}"
    assert said["tensorrt-rtx"].endswith(", builds engines")


def test_builders_say_that_painting_needs_cuda_bindings(cuda_machine, ask, tmp_path: Path) -> None:
    module(tmp_path, "tensorrt", TENSORRT.format(builder="..."))
    folder = module(tmp_path, "cuda", BROKEN["import"])
    libraries = str(cuda_machine.libraries)
    said = lines(ask("tensorrt", "tensorrt_rtx", path=folder, LD_LIBRARY_PATH=libraries))
    for device, extra in ("tensorrt", "tensorrt"), ("tensorrt-rtx", "rtx"):
        needs = f'to paint with them it needs cuda-bindings: pip install "nst-rt[{extra}]"'
        assert f", builds engines; {needs}" in said[device]


def test_onnxruntime_opens_models_on_tensorrt_where_its_version_is_here(
    cuda_machine, ask, tmp_path
) -> None:
    folder = module(tmp_path, "tensorrt", TENSORRT.format(builder="..."))
    engines = ("cuda", "tensorrt_provider")
    opens = "ONNX Runtime opens models on it (--device tensorrt)"
    lacks = (
        "--device tensorrt needs libnvinfer.so.10, libnvonnxparser.so.10: "
        'pip install "tensorrt-cu13<11"'
    )
    for tensorrt, note in (True, opens), (False, lacks):
        environment = cuda_machine.environment(tensorrt=tensorrt)
        environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
        said = lines(ask(*engines, "tensorrt", **environment))
        assert said["tensorrt"] == f"11.4.0, builds engines; {note}"
    alone = lines(ask(*engines, **cuda_machine.environment(tensorrt=True)))
    assert alone["tensorrt"] == opens


def test_tensorrt_that_loads_and_opens_no_model_is_not_usable(cuda_machine, ask, tmp_path) -> None:
    engines = ("cuda", "tensorrt_provider")
    failed = "ONNX Runtime opens no model on it: "
    for switches, why in (
        ({"nodes": 0, "fail": ""}, "it takes no node"),
        ({"nodes": 1, "fail": "buildSerializedNetwork:2"}, "Fail: "),
    ):
        said = lines(ask(*engines, **cuda_machine.environment(tensorrt=True, **switches)))
        assert said["tensorrt"].startswith(f"not usable: {failed}{why}")
        assert said["cuda"].startswith("ONNX Runtime 1.")
    folder = module(tmp_path, "tensorrt", TENSORRT.format(builder="..."))
    environment = cuda_machine.environment(tensorrt=True, nodes=0)
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    said = lines(ask(*engines, "tensorrt", **environment))
    assert said["tensorrt"] == f"11.4.0, builds engines; {failed}it takes no node"


def test_gpu_that_is_not_on_the_list_of_a_builder(cuda_machine, ask) -> None:
    said = lines(ask("cuda", "tensorrt_rtx", **cuda_machine.environment(capability=90)))
    problem = "it knows compute capabilities 7.5, 8.0, 8.6, 8.9, 12.0, 12.1, not 9.0"
    assert said["tensorrt-rtx"].endswith(f"none of which can run here: {problem}")
    assert said["cuda"].startswith("ONNX Runtime 1.")
