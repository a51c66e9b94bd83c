"""What TensorRT says while it works: kept, made short, and read for what it means."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nst_rt.errors import NstError

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)

_ERRORS = ("ERROR", "INTERNAL_ERROR")
_PLACE = re.compile(r"\.?\s*In \w+ at /[^\s)]+")
_SERIOUS = re.compile("layernorm|timing cache", re.IGNORECASE)
"""Worth a warning: statistics in half precision, which overflow; a timing cache of no use."""


@dataclass
class Messages:
    """The lines of one piece of work; the chatty ones are not kept."""

    errors: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    def take(self, severity: str, text: str) -> None:
        """Keep a line. It comes from whatever thread the library works in."""
        if severity in _ERRORS:
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


class Meaning(NamedTuple):
    """What a person is told where the library says something of a pattern."""

    pattern: re.Pattern[str]
    kind: type[NstError]
    what: str
    """With {name} for the library and {0}, {1} for what the pattern's groups found."""
    cure: str


def meanings(*rows: tuple[str, type[NstError], str, str]) -> tuple[Meaning, ...]:
    """A table of meanings. The first that fits counts, so the last one has to fit everything."""
    return tuple(
        Meaning(re.compile(pattern, re.DOTALL), kind, what, cure)
        for pattern, kind, what, cure in rows
    )


def meant(messages: Messages, name: str, table: Sequence[Meaning]) -> NstError:
    """The error that a person can act on.

    Args:
        messages: what was said until nothing came.
        name: what the library is called.
        table: what its messages mean.
    """
    said = essence("\n".join(messages.errors)) or "it does not say why"
    found = ((meaning, meaning.pattern.search(said)) for meaning in table)
    meaning, match = next((meaning, match) for meaning, match in found if match)
    what = meaning.what.format(*match.groups(default=""), name=name)
    return meaning.kind(what, cure=meaning.cure)


def essence(text: str) -> str:
    """A message without the places in sources that it carries, and without what else it says.

    On a machine without a driver its absence is told beside every error.
    """
    lines = [_PLACE.sub("", line).strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("Invalid Node")]
    return "\n".join([line for line in told if "catchCudaError" not in line] or told)


class _Ear:
    """Where the one logger of the process hands its lines on to."""

    listener: Messages | None = None
    busy = threading.Lock()
    recent: ClassVar[deque[str]] = deque(maxlen=20)
    """Errors, for those who do not listen."""

    @classmethod
    def hear(cls, severity: str, text: str) -> None:
        if severity in _ERRORS:
            cls.recent.append(text)
        (cls.listener or Messages()).take(severity, text)


@contextmanager
def listening() -> Iterator[Messages]:
    """Collect what is said while entered; other threads that would listen wait their turn."""
    with _Ear.busy:
        _Ear.listener = messages = Messages()
        try:
            yield messages
        finally:
            _Ear.listener = None
            _Ear.recent.clear()


def overheard() -> Messages:
    """The errors since it was last asked for.

    Painting does not listen: pictures would wait for the build of an engine.
    """
    messages = Messages(list(_Ear.recent))
    _Ear.recent.clear()
    return messages


@cache
def logger_of(trt: ModuleType) -> trt.ILogger:
    """The one logger of this process: TensorRT keeps the first that it is given."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            _Ear.hear(severity.name, msg)

    return Logger()
