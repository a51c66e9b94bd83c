"""Options of how an engine is built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nst_export.engine.profiles import Profile, Size, make_profile
from nst_rt.errors import UsageError
from nst_rt.nvidia.tensorrt import BackendName

LEVELS = range(6)
MOST_WORKSPACE_MIB = 2**20
"""A tebibyte, more than any GPU has."""


@dataclass(frozen=True)
class EngineOptions:
    """Options of a build; None leaves the choice to nst-rt or to TensorRT.

    Attributes:
        backend: by default TensorRT where it has a GPU, else TensorRT-RTX.
        precision: by default half precision, or that of a model file.
        variant: "steady" for one that takes statistics, from the steady file or a checkpoint.
        smallest, usual, largest: heights and widths of pictures.
        fixed: height and width of an engine for one size only.
        batch: most pictures at once.
        level: optimization level, 0…5: how long kernels are tried out.
        timing_cache: file that keeps the timings of kernels; made if absent.
        workspace_mib: most memory that a kernel may take beside its tensors.
        capabilities: compute capabilities that a portable engine is for, as "8.9".
    """

    backend: BackendName | None = None
    precision: Literal["fp32", "fp16", "bf16"] | None = None
    variant: Literal["plain", "steady"] = "plain"
    smallest: Size | None = None
    usual: Size | None = None
    largest: Size | None = None
    fixed: Size | None = None
    batch: int = 1
    level: int | None = None
    timing_cache: Path | None = None
    workspace_mib: int | None = None
    capabilities: tuple[str, ...] = ()

    def profile(self) -> Profile:
        """Return the pictures that the engine of a model of any size takes."""
        if self.fixed:
            return Profile(self.fixed, self.fixed, self.fixed, self.batch)
        return make_profile(self.smallest, self.usual, self.largest, self.batch)

    def __post_init__(self) -> None:
        self.profile()  # refuses what does not fit together
        if self.fixed and (self.smallest or self.usual or self.largest):
            raise UsageError(
                "an engine of one size has no range", cure="leave out min, opt and max"
            )
        if self.level is not None and self.level not in LEVELS:
            raise UsageError(f"level is {self.level}", cure="choose it in 0…5")
        workspace = self.workspace_mib
        if workspace is not None and not 1 <= workspace <= MOST_WORKSPACE_MIB:
            raise UsageError(
                f"workspace is {workspace} MiB", cure=f"choose it in 1…{MOST_WORKSPACE_MIB}"
            )
        for capability in self.capabilities:
            if not re.fullmatch(r"\d+\.\d", capability):
                raise UsageError(f"compute capability is {capability!r}", cure="write it like 8.9")
