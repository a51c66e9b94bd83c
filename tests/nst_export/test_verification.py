"""The checks that a model passes before it gets its name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from nst_export.graph import style_graph
from nst_export.verification import (
    MAX_ACTIVATION,
    PaintFunction,
    Parity,
    check_parity,
    check_range,
    compare,
)
from nst_rt.errors import ParityError
from nst_train.network import StyleNetwork, paint

OpenSession = Callable[[onnx.ModelProto], onnxruntime.InferenceSession]
Image = NDArray[np.uint8]
SIZES = [(16, 16), (45, 67)]


def changed(network: StyleNetwork, change: Callable[[StyleNetwork], object]) -> StyleNetwork:
    other = StyleNetwork(network.config)
    other.load_state_dict(network.state_dict())
    change(other)
    return other.eval().requires_grad_(False)


def off_by(network: StyleNetwork, levels: int, share: float = 1.0) -> PaintFunction:
    """Return a function that paints like the network, but for its first pixels."""

    def painter(image: Image) -> Image:
        painted = paint(network, torch.from_numpy(image)).numpy().copy()
        part = painted.reshape(-1)[: math.ceil(share * painted.size)]
        part[:] = np.where(part < 128, part + levels, part - levels)
        return painted

    return painter


def test_paintings_are_told_as_they_begin(network: StyleNetwork) -> None:
    told: list[tuple[float, str]] = []
    check_parity(
        network, off_by(network, 0), "fp16", SIZES,
        progress=lambda share, phase: told.append((share, phase)),
    )  # fmt: skip
    assert [share for share, _ in told] == [index / 6 for index in range(6)]
    assert told[3][1] == "painting 67x45"
    assert told[5][1] == "painting 67x45 in PyTorch fp16"


def test_comparison_measures_levels_and_decibels() -> None:
    one = np.full((1, 4, 6, 3), 100, np.uint8)
    two = one.copy()
    two[0, 0, 0] = (90, 100, 255)
    row = compare("x", one, two)
    assert (row.height, row.width, row.largest) == (4, 6, 155)
    assert row.mean == pytest.approx((10 + 155) / 72)
    assert row.psnr == pytest.approx(10 * math.log10(255**2 * 72 / (100 + 155**2)))
    assert compare("x", one, one).psnr == math.inf
    with pytest.raises(ParityError, match=r"gives \(1, 4, 5, 3\) where the network gives"):
        compare("x", one, two[:, :, :5])


def test_fp32_may_be_a_level_off_and_no_more(network: StyleNetwork) -> None:
    rows = check_parity(network, off_by(network, 1), "fp32", SIZES)
    assert [(row.height, row.width) for row in rows] == SIZES
    assert {row.reference for row in rows} == {"PyTorch fp32"}
    with pytest.raises(ParityError, match=r"by up to 2 levels .* must keep within 1 level"):
        check_parity(network, off_by(network, 2, share=1e-9), "fp32", SIZES)


def test_fp16_must_reach_45_decibels(network: StyleNetwork) -> None:
    assert check_parity(network, off_by(network, 9, share=1e-9), "fp16", SIZES)
    with pytest.raises(ParityError, match=r"dB\) at 16x16; fp16 must reach 45 dB: export fp32"):
        check_parity(network, off_by(network, 2), "fp16", SIZES)


def test_every_comparison_of_a_refused_model_is_reported(network: StyleNetwork) -> None:
    rows: list[Parity] = []
    with pytest.raises(ParityError):
        check_parity(network, off_by(network, 30), "fp16", SIZES, report=rows.append)
    assert [(row.reference, row.height) for row in rows] == [
        ("PyTorch fp32", 16), ("PyTorch fp16", 16), ("PyTorch fp32", 45), ("PyTorch fp16", 45),
    ]  # fmt: skip
    assert all(row.psnr < 45 for row in rows)


def test_overflow_that_onnx_runtime_hides_shows_in_the_half_module(
    network: StyleNetwork, session: OpenSession
) -> None:
    """A normalization takes the scale away again, if what comes before it did not overflow."""

    def loud(other: StyleNetwork) -> None:
        other.blocks[0].first.conv.weight.data *= 1e5  # type: ignore[operator,union-attr]

    loud_network = changed(network, loud)
    graph = session(style_graph(loud_network, {}, flavour="fp16"))

    def painter(image: Image) -> Image:
        painted: Image = graph.run(None, {"image": image})[0]
        return painted

    rows: list[Parity] = []
    with pytest.raises(ParityError, match="differs from PyTorch fp16"):
        check_parity(loud_network, painter, "fp16", SIZES, report=rows.append)
    assert all(row.psnr > 45 for row in rows if row.reference == "PyTorch fp32")
    assert all(row.psnr < 30 for row in rows if row.reference == "PyTorch fp16")


def test_every_layer_is_measured(network: StyleNetwork) -> None:
    model = style_graph(network, {})
    largest = check_range(model)
    layers = {node.name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")}
    assert layers < largest.keys()
    assert largest["image_real"] == 255
    assert all(0 < value < MAX_ACTIVATION for value in largest.values())
    assert len(model.graph.output) == 1  # the model itself gets no outputs more


@pytest.mark.parametrize("layer", ["down1", "block0_second", "up0"])
def test_values_near_the_limit_of_half_precision_are_refused(
    network: StyleNetwork, layer: str
) -> None:
    def loud(other: StyleNetwork) -> None:
        convolutions = {
            "down1": other.down[1].conv,
            "block0_second": other.blocks[0].second.conv,  # type: ignore[union-attr]
            "up0": other.up[0].conv,
        }
        convolutions[layer].weight.data *= 1e5  # type: ignore[operator,union-attr]

    message = rf"{layer} reaches [\d,]+, fp16 is safe below 16,376; export fp32"
    with pytest.raises(ParityError, match=message) as caught:
        check_range(style_graph(changed(network, loud), {}))
    assert caught.value.exit_code == 4


def test_values_that_are_not_finite_are_refused(network: StyleNetwork) -> None:
    def broken(other: StyleNetwork) -> None:
        other.last.bias.data[0] = torch.nan  # type: ignore[index]

    with pytest.raises(ParityError, match="last reaches nan"):
        check_range(style_graph(changed(network, broken), {}))
