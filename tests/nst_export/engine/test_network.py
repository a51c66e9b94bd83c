"""Checks of a network before it is compiled, and of the pictures that it does not take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine.backends import Backend
from nst_export.engine.network import check_sizes, fixed_shape, precision_of
from nst_export.engine.profiles import Profile
from nst_rt import zoo
from nst_rt.errors import ModelError, UsageError
from tests.nst_export.engine.small_models import convolution, node, save

Parsed = Callable[[bytes], Any]


@pytest.fixture
def checked(rtx: Backend, parsed: Parsed) -> Callable[..., None]:
    """Check pictures of a smallest and a largest side on a model file."""

    def check(path: Path, smallest: int, largest: int, batch: int = 1, scale: int = 1) -> None:
        profile = Profile((smallest,) * 2, (largest,) * 2, (largest,) * 2, batch)
        check_sizes(rtx.module, parsed(path.read_bytes()), profile, scale, path)

    return check


@pytest.mark.parametrize("data", [b"", b"hello world, no model at all"])
def test_bytes_that_parse_to_nothing(parsed: Parsed, data: bytes) -> None:
    with pytest.raises(ModelError, match="is no ONNX file; give a model file"):
        parsed(data)


def test_truncated_bytes(parsed: Parsed, shipped: Path) -> None:
    with pytest.raises(ModelError, match="is no ONNX file, or a damaged one; download or export"):
        parsed(shipped.read_bytes()[:100_000])


@pytest.mark.parametrize(("kind", "precision"), [("fp32", "fp32"), ("fp16", "fp16")])
def test_precision_is_what_convolutions_compute_in(
    rtx: Backend, parsed: Parsed, kind: str, precision: str
) -> None:
    network = parsed(zoo.cards()[0].file(kind).read_bytes())
    assert precision_of(rtx.module, network) == precision
    assert fixed_shape(network) is None


def test_shipped_models_take_a_single_pixel_and_8k(
    checked: Callable[..., None], shipped: Path
) -> None:
    checked(shipped, 1, 7680)


def test_pictures_smaller_than_the_reflection_are_refused(
    checked: Callable[..., None], tmp_path: Path
) -> None:
    """The builder takes them without a word, and ONNX Runtime refuses to run them."""
    path = convolution(tmp_path / "x.onnx", radius=4)
    checked(path, 5, 64)
    with pytest.raises(UsageError, match=r"--min 4x4 .*mirrors more of the edge.*; raise smallest"):
        checked(path, 4, 64)


def test_edges_may_be_repeated_as_often_as_needed(
    checked: Callable[..., None], tmp_path: Path
) -> None:
    checked(convolution(tmp_path / "x.onnx", radius=4, pad="edge"), 1, 64)


def test_pictures_smaller_than_the_kernel_are_refused(
    checked: Callable[..., None], tmp_path: Path
) -> None:
    path = convolution(tmp_path / "x.onnx", radius=4, pad=None)
    with pytest.raises(UsageError, match=r"--min 8x8 .*; raise smallest"):
        checked(path, 8, 64)


def test_tensors_too_large_to_count_are_refused(
    checked: Callable[..., None], shipped: Path
) -> None:
    """From there on the builder plans a part of the memory and builds."""
    checked(shipped, 16, 11_000)
    for largest, batch in ((11_500, 1), (5_750, 4)):
        message = (
            rf"--max {largest}x{largest} and --batch {batch} .* numbers; .*; lower largest .* to"
        )
        with pytest.raises(UsageError, match=message) as refused:
            checked(shipped, 16, largest, batch)
        most = int(refused.value.cure.partition("about ")[2].partition("x")[0])
        assert 0.9 * largest < most < largest
        checked(shipped, 16, most, batch)
        assert ("--batch" in refused.value.cure) == (batch > 1)


def test_outputs_of_another_size_are_refused(
    checked: Callable[..., None], tmp_path: Path, shipped: Path
) -> None:
    shrunk = convolution(tmp_path / "x.onnx", radius=1, pad=None)
    with pytest.raises(ModelError, match=r"gives \(1, 14, 14, 3\) where \(1, 16, 16, 3\) belongs"):
        checked(shrunk, 16, 64)
    with pytest.raises(ModelError, match=r"where \(1, 32, 32, 3\) belongs"):
        checked(shipped, 16, 64, scale=2)


def test_nodes_without_a_name_are_counted(parsed: Parsed, tmp_path: Path) -> None:
    nameless = node("Frobnicate", "image", "image_out")
    nameless.name = ""
    path = save(tmp_path / "x.onnx", [nameless])
    with pytest.raises(ModelError, match="knows no operator Frobnicate of node 0"):
        parsed(path.read_bytes())
