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

    class Camera:
        def read_into(self, buffer: np.ndarray) -> None:
            buffer[:] = 5

    return {
        "camera": Camera(),
        "photo": photo,
        "pictures": [photo, photo[::-1]],
        "show": shown.append,
        "send": send,
        "shown": shown,
    }


def test_lines_run_in_order(names) -> None:
    first, stream, _, buffers, asyncio_block, stop = BLOCKS
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
    with nst_rt.Stylizer("starry-night", size=64) as names["stylizer"]:
        exec(buffers, names)
    assert (names["photos"][0] == 5).all()
    assert names["paintings"][0].any()


def test_tensors_on_the_gpu_are_painted_as_it_says(cuda_machine) -> None:
    before = """
    import numpy as np
    import onnxruntime
    from nst_rt import Stylizer
    picture = np.zeros((2, 48, 64, 3), np.uint8)
    tensor = onnxruntime.OrtValue.ortvalue_from_numpy(picture, "cuda", 0)
    """
    ended = cuda_machine.run(BLOCKS[2] + "print(painting)", before=before)
    assert ended.out == "DevicePicture((2, 48, 64, 3))\n", ended.err


def test_errors_on_the_page_are_those_of_the_library() -> None:
    errors = set(re.findall(r"`(\w+Error)`", PAGE)) - {
        "CancelledError",
        "ValueError",
        "ImportError",
        "MemoryError",
    }
    assert errors <= set(nst_rt.__all__)
    assert issubclass(nst_rt.InputError, ValueError)
    assert issubclass(nst_rt.MissingExtraError, nst_rt.ProviderError)
    assert issubclass(nst_rt.MissingExtraError, ImportError)
    assert issubclass(nst_rt.OutOfMemoryError, nst_rt.ProviderError)
    assert issubclass(nst_rt.OutOfMemoryError, MemoryError)
