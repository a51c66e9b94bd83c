"""The lines on the page on embedding run as they stand there."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nst_rt

PAGE = (Path(__file__).parents[2] / "docs/embedding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def names() -> dict[str, Any]:
    """What the page takes for granted, and what it shows or sends."""
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    shown: list[np.ndarray] = []

    async def send(painting: np.ndarray) -> None:
        shown.append(painting)

    return {
        "photo": photo,
        "pictures": [photo, photo[::-1]],
        "show": shown.append,
        "send": send,
        "shown": shown,
    }


def test_lines_run_in_order(names) -> None:
    first, stream, asyncio_block, stop = BLOCKS
    exec(first, names)
    with pytest.raises(nst_rt.ClosedError):
        names["stylizer"](names["photo"])
    with nst_rt.Stylizer("starry-night", threads=1) as names["stylizer"]:
        exec(stream, names)
        exec(f"async def main():\n{textwrap.indent(asyncio_block, '    ')}", names)
        asyncio.run(names["main"]())
        exec(stop, names)
    expected = [names["painting"], names["shown"][1]] * 2
    assert all((one == other).all() for one, other in zip(names["shown"], expected, strict=True))


def test_errors_on_the_page_are_those_of_the_library() -> None:
    errors = set(re.findall(r"`(\w+Error)`", PAGE)) - {
        "CancelledError",
        "ValueError",
        "ImportError",
    }
    assert errors <= set(nst_rt.__all__)
    assert issubclass(nst_rt.InputError, ValueError)
    assert issubclass(nst_rt.ProviderError, ImportError)
