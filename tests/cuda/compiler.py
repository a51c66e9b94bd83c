"""NVIDIA's compiler from its wheels, in a folder of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cuda.machine import ROOT

SITE = "NST_RT_NVCC_SITE"
"""The environment variable that names the folder where it is installed already."""
PACKAGES = (
    "nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-crt", "nvidia-cuda-cccl", "nvidia-cuda-runtime",
)  # fmt: skip


def find_compiler(cache: Path) -> Path:
    """The compiler that is installed, or that of the wheels, which are put into `cache`."""
    if installed := shutil.which("nvcc"):
        return Path(installed)
    site = Path(os.environ.get(SITE) or _installed(cache))
    return next(site.glob("nvidia/cu*/bin/nvcc"))


def _installed(cache: Path) -> Path:
    constraints = ROOT / "constraints.txt"
    site = cache / hashlib.sha256(constraints.read_bytes()).hexdigest()[:12]
    if not site.exists():
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--constraint", str(constraints), "--target", str(unfinished)]
        subprocess.run([*command, *PACKAGES], check=True)
        try:
            unfinished.rename(site)
        except OSError:  # another run was faster
            shutil.rmtree(unfinished)
    return site
