"""The side-car of an engine: a JSON file beside it, without which it is only bytes.

An engine is compiled for certain GPUs by a certain version, and it is code. The side-car
`NAME.engine.json` records what it was built from, by what and for what, and the hash of its bytes.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from nst_rt.errors import ModelError
from nst_rt.sizes import size_text

SUFFIX = ".engine"
SCHEMA = 1
PORTABLE = "portable"
"""Stands for the GPU of an engine that is finished on whatever GPU loads it."""


@dataclass(frozen=True)
class EngineFacts:
    """The identity of an engine."""

    model: dict[str, str]
    """The model file's own metadata: name, title, scale, licence and so on."""
    onnx_sha256: str
    """Hash of the model file that it was built from."""
    engine_sha256: str
    engine_bytes: int
    backend: str
    """"tensorrt" or "tensorrt-rtx"."""
    backend_version: str
    creator: str
    platform: str
    """Operating system and processor, as "linux-x86_64"."""
    gpu: str
    """Name of the GPU that it was built on, or "portable"."""
    compute_capabilities: list[str]
    """Compute capabilities of the GPUs that it runs on, as "8.9"."""
    precision: str
    """Arithmetic inside: "fp32", "fp16", "bf16", "fp8" or "int8"."""
    profiles: list[dict[str, list[int]]]
    """Shapes N×H×W×3 of the pictures that it takes: "min", "opt" and "max" of each profile."""
    options: dict[str, int]
    """The builder's options, where they were given: "level", "workspace_mib"."""
    memory: dict[str, int]
    """Bytes on the GPU for the largest picture, where the builder reported them."""
    statistics: int = 0
    """Channels of all normalizations of a steady engine, which takes and returns statistics."""
    driver: str | None = None
    """Version of NVIDIA's driver that it was built with; None where there was none."""

    @property
    def steady(self) -> bool:
        """Whether it paints with given statistics."""
        return self.model.get("variant") == "steady"

    @property
    def smallest(self) -> tuple[int, int]:
        """Height and width of the smallest picture that it takes."""
        return self._size("min")

    @property
    def largest(self) -> tuple[int, int]:
        """Greatest height and greatest width that it takes."""
        return self._size("max")

    @property
    def usual(self) -> tuple[int, int]:
        """Height and width for which its kernels were chosen."""
        return self._size("opt")

    @property
    def batch(self) -> int:
        """Greatest number of pictures at once."""
        return self.profiles[0]["max"][0]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return whether it takes pictures N×H×W×3 of a shape."""
        low, high = self.profiles[0]["min"], self.profiles[0]["max"]
        return all(a <= size <= b for a, size, b in zip(low, shape, high, strict=True))

    def fitted(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Return the largest size in proportion, height and width, that it takes; None if none."""
        high = self.largest
        scale = min(1.0, high[0] / size[0], high[1] / size[1])
        height, width = (max(1, int(side * scale)) for side in size)
        return (height, width) if self.takes((1, height, width, 3)) else None

    def range_text(self) -> str:
        """Return the sizes that it takes, as "16x16 … 1280x720 … 1920x1080"."""
        sizes = (size_text(self._size(name)) for name in _SHAPES)
        return " … ".join(dict.fromkeys(sizes))

    def summary(self) -> dict[str, object]:
        """Return the facts to print beside the model's own, ready for JSON."""
        return {
            "built_by": f"{self.backend} {self.backend_version}",
            "built_from": self.onnx_sha256,
            "built_for": f"{self.gpu} ({', '.join(self.compute_capabilities)})",
            "platform": self.platform,
            "arithmetic": self.precision,
            "sizes": self.range_text() + (f", {self.batch} at once" if self.batch > 1 else ""),
            "gpu_memory_bytes": sum(self.memory.values()) or "unknown",
        }

    def _size(self, name: str) -> tuple[int, int]:
        _, height, width, _ = self.profiles[0][name]
        return height, width

    def as_json(self) -> str:
        """Return the text of the side-car."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def side_car_path(engine: Path) -> Path:
    """Return the path of an engine's side-car."""
    return engine.with_name(engine.name + ".json")


def this_platform() -> str:
    """Return this machine's operating system and processor, as a side-car names them."""
    return f"{sys.platform}-{platform.machine().lower()}"


def read_engine_facts(engine: Path) -> EngineFacts:
    """Read the side-car of `engine`; the engine itself is not read.

    Raises:
        ModelError: absent, damaged, or of another schema.
    """
    path = side_car_path(engine)
    cure = "build the engine again: nst-rt export MODEL OUT.engine"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"has no side-car {path.name}", path=engine, cure=cure) from error
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=path) from error
    except ValueError as error:
        raise ModelError("is not JSON", path=path, cure=cure) from error
    if not isinstance(record, dict) or record.pop("schema", None) != SCHEMA:
        raise ModelError(f"is not of schema {SCHEMA}", path=path, cure=cure)
    try:
        record = {"statistics": 0, "driver": None, **record}
        facts = EngineFacts(**{key: _checked(key, record[key]) for key in _TYPES})
        if facts.steady != (facts.statistics > 0):
            raise ValueError(f"{facts.statistics} statistics")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"does not describe an engine ({error})", path=path, cure=cure) from error
    return facts


_SHAPES = ("min", "opt", "max")
_HINTS = get_type_hints(EngineFacts)
_TYPES: dict[str, type] = {
    field.name: getattr(_HINTS[field.name], "__origin__", _HINTS[field.name])
    for field in fields(EngineFacts)
}


def _checked(key: str, value: Any) -> Any:
    expected: Any = _TYPES[key]
    if not isinstance(value, expected):
        raise TypeError(f"{key} is {type(value).__name__}")
    if key == "model" and not all(isinstance(fact, str) for fact in value.values()):
        raise TypeError("model has a value that is not text")
    if key == "profiles":
        _check_profiles(value)
    return value


def _check_profiles(profiles: list[Any]) -> None:
    for profile in profiles[:1] or [None]:
        shapes = [profile[name] for name in _SHAPES] if isinstance(profile, dict) else []
        sizes = list(zip(*shapes, strict=True))
        if len(sizes) != 4 or not all(_in_order(size) for size in sizes) or sizes[3] != (3, 3, 3):
            raise TypeError("profiles are not sizes of pictures")


def _in_order(sizes: tuple[Any, ...]) -> bool:
    return all(isinstance(size, int) for size in sizes) and 0 < sizes[0] <= sizes[1] <= sizes[2]
