"""TensorRT's log messages: collected, shortened and turned into errors that one can act on."""

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
_LOCATION = re.compile(r"\.?\s*In \w+ at /[^\s)]+")
_SERIOUS = re.compile("layernorm|timing cache", re.IGNORECASE)
"""Worth a warning: statistics in half precision, which overflow; a timing cache of no use."""


@dataclass
class Messages:
    """The errors and infos of one piece of work; all else goes to our log alone."""

    errors: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    def add(self, severity: str, text: str) -> None:
        """Keep a message. It comes from whatever thread the library works in."""
        if severity in _ERRORS:
            self.errors.append(text)
            logger.debug("%s", text)
        elif severity == "WARNING":
            logger.log(logging.WARNING if _SERIOUS.search(text) else logging.INFO, "%s", text)
        elif severity == "INFO":
            self.infos.append(text)
            logger.debug("%s", text)

    def number(self, name: str) -> int | None:
        """Return a number that the builder reported, as in "Total Activation Memory: 123 bytes"."""
        found = (re.match(rf"{name}: (\d+)", text) for text in self.infos)
        return next((int(match[1]) for match in found if match), None)


class ErrorRule(NamedTuple):
    """The error to raise where the library's messages match a pattern."""

    pattern: re.Pattern[str]
    kind: type[NstError]
    what: str
    """With {name} for the library and {0}, {1} for the pattern's groups."""
    cure: str


def error_rules(*rows: tuple[str, type[NstError], str, str]) -> tuple[ErrorRule, ...]:
    """Make a table of rules. The first that matches counts, so the last one must match anything."""
    return tuple(
        ErrorRule(re.compile(pattern, re.DOTALL), kind, what, cure)
        for pattern, kind, what, cure in rows
    )


def error_from(messages: Messages, name: str, rules: Sequence[ErrorRule]) -> NstError:
    """Return the error that a person can act on.

    Args:
        messages: of the work that failed.
        name: the library's name in messages.
        rules: what its messages mean.
    """
    text = strip_locations("\n".join(messages.errors)) or "it does not say why"
    found = ((rule, rule.pattern.search(text)) for rule in rules)
    rule, match = next((rule, match) for rule, match in found if match)
    what = rule.what.format(*match.groups(default=""), name=name)
    return rule.kind(what, cure=rule.cure)


def strip_locations(text: str) -> str:
    """Return messages without the places in source files that they name, and without noise.

    On a machine without a driver its absence is reported beside every error.
    """
    stripped = [_LOCATION.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in stripped if line and not line.startswith("Invalid Node")]
    return "\n".join([line for line in lines if "catchCudaError" not in line] or lines)


class _LogSink:
    """The destination of the one logger of the process."""

    collecting: Messages | None = None
    lock = threading.Lock()
    recent: ClassVar[deque[str]] = deque(maxlen=20)
    """The last errors, for work that does not collect messages."""

    @classmethod
    def write(cls, severity: str, text: str) -> None:
        if severity in _ERRORS:
            cls.recent.append(text)
        (cls.collecting or Messages()).add(severity, text)


@contextmanager
def collect_messages() -> Iterator[Messages]:
    """Collect the messages of all threads while entered; one thread at a time can enter."""
    with _LogSink.lock:
        _LogSink.collecting = messages = Messages()
        try:
            yield messages
        finally:
            _LogSink.collecting = None
            _LogSink.recent.clear()


def take_recent_errors() -> Messages:
    """Return the errors since the last call.

    Painting does not collect messages: pictures would wait for the build of an engine.
    """
    messages = Messages(list(_LogSink.recent))
    _LogSink.recent.clear()
    return messages


@cache
def shared_logger(trt: ModuleType) -> trt.ILogger:
    """Return the one logger of this process: TensorRT keeps the first that it is given."""

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            _LogSink.write(severity.name, msg)

    return Logger()
