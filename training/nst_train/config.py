"""The configuration of a run of `fast`: one frozen record, read strictly, kept in checkpoints."""

from __future__ import annotations

import difflib
import math
import shlex
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nst_rt.errors import UsageError

MAY_CHANGE = ("checkpoint_every", "sample_every", "workers", "threads", "cache_gib", "max_bad")
"""Keys that a resumed run may set anew; any other would make it another run."""

_KINDS = {str: "a string", int: "a whole number", float: "a number", type(None): "nothing"}


@dataclass(frozen=True)
class FastConfig:
    """Everything that decides what `train fast` learns.

    Sizes are in pixels; `cache_gib` is memory in GiB for what is computed once of every crop, its
    pixels first, then its content features. Weights are scale-free, see
    `nst_train.methods.fast.FastObjective`. This is the one place where defaults stand.
    """

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
        for name, low, high in (
            ("steps", 1, 9_999_999),
            ("size", 32, 2048),
            ("batch", 1, 1024),
            ("style_size", 32, 4096),
            ("style_weight", 0, 1e6),
            ("tv_weight", 0, 1e6),
            ("width", 0.1, 4),
            ("blocks", 0, 64),
            ("learning_rate", 1e-8, 1),
            ("ema", 0, 0.99999),
            ("crops_per_photo", 1, 10**6),
            ("seed", 0, 10**9),
            ("threads", 1, 1024),
            ("workers", 0, 256),
            ("cache_gib", 0, 10**4),
            ("max_bad", 0, 1),
            ("checkpoint_every", 1, 10**8),
            ("sample_every", 1, 10**8),
        ):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{name} is {value}", cure=f"choose it in {low:g}…{high:g}")
        if self.size % 4:
            raise UsageError(f"size is {self.size}", cure="choose a multiple of 4")
        for name in ("features", "style_layers"):
            if not getattr(self, name):
                raise UsageError(f"{name} is empty", cure="name at least one")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> FastConfig:
        """Check keys and types. Lists become tuples.

        Raises:
            UsageError: an unknown key (the nearest known one is named), a wrong type, a value out
                of range, or no style or photos.
        """
        hints = get_type_hints(cls)
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if key not in hints:
                near = difflib.get_close_matches(key, hints, n=1)
                cure = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(hints)}"
                raise UsageError(f"unknown key {key!r}", cure=cure)
            checked[key] = _typed(key, value, hints[key])
        for field in ("style", "photos"):
            if field not in checked:
                raise UsageError(f"{field} is missing", cure=f"give --{field}")
        return cls(**checked)

    @staticmethod
    def read(path: Path) -> dict[str, Any]:
        """The values of a TOML file, not yet checked.

        Raises:
            UsageError: absent or not TOML.
        """
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"not a readable TOML file ({error})", path=path) from error

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def without_folders(self) -> FastConfig:
        """The same with bare file names: what may be passed on with a style.

        Where a style was trained is nobody's business.
        """
        return replace(
            self,
            style=Path(self.style).name,
            photos=Path(self.photos).name,
            features=tuple(Path(name).name for name in self.features),
            initial=self.initial and Path(self.initial).name,
        )

    def as_command(self) -> str:
        """The command that trains the same on another machine: what differs from the defaults."""
        words = ["nst-rt", "train", "fast"]
        config = self.without_folders()
        for field in fields(config):
            value = getattr(config, field.name)
            if value != field.default and field.name not in MAY_CHANGE:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [f"--{field.name.replace('_', '-')}", text]
        return shlex.join(words)

    def differences(self, other: FastConfig) -> list[str]:
        """Lines "key: mine → other's" for keys that a resumed run may not change."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return [
            f"{name}: {mine!r} → {theirs!r}"
            for name, mine, theirs in pairs
            if mine != theirs and name not in MAY_CHANGE
        ]


def _typed(key: str, value: Any, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        if isinstance(value, list | tuple):
            return tuple(_typed(key, item, str) for item in value)
        raise UsageError(f"{key} is {value!r}", cure="expected a list of strings")
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        choices = " or ".join(map(repr, get_args(hint)))
        raise UsageError(f"{key} is {value!r}", cure=f"choose {choices}")
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if float in kinds and type(value) is int:
        return float(value)
    if any(type(value) is kind for kind in kinds):
        return value
    names = " or ".join(_KINDS[kind] for kind in kinds)
    raise UsageError(f"{key} is {value!r}", cure=f"expected {names}")
