"""Stand-ins for NVIDIA's libraries, built with gcc, over which CUDA code runs without a GPU.

ONNX Runtime's CUDA provider loads, places nodes, allocates, copies and launches over them, and
cuda-python's `driver` works. "Device memory" is host memory, copies are real, kernels compute
nothing: plumbing can be tested over them, numbers cannot. Environment variables, read at each call:

    STAND_IN_DEVICES      how many devices there are (1); without one all calls fail with 100
    STAND_IN_CAPABILITY   compute capability times ten (89)
    STAND_IN_DRIVER       the CUDA version of the driver (13000); below it all calls fail with 35
    STAND_IN_MEMORY_MIB   device memory (8192); what exceeds it is refused with error 2
    STAND_IN_FAIL         "function:code,…": these calls fail; "kernel" stands for every launch
    STAND_IN_LOST         "function:count:code": with the so-many-th of these calls the GPU is gone,
                          and from then on every call fails with the code
    STAND_IN_TRACE        a file that gets the name of each call as a line
    STAND_IN_LAZY         1: queued work is done as late as CUDA may, when somebody waits for it
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
_SOURCES_OF = {
    "libcuda": ("driver.c", "memory.c", "streams.c", "graphs.c", "switches.c"),
    "libnvidia-ml": ("management.c",),
    "libcudart": ("runtime.c",),
    "libcublas": ("blas.c",),
    "libcublasLt": ("blas.c",),
    "libcurand": (),
    "libcudnn": ("neural.c",),
}
_ALWAYS = ("libcuda.so.1", "libnvidia-ml.so.1", "libcudnn.so.9")
"""What no provider names as needed, and asks for all the same."""
_UNVERSIONED = ("libcuda.so.1", "libnvidia-ml.so.1")


def build_stand_ins(folder: Path, *providers: Path) -> Path:
    """Build in `folder` what providers of ONNX Runtime (shared libraries) need.

    Functions that have no body in `sources` do nothing and give 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed = [name for one in providers for name in _needed(one) if _stem(name) in _SOURCES_OF]
    for name in dict.fromkeys([*_ALWAYS, *needed]):
        _build(folder, name, set().union(*(_functions(one, name) for one in providers)))
    return folder


def _build(folder: Path, name: str, functions: set[str]) -> None:
    rest = folder / f"{name}.c"
    lines = [f"__attribute__((weak)) EMPTY({function})" for function in sorted(functions)]
    rest.write_text("\n".join(['#include "stand_in.h"', *lines, ""]))
    files = [*(SOURCES / source for source in _SOURCES_OF[_stem(name)]), rest]
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", f"-I{SOURCES}", f"-Wl,-soname,{name}"]
    command += ["-o", str(folder / name), *map(str, files)]
    if name != "libcuda.so.1":
        command += [f"-L{folder}", "-l:libcuda.so.1", "-Wl,-rpath,$ORIGIN"]
    if name not in _UNVERSIONED:  # providers are linked to symbols of these versions
        versions = folder / f"{name}.versions"
        versions.write_text(f"{name} {{ global: *; }};\n")
        command.append(f"-Wl,--version-script={versions}")
    subprocess.run(command, check=True)


def _stem(name: str) -> str:
    return name.split(".so")[0]


def _needed(library: Path) -> list[str]:
    listing = _output("readelf", "-d", library)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", listing)


def _functions(library: Path, name: str) -> set[str]:
    """The functions of `name` that `library` is linked to, or looks up by name."""
    if name.startswith("libcudnn"):
        return {
            text.decode() for text in re.findall(rb"\0(cudnn[A-Z]\w+)(?=\0)", library.read_bytes())
        }
    symbols = [line.split()[-1] for line in _output("nm", "-D", "-u", library).splitlines()]
    if name == "libcuda.so.1":
        return {symbol for symbol in symbols if re.fullmatch(r"cu[A-Z]\w+", symbol)}
    return {symbol.partition("@")[0] for symbol in symbols if symbol.endswith(f"@{name}")}


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
