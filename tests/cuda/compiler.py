"""NVIDIA's compiler from its wheels, in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cuda.machine import installed

SITE = "NST_RT_NVCC_SITE"
"""The environment variable that names the folder where it is installed already."""
PACKAGES = (
    "nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-crt", "nvidia-cuda-cccl", "nvidia-cuda-runtime",
)  # fmt: skip


def find_compiler(cache: Path) -> Path:
    """The compiler of the wheels, which are put into `cache` if they are nowhere yet."""
    site = Path(os.environ.get(SITE) or installed(PACKAGES, cache))
    return next(site.glob("nvidia/cu*/bin/nvcc"))
