"""Building the operators' library, with the compiler that is here, into the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from nst_rt.errors import OutputError, ProviderError, shown
from nst_rt.system.atomic import replacing
from nst_rt.system.cache import cache_folder
from nst_rt.system.ownership import private_folder, restrict_to_owner, why_untrusted

logger = logging.getLogger(__name__)

Target = Literal["cpu", "cuda"]
SOURCES = Path(__file__).with_name("sources")
_FILES = {"cpu": ["on_cpu.cpp", "library.cpp"], "cuda": ["on_cuda.cu", "library.cpp"]}
_WHEELS = "nvidia-cuda-nvcc nvidia-nvvm nvidia-cuda-crt nvidia-cuda-cccl nvidia-cuda-runtime"


def build_library(target: Target) -> Path:
    """Return the library of the operators; it is compiled once, which takes some seconds.

    Args:
        target: "cuda" takes nvcc, from `NVCC`, the path, `CUDA_HOME` or NVIDIA's wheels; "cpu",
            for checks and tests, takes a C++ compiler, from `CXX` or the path.

    Raises:
        ProviderError: there is no compiler, or it fails.
        OutputError: the library cannot be kept, or what is in its place may be somebody else's.
    """
    try:
        folder = cache_folder() / "operators"
        private_folder(folder)
        path = folder / f"{target}-{_sources_hash()}{'.dll' if sys.platform == 'win32' else '.so'}"
        if not path.exists():
            logger.info("operators are compiled for %s into %s", target, shown(folder))
            with replacing(path) as part:
                _compile(target, part)
                restrict_to_owner(part)
        elif reason := why_untrusted(path):
            raise OutputError(f"{reason}, so it is not loaded", path=path)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"the operators cannot be kept ({reason})",
            cure="NST_RT_CACHE=FOLDER names another cache",
        ) from error
    return path


def _sources_hash() -> str:
    """Return a hash of the sources and the processor's kind: others need another library."""
    mark = hashlib.sha256(platform.machine().encode())
    for source in sorted(SOURCES.iterdir()):
        mark.update(source.name.encode() + source.read_bytes())
    return mark.hexdigest()[:16]


def _compile(target: Target, library: Path) -> None:
    compiler, *options = _nvcc() if target == "cuda" else _host_compiler()
    files = [str(SOURCES / name) for name in _FILES[target]]
    command = [compiler, "-std=c++17", "-O3", "-shared", *files, *options, "-o", str(library)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ProviderError(f"{shown(Path(compiler))} does not run ({error.strerror})") from error
    if done.returncode:
        errors = [line for line in (done.stderr or done.stdout).splitlines() if "error" in line]
        reason = errors[0].strip() if errors else f"exit status {done.returncode}"
        raise ProviderError(f"{shown(Path(compiler))} does not compile the operators ({reason})")


def _host_compiler() -> list[str]:
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler:
        raise ProviderError("no C++ compiler is installed", cure="install g++, or name one in CXX")
    return [compiler, "-fPIC"]


def _nvcc() -> list[str]:
    """Return the command of the CUDA compiler, linking the runtime library that ONNX Runtime loads.

    Raises:
        ProviderError: no compiler with such a library is installed.
    """
    for nvcc in _compilers():
        home = nvcc.resolve().parents[1]
        for runtime in sorted(home.glob("lib*/libcudart.so.*")):
            soname = ".".join(runtime.name.split(".")[:3])
            link = ["-cudart", "none", f"-L{runtime.parent}", "-Xlinker", f"-l:{soname}"]
            return [str(nvcc), "-arch=all-major", "-Xcompiler", "-fPIC", *link]
    raise ProviderError(
        "the CUDA compiler nvcc is not installed, or has no libcudart beside it",
        cure=f"pip install {_WHEELS}, or name it in NVCC",
    )


def _compilers() -> Iterator[Path]:
    named = [os.environ.get("NVCC"), shutil.which("nvcc")]
    homes = [Path(home) for home in (os.environ.get("CUDA_HOME"), "/usr/local/cuda") if home]
    homes += sorted(Path(sysconfig.get_path("purelib"), "nvidia").glob("cu*"), reverse=True)
    for place in [*(Path(name) for name in named if name), *(home / "bin/nvcc" for home in homes)]:
        if place.is_file():
            yield place
