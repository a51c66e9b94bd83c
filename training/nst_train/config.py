"""The configuration of a run of `fast`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from nst_rt.errors import UsageError
from nst_train.run_config import RunConfig


@dataclass(frozen=True)
class FastConfig(RunConfig):
    """Everything that decides what `train fast` learns.

    Sizes are in pixels; `cache_gib` is memory in GiB for what is computed once for each crop, its
    pixels first, then its content features. Weights are scale-free, see
    `nst_train.methods.fast.FastObjective`. The defaults stand here alone: the command's help reads
    them.
    """

    method: ClassVar[str] = "fast"
    style: str
    photos: str
    features: tuple[str, ...] = ("vgg19",)
    steps: int = 4000
    size: int = 256
    batch: int = 4
    style_size: int = 512
    style_weight: float = 20.0
    tv_weight: float = 0.05
    content_layer: str = "relu3_1"
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    learning_rate: float = 3e-3
    ema: float = 0.99
    width: float = 0.5
    blocks: int = 5
    upsample: Literal["nearest", "transposed"] = "nearest"
    initial: str | None = None
    crops_per_photo: int = 4
    seed: int = 0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"
    threads: int | None = None
    workers: int = 1
    cache_gib: float = 4.0
    max_bad: float = 0.01
    checkpoint_every: int = 250
    sample_every: int = 250

    def __post_init__(self) -> None:
        self.check_ranges(
            {
                "steps": (1, 9_999_999),
                "size": (32, 2048),
                "batch": (1, 1024),
                "style_size": (32, 4096),
                "style_weight": (0, 1e6),
                "tv_weight": (0, 1e6),
                "width": (0.1, 4),
                "blocks": (0, 64),
                "learning_rate": (1e-8, 1),
                "ema": (0, 0.99999),
                "crops_per_photo": (1, 10**6),
                "seed": (0, 10**9),
                "threads": (1, 1024),
                "workers": (0, 256),
                "cache_gib": (0, 10**4),
                "max_bad": (0, 1),
                "checkpoint_every": (1, 10**8),
                "sample_every": (1, 10**8),
            }
        )
        if self.size % 4:
            raise UsageError(f"size is {self.size}", cure="choose a multiple of 4")
        for name in ("features", "style_layers"):
            if not getattr(self, name):
                raise UsageError(f"{name} is empty", cure="name at least one")

    def without_folders(self) -> FastConfig:
        """Return the same with the bare names of painting, photos, features and initial weights."""
        return replace(
            self,
            style=Path(self.style).name,
            photos=Path(self.photos).name,
            features=tuple(Path(name).name for name in self.features),
            initial=self.initial and Path(self.initial).name,
        )
