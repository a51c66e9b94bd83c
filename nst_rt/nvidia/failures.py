"""CUDA's errors, explained in one line with the cure."""

from __future__ import annotations

import re

from nst_rt.errors import OutOfMemoryError, ProviderError
from nst_rt.nvidia.libraries import CUDNN, cure_for
from nst_rt.system.memory import is_lack_of_memory

_AGAIN = "start the program again; nst-rt doctor shows whether the GPU works"
_CAUSES = {
    2: ("not enough GPU memory", "close what else uses the GPU, or choose a smaller size (--size)"),
    35: ("the NVIDIA driver is older than this CUDA", "update the driver"),
    100: ("no NVIDIA GPU is visible", "check nvidia-smi and CUDA_VISIBLE_DEVICES"),
    101: ("no such GPU", "nst-rt doctor lists the GPUs of this machine"),
    209: ("this build of the engine has no code for this GPU", "update the engine's package"),
    214: ("the GPU's memory has an error that it cannot correct", "restart the machine"),
    700: ("the GPU stopped in the middle of its work", _AGAIN),
    702: ("the GPU took longer than the system lets it", "choose a smaller size (--size)"),
    719: ("the GPU stopped in the middle of its work", _AGAIN),
    802: ("the GPUs' fabric is not ready", "check nvidia-fabricmanager"),
    803: ("the driver and its libraries are of two versions", "restart the machine"),
    999: ("the driver fails", "restart the machine"),
}
"""Meanings and cures of the driver's errors by their codes, CUresult in cuda.h."""
_NO_ENGINE = (
    "TensorRT could not build the engine",
    "choose device cuda, which builds none",
)

LOST_CODES = frozenset({214, 700, 702, 709, 714, 715, 716, 717, 718, 719, 999})
"""Codes of errors after which every call of the process fails: the GPU is lost."""


def cuda_error(message: str) -> ProviderError:
    """Return the error for a failure on CUDA, see `explain`."""
    what, cure = explain(message)
    kind = OutOfMemoryError if is_lack_of_memory(message) else ProviderError
    return kind(what, cure=cure)


def explain(message: str) -> tuple[str, str]:
    """Return what failed on CUDA, and the cure, from ONNX Runtime's message.

    The cure is empty where none is known.
    """
    if code := re.search(r"(CUDA|CUDNN|CUBLAS)\w* failure (\d+): ([^;\n]*[^;\n ])", message):
        what, cure = _CAUSES.get(int(code[2]), ("", "")) if code[1] == "CUDA" else ("", "")
        return f"{what or code[3]} ({code[1]} error {code[2]})", cure
    if "cuDNN is unavailable" in message:
        return f"{CUDNN} is missing", cure_for([CUDNN])
    if size := re.search(r"Failed to allocate memory for requested buffer of size (\d+)", message):
        return f"{_CAUSES[2][0]} (for {int(size[1]):,} bytes)", _CAUSES[2][1]
    if device := re.search(r"Invalid device ID: (\d+).*?between 0 .*?and (\d+)", message):
        return f"there is no GPU {device[1]}, the first of {device[2]} is 0", _CAUSES[101][1]
    if said := re.search(r"CUDA error \w+: ?([^\n\"]+)", message):
        return said[1].strip(), ""
    if "TensorRT EP failed to create engine" in message:
        return _NO_ENGINE
    if status := re.search(r"Status Message: ([^\n]+)", message):
        return status[1].strip(), ""
    lines = [line for line in message.splitlines() if line.strip()]
    return (re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]) if lines else ""), ""
