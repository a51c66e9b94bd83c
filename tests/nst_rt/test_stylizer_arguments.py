"""Arguments of a `Stylizer`: numbers and paths of any type, and refusals."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from nst_rt import Stylizer
from nst_rt.errors import LimitError, ModelError, UsageError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.5}, "strength is 1.5"),
        ({"size": 0}, "size is 0"),
        ({"size": "half"}, "size is 'half'"),
        ({"strength": "full"}, "strength is 'full'"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"size": True}, "size is True; give a long side in pixels, or"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": "2"}, "threads is '2'"),
        ({"threads": 10**20}, r"threads is 1.* at most"),
        ({"parallel": 1.5}, "parallel is 1.5"),
        ({"max_pixels": "x"}, "max_pixels is 'x'; give a whole number, 1 or more"),
        ({"max_pixels": None}, "max_pixels is None"),
        ({"max_memory": "1 GiB"}, "max_memory is '1 GiB'"),
        ({"max_memory": 0}, "max_memory is 0"),
        ({"device": ["cpu"]}, r"device is \['cpu'\]; choose auto, cpu"),
        ({"adaptation": "nchw"}, "adaptation is 'nchw'; give an Adaptation of nst_rt.model"),
    ],
)
def test_wrong_options_are_named(model_path, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        Stylizer(model_path, **options)


def test_numbers_of_numpy_are_as_good_as_plain_ones(model_path) -> None:
    numbers = {"size": np.int64(64), "threads": np.int32(1), "strength": np.float32(0.5)}
    with Stylizer(model_path, device="onnxruntime", **numbers, keep_color=np.True_) as stylizer:
        assert json.loads(json.dumps(stylizer.info.as_dict())) == stylizer.info.as_dict()


def test_sizes_that_no_picture_has_are_named(stylizer) -> None:
    for height in (0, -1, 1.5, "9", None):
        with pytest.raises(UsageError, match=r"height is .*; give a whole number, 1 or more"):
            stylizer.working_size(height, 9)


@pytest.mark.parametrize(
    ("height", "width", "count", "message"),
    [
        (-1, 10, None, "height is -1; give a whole number, 1 or more"),
        (1.5, 10, None, "height is 1.5; give a whole number"),
        (10, "20", None, "width is '20'; give a whole number"),
        (0, 10, None, "height is 0; give"),
        (10, 10, 0, "count is 0; give"),
        (10**9, 10**9, None, "1000000000x1000000000 is .* pixels, the limit is .*; raise max_pix"),
        (10, 10, 10**18, "10×10×3 takes .* MiB of memory, .* are free; ask for fewer or smaller"),
    ],
)
def test_buffer_that_cannot_be_is_refused(stylizer, height, width, count, message) -> None:
    with pytest.raises((UsageError, LimitError), match=message):
        stylizer.pinned(height, width, count=count)
    if count is None:
        with pytest.raises((UsageError, LimitError), match=message):
            stylizer.warmup(height, width)


class Place:
    """A path of another library."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __fspath__(self) -> str:
        return self._path


@pytest.mark.parametrize("kind", [str, os.fsencode, Place, type("Text", (str,), {})])
def test_style_is_a_path_of_any_kind(model_path, kind) -> None:
    with Stylizer(kind(model_path), threads=1) as stylizer:
        assert stylizer.info.path == str(model_path)


def test_what_is_no_style_is_named() -> None:
    for style in (5, None, ["starry-night"], Path()):
        with pytest.raises(UsageError, match=r"style is .*, which no file is called"):
            Stylizer(style)
    with pytest.raises(ModelError, match='no such model; a shipped style is a string, "starry-nig'):
        Stylizer(Path("starry-night"))
