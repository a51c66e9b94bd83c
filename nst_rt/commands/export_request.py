"""The options of one call of `nst-rt export`, checked before anything has to be installed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nst_rt.commands.export_source import refuse_source
from nst_rt.engines.side_car import SUFFIX
from nst_rt.errors import UsageError

if TYPE_CHECKING:
    from nst_export.engine import EngineOptions

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """The options of engines alone, None or empty where not given."""

    min: Size | None
    opt: Size | None
    max: Size | None
    batch: int | None
    backend: Literal["tensorrt", "tensorrt-rtx"] | None
    compute_capability: tuple[str, ...]
    level: int | None
    timing_cache: Path | None
    workspace: int | None


@dataclass(frozen=True, kw_only=True)
class Request(EngineRequest):
    """All options, with the names of the command line."""

    source: str
    target: Path
    precision: Literal["fp32", "fp16", "bf16"] | None
    size: Size | None
    variant: Literal["plain", "stats", "apply", "steady", "fused"] | None
    title: str | None
    licence: str | None
    overwrite: bool
    as_json: bool

    @property
    def is_engine(self) -> bool:
        return self.target.suffix == SUFFIX

    def check(self) -> None:
        """Check that the options fit together, and that something is exported from the source.

        Raises:
            UsageError: the target's suffix, the variant or the precision is of something else.
            ModelError: as `refuse_source`.
        """
        if not self.is_engine and self.target.suffix != ".onnx":
            raise UsageError(
                f"cannot export to {self.target.suffix or 'no suffix'}",
                path=self.target,
                cure=f"use .onnx or {SUFFIX}",
            )
        if self.is_engine:
            self._refuse_model_options()
        else:
            self._refuse_engine_options()
        refuse_source(self.source, self.target)

    def _refuse_model_options(self) -> None:
        if self.variant not in (None, "plain", "steady"):
            raise UsageError(
                f"--variant {self.variant} is for model files", cure="choose plain or steady"
            )

    def _refuse_engine_options(self) -> None:
        for field in fields(EngineRequest):
            if getattr(self, field.name) not in (None, ()):
                flag = f"--{field.name.replace('_', '-')}"
                raise UsageError(f"{flag} is for engines", cure="end the output in .engine")
        if self.precision == "bf16":
            raise UsageError(
                "--precision bf16 is for engines",
                cure="end the output in .engine, or choose fp16",
            )

    def facts(self) -> dict[str, str]:
        """Return what is written into the model file beside its own facts."""
        named = {"title": self.title, "licence": self.licence}
        return {key: value for key, value in named.items() if value}

    def engine_options(self) -> EngineOptions:
        from nst_export.engine import EngineOptions

        return EngineOptions(
            backend=self.backend,
            precision=self.precision,
            variant="steady" if self.variant == "steady" else "plain",
            smallest=self.min,
            usual=self.opt,
            largest=self.max,
            fixed=self.size,
            batch=self.batch or 1,
            level=self.level,
            timing_cache=self.timing_cache,
            workspace_mib=self.workspace,
            capabilities=self.compute_capability,
        )
