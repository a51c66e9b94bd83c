"""The steady graph: the plain one with nothing kept, the "apply" one with everything kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from nst_export.graph import Flavour, style_graph
from nst_train.network import StyleNetwork, paint

OpenSession = Callable[[onnx.ModelProto], onnxruntime.InferenceSession]
Image = NDArray[np.uint8]
Numbers = NDArray[np.float32]
Steady = Callable[[Image, Numbers | None, float], tuple[Image, Numbers]]
FLAVOURS = pytest.mark.parametrize("flavour", ["fp32", "fp16"])
LEVELS = {"fp32": 1, "fp16": 3}


def distance(one: Image, two: Image) -> int:
    assert one.shape == two.shape
    return int(np.abs(one.astype(int) - two).max())


def runner(session: onnxruntime.InferenceSession) -> Steady:
    """Return a function that calls a steady graph; without statistics it gets zeros."""
    channels = session.get_inputs()[1].shape[2]

    def run(image: Image, statistics: Numbers | None, keep: float) -> tuple[Image, Numbers]:
        if statistics is None:
            statistics = np.zeros((len(image), 2, channels), np.float32)
        feed = {"image": image, "statistics": statistics, "keep": np.array([keep], np.float32)}
        painted, used = session.run(["image_out", "statistics_out"], feed)
        return painted, used

    return run


@pytest.fixture
def steady(network: StyleNetwork, session: OpenSession) -> Steady:
    return runner(session(style_graph(network, {}, variant="steady")))


@pytest.mark.parametrize(
    ("flavour", "size"),
    [("fp32", (1, 1)), ("fp32", (33, 18)), ("fp32", (61, 90)), ("fp16", (61, 90))],
)
def test_nothing_kept_is_the_plain_network_with_its_statistics(
    network: StyleNetwork,
    photo: Image,
    session: OpenSession,
    flavour: Flavour,
    size: tuple[int, int],
) -> None:
    height, width = size
    image = photo[None, 100:][:, :height, 50:][:, :, :width].copy()
    steady = runner(session(style_graph(network, {}, flavour=flavour, variant="steady")))
    painted, used = steady(image, None, 0)
    assert distance(painted, paint(network, torch.from_numpy(image)).numpy()) <= LEVELS[flavour]
    stats = session(style_graph(network, {}, variant="stats"))
    (own,) = stats.run(["statistics"], {"image": image})
    if flavour == "fp32" and size != (1, 1):
        np.testing.assert_allclose(used[:, 0], own[:, 0], atol=1e-3)
        np.testing.assert_allclose(used[:, 1], own[:, 1], rtol=1e-3)


@FLAVOURS
def test_everything_kept_is_the_apply_graph_and_gives_back_what_it_got(
    network: StyleNetwork, photo: Image, session: OpenSession, flavour: Flavour
) -> None:
    stats = session(style_graph(network, {}, variant="stats"))
    (given,) = stats.run(["statistics"], {"image": photo[None, ::-1, ::2].copy()})
    image = photo[None, 20:81, 30:120].copy()
    steady = runner(session(style_graph(network, {}, flavour=flavour, variant="steady")))
    painted, used = steady(image, given, 1)
    apply = session(style_graph(network, {}, variant="apply"))
    (expected,) = apply.run(None, {"image": image, "statistics": given})
    assert distance(painted, expected) <= LEVELS[flavour]
    np.testing.assert_allclose(used, given, rtol=1e-4, atol=1e-4)
    assert distance(painted, steady(image, None, 0)[0]) > 5  # the statistics do decide


def test_means_and_deviations_are_mixed(
    network: StyleNetwork, photo: Image, steady: Steady
) -> None:
    """Shown at the first normalization, whose own statistics no mixture changes."""
    first = network.config.channels[0]
    one, two = photo[None, :64, :96].copy(), photo[None, 100:164, 60:156] // 4
    (_, a), (_, b) = steady(one, None, 0), steady(two, None, 0)
    _, mixed = steady(two, a, 0.75)
    mean = 0.75 * a[:, 0] + 0.25 * b[:, 0]
    deviation = 0.75 / a[:, 1] + 0.25 / b[:, 1]
    np.testing.assert_allclose(mixed[:, 0, :first], mean[:, :first], atol=1e-4)
    np.testing.assert_allclose(1 / mixed[:, 1, :first], deviation[:, :first], rtol=1e-4)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_picture_does_not_poison_what_follows(
    photo: Image, steady: Steady, level: int
) -> None:
    """1/σ of a flat picture is up to 316; mixed as such it would be felt for fifty frames."""
    image = photo[None, :64, :96].copy()
    plain, statistics = steady(image, None, 0)
    _, statistics = steady(np.full_like(image, level), statistics, 0.9)
    assert np.isfinite(statistics).all()
    painted, _ = steady(image, statistics, 0.9)
    assert np.abs(painted.astype(int) - plain).mean() < 20
    _, of_flat = steady(np.full_like(image, level), None, 0)
    assert np.isfinite(of_flat).all()


@pytest.mark.parametrize("size", [(33, 50), (48, 64)])
def test_fixed_size_is_the_same(
    network: StyleNetwork, photo: Image, session: OpenSession, steady: Steady, size: tuple[int, int]
) -> None:
    image = photo[None, : size[0], : size[1]].copy()
    fixed = runner(session(style_graph(network, {}, size=size, variant="steady")))
    (one, a), (two, b) = fixed(image, None, 0), steady(image, None, 0)
    assert distance(one, two) <= 1
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_kernels_take_half_the_bytes_where_that_loses_nothing(
    network: StyleNetwork, photo: Image, session: OpenSession
) -> None:
    rounded = StyleNetwork(network.config)
    rounded.load_state_dict({key: v.half() for key, v in network.state_dict().items()})
    rounded.eval().requires_grad_(False)
    halved = style_graph(rounded, {}, variant="steady")
    names = {t.name for t in halved.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}
    assert {f"{layer}_weight_half" for layer in ("down1", "down2", "block0_first")} <= names
    whole = style_graph(network, {}, variant="steady")
    kinds = {tensor.data_type for tensor in whole.graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds
    image = photo[None, :61, :90].copy()
    painted, _ = runner(session(halved))(image, None, 0)
    assert distance(painted, paint(rounded, torch.from_numpy(image)).numpy()) <= 1
