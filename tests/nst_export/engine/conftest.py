"""Builders of the real TensorRT-RTX, which needs no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine.backends import Backend, open_backend
from nst_export.engine.messages import Messages, listening
from nst_export.engine.network import parse
from nst_rt import zoo


@pytest.fixture(scope="session")
def rtx() -> Backend:
    return open_backend("tensorrt-rtx")


@pytest.fixture
def messages() -> Iterator[Messages]:
    with listening() as messages:
        yield messages


@pytest.fixture
def parsed(rtx: Backend, messages: Messages) -> Callable[[bytes], Any]:
    """Parses a model."""
    builder = rtx.builder(messages)
    return lambda data: parse(rtx.module, builder, data, messages, rtx.title)


@pytest.fixture(scope="session")
def shipped() -> Path:
    """A shipped model file in half precision."""
    return zoo.cards()[0].file("fp16")
