"""ONNX Runtime's messages about CUDA become one line with a cure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nst_rt.nvidia.failures import explain

PAINT = """
    import sys
    import numpy as np
    import onnxruntime
    from nst_rt import zoo
    from nst_rt.nvidia.failures import explain

    try:
        onnxruntime.InferenceSession(
            str(zoo.cards()[0].file("fp32")),
            providers=[("CUDAExecutionProvider", dict(zip(sys.argv[1::2], sys.argv[2::2])))],
            enable_fallback=0,
        ).run(None, {"image": np.zeros((1, 64, 64, 3), np.uint8)})
    except Exception as error:
        print(*explain(str(error)), sep="|")
"""


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"driver": 12040}, "the NVIDIA driver is older than this CUDA (CUDA error 35)|update"),
        ({"devices": 0}, "no NVIDIA GPU is visible (CUDA error 100)|check nvidia-smi and CUDA_VIS"),
        ({"memory_mib": 1}, "not enough GPU memory (for "),
        ({"fail": "kernel:700"}, "an illegal memory access was encountered|\n"),
        ({"fail": "cudnnBackendExecute:5000"}, "CUDNN_BACKEND_API_FAILED (CUDNN error 11)|"),
        ({"fail": "cublasCreate_v2:3"}, "unknown error (CUBLAS error 3)|\n"),
    ],
    ids=["old driver", "no device", "no memory", "kernel", "cudnn", "cublas"],
)
def test_real_messages_are_explained(cuda_machine, switches, says) -> None:
    said = cuda_machine.run(PAINT, **switches).out
    assert said.startswith(says)
    assert len(said.splitlines()) == 1


def test_cudnn_that_is_missing(cuda_machine, tmp_path: Path) -> None:
    for library in cuda_machine.libraries.glob("*.so.*"):
        if not library.name.startswith("libcudnn"):
            shutil.copy(library, tmp_path)
    said = cuda_machine.run(PAINT, libraries=tmp_path).out
    assert said == 'libcudnn.so.9 is missing|pip install "onnxruntime-gpu[cuda,cudnn]"\n'


def test_gpu_that_is_not_there(cuda_machine) -> None:
    said = cuda_machine.run(PAINT, "device_id", "7").out
    what, cure = said.splitlines()[0].split("|")
    assert what == "there is no GPU 7, the first of 1 is 0"
    assert cure == "nst-rt doctor lists the GPUs of this machine"


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert explain("[ONNXRuntimeError] : 1 : FAIL : odd\nmore") == ("odd", "")
    assert explain("") == ("", "")
