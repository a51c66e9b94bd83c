"""What CUDA's errors mean, told in one line with the cure."""

from __future__ import annotations

import re

from nst_rt.nvidia.libraries import CUDNN, install_line

_CAUSES = {
    2: ("not enough GPU memory", "close what else uses the GPU, or choose a smaller --size"),
    35: ("the NVIDIA driver is older than this CUDA", "update the driver"),
    100: ("no NVIDIA GPU is visible", "check nvidia-smi and CUDA_VISIBLE_DEVICES"),
    101: ("no such GPU", "nst-rt doctor lists those that are here"),
    209: ("this build of the engine has no code for this GPU", "update the engine's package"),
    802: ("the GPUs' fabric is not ready", "check nvidia-fabricmanager"),
    803: ("the driver and its libraries are of two versions", "restart the machine"),
    999: ("the driver fails", "restart the machine"),
}


def explained(message: str) -> tuple[str, str]:
    """What went wrong and the cure, from what ONNX Runtime says of a failure on CUDA.

    The cure is empty where none is known.
    """
    if code := re.search(r"(CUDA|CUDNN|CUBLAS)\w* failure (\d+): ([^;\n]*[^;\n ])", message):
        what, cure = _CAUSES.get(int(code[2]), ("", "")) if code[1] == "CUDA" else ("", "")
        return f"{what or code[3]} ({code[1]} error {code[2]})", cure
    if "cuDNN is unavailable" in message:
        return f"{CUDNN} is missing", install_line([CUDNN])
    if size := re.search(r"Failed to allocate memory for requested buffer of size (\d+)", message):
        return f"{_CAUSES[2][0]} (for {int(size[1]):,} bytes)", _CAUSES[2][1]
    if device := re.search(r"Invalid device ID: (\d+).*?between 0 .*?and (\d+)", message):
        return f"there is no GPU {device[1]}, the first of {device[2]} is 0", _CAUSES[101][1]
    if said := re.search(r"CUDA error \w+: ?([^\n\"]+)", message):
        return said[1].strip(), ""
    lines = [line for line in message.splitlines() if line.strip()]
    return (re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]) if lines else ""), ""
