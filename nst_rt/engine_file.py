"""What is known of an engine: a JSON file beside it, without which it is only bytes.

An engine is compiled for certain GPUs by a certain version, and it is code. The side-car
`NAME.engine.json` says what it was made from, by what and for what, and the hash of its bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from nst_rt.errors import ModelError

SUFFIX = ".engine"
SCHEMA = 1
PORTABLE = "portable"
"""Stands for the GPU of an engine that is finished on whatever GPU loads it."""


@dataclass(frozen=True)
class EngineFacts:
    """The identity of an engine."""

    model: dict[str, str]
    """What the model file says of itself: name, title, scale, licence and so on."""
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
    """Those that it runs on, as "8.9"."""
    precision: str
    """Arithmetic inside: "fp32", "fp16", "bf16", "fp8" or "int8"."""
    profiles: list[dict[str, list[int]]]
    """Shapes N×H×W×3 of the pictures that it takes: "min", "opt" and "max" of each profile."""
    options: dict[str, int]
    """Of the builder, where they were given: "level", "workspace_mib"."""
    memory: dict[str, int]
    """Bytes on the GPU for the largest picture, where the builder said so."""

    def as_json(self) -> str:
        """The text of the side-car."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def side_car_of(engine: Path) -> Path:
    """Where the facts of an engine lie."""
    return engine.with_name(engine.name + ".json")


def read_engine_facts(engine: Path) -> EngineFacts:
    """Read the side-car of `engine`, whose own bytes are not looked at.

    Raises:
        ModelError: absent, damaged, or of another schema.
    """
    path = side_car_of(engine)
    cure = "build the engine again: nst-rt export MODEL OUT.engine"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"lies beside no {path.name} that says what it is", path=engine, cure=cure
        ) from error
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=path) from error
    except ValueError as error:
        raise ModelError("is no JSON", path=path, cure=cure) from error
    if not isinstance(told, dict) or told.pop("schema", None) != SCHEMA:
        raise ModelError(f"is not of schema {SCHEMA}", path=path, cure=cure)
    try:
        return EngineFacts(**{key: _checked(key, told[key]) for key in _KINDS})
    except (KeyError, TypeError) as error:
        raise ModelError(f"does not describe an engine ({error})", path=path, cure=cure) from error


_HINTS = get_type_hints(EngineFacts)
_KINDS: dict[str, type] = {
    field.name: getattr(_HINTS[field.name], "__origin__", _HINTS[field.name])
    for field in fields(EngineFacts)
}


def _checked(key: str, value: Any) -> Any:
    if not isinstance(value, _KINDS[key]):
        raise TypeError(f"{key} is {type(value).__name__}")
    return value
