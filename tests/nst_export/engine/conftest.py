"""Builders of the real TensorRT-RTX, which needs no GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine.backends import Backend, open_backend
from nst_export.engine.network import parse
from nst_rt import zoo
from nst_rt.nvidia.tensorrt_log import Messages, collect_messages


@pytest.fixture(scope="session")
def rtx() -> Backend:
    return open_backend("tensorrt-rtx")


@pytest.fixture
def messages() -> Iterator[Messages]:
    with collect_messages() as messages:
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


@pytest.fixture(scope="session")
def rtx_libraries() -> Path:
    """The folder of TensorRT-RTX's libraries."""
    import tensorrt_rtx_libs

    return Path(tensorrt_rtx_libs.__path__[0])
