"""A machine that runs engines, pretended: real bindings of TensorRT over a stand-in run time."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst_rt.engines.side_car import EngineFacts, side_car_path, this_platform
from tests.cuda.machine import CudaMachine
from tests.cuda.stand_ins import SOURCES as CUDA_SOURCES
from tests.tensorrt.bindings import TensorRt

SOURCE = Path(__file__).with_name("run_time.c")
RTX = "1.7.1.116"
_TENSORRT = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
_RTX = ("libtensorrt_rtx", "libtensorrt_onnxparser_rtx")


@dataclass(frozen=True)
class EngineMachine(CudaMachine):
    """Runs Python where a library seems to run engines."""

    version: str
    bindings: Path
    """Goes first on Python's path."""
    run_time: Path
    """The folder of the stand-ins for its libraries."""

    def environment(
        self, libraries: Path | None = None, tensorrt: bool = False, **switches: str | int
    ) -> dict[str, str]:
        there = super().environment(libraries, tensorrt, **switches)
        first = {"PYTHONPATH": self.bindings, "LD_LIBRARY_PATH": self.run_time}
        joined = {name: os.pathsep.join([str(one), there[name]]) for name, one in first.items()}
        return there | joined | {"NST_RT_CACHE": str(self.scratch / "cache")}


def make_engine_machine(
    cuda: CudaMachine, bindings: TensorRt | None, scratch: Path
) -> EngineMachine:
    """Build the stand-ins for a version of TensorRT, or for TensorRT-RTX where None is given."""
    version = bindings.version if bindings else RTX
    major = version.partition(".")[0]
    options = ["-DOLD"] if major == "10" else []
    for name in _TENSORRT if bindings else _RTX:
        _build(scratch / f"{name}.so.{major}", cuda.libraries, options)
    site = bindings.site if bindings else scratch / "site"
    if not bindings:  # its own package would bring the real libraries
        (site / "tensorrt_rtx_libs").mkdir(parents=True)
        (site / "tensorrt_rtx_libs/__init__.py").touch()
    cuda = replace(cuda, scratch=scratch)
    return EngineMachine(**vars(cuda), version=version, bindings=site, run_time=scratch)


def stand_in_engine(
    path: Path,
    machine: EngineMachine,
    *,
    low: Sequence[int] = (1, 8, 8),
    high: Sequence[int] = (2, 64, 96),
    channels: int = 0,
    **changes: Any,
) -> Path:
    """Write an engine that paints by copying, and its side-car.

    Args:
        path: of the engine.
        machine: on which it is to run.
        low: N×H×W of the smallest picture.
        high: N×H×W of the largest.
        channels: of a steady one.
        changes: facts of the side-car.
    """
    text = "stand-in engine 1 " + " ".join(map(str, (*low, *high, channels)))
    data = changes.pop("data", text.encode())
    variant = {"variant": "steady"} if channels else {}
    is_rtx = machine.version == RTX
    facts: dict[str, Any] = {
        "model": {"name": "echo", "scale": "1", "kind": "style", **variant},
        "statistics": channels,
        "onnx_sha256": "0" * 64,
        "engine_sha256": hashlib.sha256(data).hexdigest(),
        "engine_bytes": len(data),
        "backend": "tensorrt-rtx" if is_rtx else "tensorrt",
        "backend_version": machine.version,
        "creator": "the tests",
        "platform": this_platform(),
        "gpu": "portable" if is_rtx else "Stand-in GPU",
        "compute_capabilities": ["8.9"],
        "precision": "fp16",
        "profiles": [{"min": [*low, 3], "opt": _between(low, high), "max": [*high, 3]}],
        "options": {},
        "memory": {},
    }
    path.write_bytes(data)
    side_car_path(path).write_text(EngineFacts(**{**facts, **changes}).as_json())
    return path


def _between(low: Sequence[int], high: Sequence[int]) -> list[int]:
    """The usual picture: 48x32, or the nearest that is taken."""
    sides = zip(low, (1, 32, 48), high, strict=True)
    return [*(max(least, min(usual, most)) for least, usual, most in sides), 3]


def _build(library: Path, cuda: Path, options: list[str]) -> None:
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", *options, f"-I{CUDA_SOURCES}"]
    command += [f"-Wl,-soname,{library.name}", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, f"-L{cuda}", "-l:libcuda.so.1"], check=True)
