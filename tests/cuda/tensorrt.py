"""Stand-ins for TensorRT 10, over which ONNX Runtime's TensorRT provider builds and runs engines.

More environment variables: STAND_IN_NODES is how many of a model's nodes are taken (all). The calls
`buildSerializedNetwork` and `enqueueV3` are in the trace and can be made to fail.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cuda.stand_ins import SOURCES

_LIBRARIES = {"libnvinfer.so.10": "nvinfer.c", "libnvonnxparser.so.10": "nvonnxparser.c"}
"""What the provider is linked to, the second one over the first."""


def build_tensorrt(folder: Path, cuda: Path) -> Path:
    """Build them in `folder`, over the stand-in driver that lies in `cuda`."""
    folder.mkdir(parents=True)
    over = [f"-L{cuda}", "-l:libcuda.so.1"]
    for name, source in _LIBRARIES.items():
        command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", f"-I{SOURCES}", f"-Wl,-soname,{name}"]
        subprocess.run([*command, "-o", folder / name, SOURCES / source, *over], check=True)
        over = [f"-L{folder}", f"-l:{name}", *over]
    return folder
