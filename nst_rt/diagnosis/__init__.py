"""A diagnosis of this machine: the devices that paint, and the problems of the others.

Nothing here imports an engine, or anything that may be broken: processes of their own (`probes`)
do that.
"""

from __future__ import annotations

import os
import platform
import tempfile
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nst_rt._version import __version__
from nst_rt.diagnosis.children import run_probes
from nst_rt.diagnosis.packages import overlaid_builds, versions
from nst_rt.diagnosis.verdicts import Verdict, verdicts
from nst_rt.system.cache import cache_folder
from nst_rt.system.processor import this_processor

__all__ = ["Diagnosis", "Verdict", "diagnose"]

_MODULES = {
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "cuda": "onnxruntime",
    "tensorrt_provider": "onnxruntime",
    "tensorrt": "tensorrt",
    "tensorrt_rtx": "tensorrt_rtx",
}
"""The module that has to be installed for a probe to be run."""


@dataclass(frozen=True)
class Diagnosis:
    """The result of `diagnose`.

    Attributes:
        verdicts: one for each device.
        warnings: problems of the whole installation, each with its cure.
        versions: nst-rt's, Python's, and those of the packages that matter here.
        processor: `name`, `bf16`, `fp16`, `threads` and OpenVINO's `precisions`.
        driver: fields of `nst_rt.nvidia.driver.DriverInfo`.
        libraries: versions of the "CUDA" and "cuDNN" that ONNX Runtime finds.
        cache: `folder`, and `writable`.
    """

    verdicts: list[Verdict]
    warnings: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    processor: dict[str, Any] = field(default_factory=dict)
    driver: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict)

    @property
    def paints(self) -> bool:
        """Whether at least one device paints."""
        return any(verdict.paints for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {"paints": self.paints, **asdict(self)}


def diagnose() -> Diagnosis:
    """Try every engine on a tiny picture; collect the verdicts and facts. Takes about a second."""
    installed = [name for name, module in _MODULES.items() if _is_there(module)]
    answers = run_probes(["driver", *installed])
    driver = answers.pop("driver")
    return Diagnosis(
        verdicts=verdicts(answers, driver),
        warnings=_warnings(),
        versions={"nst-rt": __version__, "python": platform.python_version(), **versions()},
        processor=_processor(answers.get("openvino", {})),
        driver=driver,
        libraries=answers.get("cuda", {}).get("libraries", {}),
        cache=_cache(),
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # another program has put something in its place
        return False


def _warnings() -> list[str]:
    builds = overlaid_builds()
    if not builds:
        return []
    names = " ".join(builds)
    return [
        f"{' and '.join(builds)} are installed over each other, which breaks one of them: "
        f'pip uninstall -y {names} && pip install "nst-rt[cuda]" (or [cpu])'
    ]


def _processor(openvino: dict[str, Any]) -> dict[str, Any]:
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        **asdict(this_processor()),
        "threads": threads,
        "precisions": openvino.get("precisions", []),
    }


def _cache() -> dict[str, Any]:
    """Describe the cache folder, and whether it or its nearest existing parent can be written."""
    try:
        folder = cache_folder()
    except RuntimeError as error:
        return {"folder": None, "writable": False, "problem": str(error)}
    places = (folder, *folder.parents)
    there = next((place for place in places if os.path.lexists(place)), folder)
    return {"folder": str(folder), "writable": _takes_files(there)}


def _takes_files(folder: Path) -> bool:
    """Try to write a file: permissions say nothing about /proc, or for root."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
