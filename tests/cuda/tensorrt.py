"""Stand-ins for TensorRT 10, over which ONNX Runtime's TensorRT provider builds and runs engines.

More environment variables: STAND_IN_NODES is how many of a model's nodes are taken (all). The calls
`buildSerializedNetwork` and `enqueueV3` are in the trace and can be made to fail.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cuda.stand_ins import SOURCES

_NAMES = ("libnvinfer.so.10", "libnvonnxparser.so.10")
"""What the provider is linked to. Each holds all; the first that is loaded serves."""


def build_tensorrt(folder: Path, cuda: Path) -> Path:
    """Build them in `folder`, over the stand-in driver that lies in `cuda`."""
    folder.mkdir(parents=True)
    for name in _NAMES:
        command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", f"-I{SOURCES}", f"-Wl,-soname,{name}"]
        command += ["-o", str(folder / name), str(SOURCES / "nvinfer.c")]
        command += [f"-L{cuda}", "-l:libcuda.so.1"]
        subprocess.run(command, check=True)
    return folder
