"""What TensorRT says while it works, and what that means for the person who asked."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from nst_rt.errors import ModelError, NstError, ProviderError, UsageError

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)


@dataclass
class Messages:
    """The lines of one build; the chatty ones are not kept."""

    errors: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    def take(self, severity: str, text: str) -> None:
        """Keep a line. It comes from whatever thread the library works in."""
        if severity in ("ERROR", "INTERNAL_ERROR"):
            self.errors.append(text)
            logger.debug("%s", text)
        elif severity == "WARNING":
            logger.log(logging.WARNING if _SERIOUS.search(text) else logging.INFO, "%s", text)
        elif severity == "INFO":
            self.infos.append(text)
            logger.debug("%s", text)

    def number(self, name: str) -> int | None:
        """A number that the builder told, as of "Total Activation Memory: 123 bytes"."""
        found = (re.match(rf"{name}: (\d+)", text) for text in self.infos)
        return next((int(match[1]) for match in found if match), None)


class _Ear:
    """Where the one logger of the process hands its lines on to."""

    messages = Messages()
    busy = threading.Lock()


@contextmanager
def listening() -> Iterator[Messages]:
    """Collect what is said while entered; builds of other threads wait their turn."""
    with _Ear.busy:
        _Ear.messages = Messages()
        yield _Ear.messages


@cache
def logger_of(trt: ModuleType) -> trt.ILogger:
    """The one logger of this process: TensorRT keeps the first that it is given."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            _Ear.messages.take(severity.name, msg)

    return Logger()


def refusal(messages: Messages, name: str) -> NstError:
    """The error that a person can act on.

    Args:
        messages: what was said until nothing came.
        name: what the library is called.
    """
    said = essence("\n".join(messages.errors))
    for meaning in _MEANINGS:
        if found := meaning.pattern.search(said):
            what = meaning.what.format(*found.groups(default=""), name=name)
            return meaning.kind(what, cure=meaning.cure)
    first = said.partition("\n")[0] or "it does not say why"
    return ModelError(f"{name} cannot build it ({first})", cure="-vv shows all that it says")


def essence(text: str) -> str:
    """A message without the places in sources that it carries, and without what else it says.

    On a machine without a driver its absence is told beside every error.
    """
    lines = [_PLACE.sub("", line).strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("Invalid Node")]
    return "\n".join([line for line in told if "catchCudaError" not in line] or told)


class _Meaning(NamedTuple):
    pattern: re.Pattern[str]
    kind: type[NstError]
    what: str
    cure: str


_PLACE = re.compile(r"\.?\s*In \w+ at /[^\s)]+")
_SERIOUS = re.compile("layernorm|timing cache", re.IGNORECASE)
"""Worth a warning: statistics in half precision, which overflow; a timing cache of no use."""
_SMALLER = "raise --workspace, or lower --max or --batch"
_MEANINGS = tuple(
    _Meaning(re.compile(pattern, re.DOTALL), kind, what, cure)
    for pattern, kind, what, cure in (
        (
            r"no optimization profile has been defined",
            UsageError, "the model takes any size, and no range of sizes was given",
            "give --min, --opt and --max",
        ),
        (
            r"MIN<=OPT<=MAX",
            UsageError, "the sizes are not in order", "choose --min ≤ --opt ≤ --max",
        ),
        (
            r"dimensions but profile \d+ has|Dimension mismatch for tensor",
            ModelError, "the pictures that it was to take do not fit its input",
            "give a model whose input is uint8 N×H×W×3",
        ),
        (
            r"Network must have at least one output",
            ModelError, "holds no network", "give a model file; nst-rt info FILE looks into it",
        ),
        (
            r"MODEL_DESERIALIZE_FAILED|Failed to parse the ONNX model",
            ModelError, "is no ONNX file, or a damaged one", "download or export it again",
        ),
        (
            r"must have same input types. But they are of types (\w+) and (\w+)",
            ModelError, "mixes {0} and {1} in one operator, and {name} converts nothing by itself",
            "put Casts into the model, or export it again from its checkpoint",
        ),
        (
            r"Requested size was|within workspace limit|OutOfMemory|out of memory|"
            r"MEM_ALLOC_FAILED|Could not find any implementation for node",
            ProviderError, "{name} needs more memory than it may take", _SMALLER,
        ),
        (
            r"driver version is insufficient|no CUDA-capable device|CUDA initialization failure",
            ProviderError, "{name} finds no GPU with a driver that is new enough",
            "update NVIDIA's driver, or build with --backend tensorrt-rtx, which needs none",
        ),
        (
            r"Target GPU SM (\d+) is not supported",
            ProviderError, "{name} does not know this GPU (compute capability {0})",
            "install a version that does, or run the .onnx file on device cuda",
        ),
    )
)  # fmt: skip
"""The first match counts."""
