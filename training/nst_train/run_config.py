"""The base of all methods' configurations: read strictly, kept in checkpoints."""

from __future__ import annotations

import difflib
import math
import shlex
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import (
    Any,
    ClassVar,
    Literal,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from nst_rt.errors import UsageError

Config = TypeVar("Config", bound="RunConfig")

MAY_CHANGE = ("checkpoint_every", "sample_every", "workers", "threads", "cache_gib", "max_bad")
"""Keys that a resumed run may change; any other would make it another run."""

_KINDS = {str: "a string", int: "a whole number", float: "a number", type(None): "nothing"}


@dataclass(frozen=True)
class RunConfig:
    """The base of a method's configuration, whose fields are the options of `nst-rt train`."""

    method: ClassVar[str]
    """The method's name on the command line."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Check keys and types. Lists become tuples.

        Raises:
            UsageError: an unknown key (the nearest known one is named), a wrong type, a value out
                of range, or a key without a default is missing.
        """
        types_of = get_type_hints(cls)
        hints = {field.name: types_of[field.name] for field in fields(cls)}
        checked: dict[str, Any] = {}
        for key, value in values.items():
            if key not in hints:
                near = difflib.get_close_matches(key, hints, n=1)
                cure = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(hints)}"
                raise UsageError(f"unknown key {key!r}", cure=cure)
            checked[key] = _typed(key, value, hints[key])
        for field in fields(cls):
            if field.default is MISSING and field.name not in checked:
                raise UsageError(f"{field.name} is missing", cure=f"give {_option(field.name)}")
        return cls(**checked)

    @staticmethod
    def read(path: Path) -> dict[str, Any]:
        """Return the values of a TOML file, not yet checked.

        Raises:
            UsageError: absent or not TOML.
        """
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"not a readable TOML file ({error})", path=path) from error

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def without_folders(self) -> Self:
        """Return the same with bare file names, which may be published with a style.

        Where a style was trained is nobody's business.
        """
        raise NotImplementedError

    def as_command(self) -> str:
        """Return the command that trains the same elsewhere: what differs from the defaults."""
        words = ["nst-rt", "train", self.method]
        config = self.without_folders()
        for field in fields(config):
            value = getattr(config, field.name)
            if value != field.default and field.name not in MAY_CHANGE:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [_option(field.name), text]
        return shlex.join(words)

    def differences(self, other: RunConfig) -> list[str]:
        """List "key: mine → other's" for the keys that a resumed run may not change."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return [
            f"{name}: {mine!r} → {theirs!r}"
            for name, mine, theirs in pairs
            if mine != theirs and name not in MAY_CHANGE
        ]

    def check_ranges(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        """Raise `UsageError` for a number outside the lowest and highest allowed for its key."""
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{name} is {value}", cure=f"choose it in {low:g}…{high:g}")


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _typed(key: str, value: Any, hint: Any) -> Any:
    """Return `value` as the field wants it."""
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
