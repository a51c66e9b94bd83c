"""The graph paints as the network does, in every flavour, size and variant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor

from nst_export.folds import fold
from nst_export.graph import Flavour, style_graph
from nst_train.network import NetworkConfig, StyleNetwork, paint

OpenSession = Callable[[onnx.ModelProto], onnxruntime.InferenceSession]
Image = NDArray[np.uint8]
FLAVOURS = pytest.mark.parametrize("flavour", ["fp32", "fp16"])
LEVELS = {"fp32": 1, "fp16": 3}
"""fp16 has eleven bits, of which rounding in some twenty layers leaves about eight."""


def distance(one: Image, two: Image) -> int:
    assert one.shape == two.shape
    return int(np.abs(one.astype(int) - two).max())


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_one_node_per_layer_at_opset_18(network: StyleNetwork) -> None:
    model = style_graph(network, {})
    norms = sum(isinstance(module, torch.nn.InstanceNorm2d) for module in network.modules())
    assert kinds(model).count("InstanceNormalization") == norms
    assert kinds(model).count("Conv") + kinds(model).count("ConvTranspose") == norms + 1
    assert "Resize" not in kinds(model)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert model.ir_version == 9


@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
@pytest.mark.parametrize("size", [(1, 1), (5, 16), (33, 18), (64, 64), (127, 93)])
def test_any_size_equals_the_network_within_a_level(
    upsample: str, size: tuple[int, int], photo: Image, session: OpenSession
) -> None:
    torch.manual_seed(0)
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=1, upsample=upsample)).eval()  # type: ignore[arg-type]
    image = photo[: size[0], : size[1]][None].copy()
    expected = paint(network.requires_grad_(False), torch.from_numpy(image)).numpy()
    (got,) = session(style_graph(network, {})).run(None, {"image": image})
    assert got.dtype == np.uint8
    assert distance(got, expected) <= 1


@FLAVOURS
@pytest.mark.parametrize("level", [0, 127, 255])
def test_flat_pictures_stay_finite(
    network: StyleNetwork, session: OpenSession, flavour: Flavour, level: int
) -> None:
    image = np.full((1, 40, 52, 3), level, np.uint8)
    (got,) = session(style_graph(network, {}, flavour=flavour)).run(None, {"image": image})
    expected = paint(network, torch.from_numpy(image)).numpy()
    if flavour == "fp32":
        assert distance(got, expected) <= 1
    assert got.shape == image.shape
    assert len(np.unique(got)) > 1


def test_pictures_of_a_batch_are_painted_each_alone(
    network: StyleNetwork, photo: Image, session: OpenSession
) -> None:
    images = np.stack([photo[:40, :52], photo[60:100, 90:142], np.zeros((40, 52, 3), np.uint8)])
    model = session(style_graph(network, {}))
    (together,) = model.run(None, {"image": images})
    for index, image in enumerate(images):
        (alone,) = model.run(None, {"image": image[None]})
        assert distance(together[index : index + 1], alone) <= 1


@FLAVOURS
def test_both_ends_are_uint8_and_the_inside_has_its_flavour(
    network: StyleNetwork, flavour: Flavour
) -> None:
    model = onnx.shape_inference.infer_shapes(style_graph(network, {}, flavour=flavour))
    (image,), (painted,) = model.graph.input, model.graph.output
    for info in (image, painted):
        assert info.type.tensor_type.elem_type == TensorProto.UINT8
        dims = info.type.tensor_type.shape.dim
        assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", "H", "W", 3]
    inside = TensorProto.FLOAT if flavour == "fp32" else TensorProto.FLOAT16
    weights = {t.name: t.data_type for t in model.graph.initializer if t.name.endswith("_weight")}
    assert set(weights.values()) == {inside}
    types = {info.name: info.type.tensor_type.elem_type for info in model.graph.value_info}
    assert types["down0_relu"] == types["last"] == types["paint_levels"] == inside


@FLAVOURS
@pytest.mark.parametrize("size", [(33, 50), (48, 64), (7, 9)])
def test_fixed_size_paints_the_same_with_no_shapes_to_compute(
    network: StyleNetwork,
    photo: Image,
    session: OpenSession,
    flavour: Flavour,
    size: tuple[int, int],
) -> None:
    image = photo[: size[0], : size[1]][None].copy()
    fixed = style_graph(network, {}, flavour=flavour, size=size)
    assert not {"Shape", "Concat", "Div"} & set(kinds(fixed))
    dims = fixed.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [1, *size, 3]
    free = style_graph(network, {}, flavour=flavour)
    feed = {"image": image}
    assert distance(session(fixed).run(None, feed)[0], session(free).run(None, feed)[0]) == 0
    with pytest.raises(Exception, match="Got invalid dimensions"):
        session(fixed).run(None, {"image": photo[None]})


@FLAVOURS
def test_stats_and_apply_together_equal_the_plain_graph(
    network: StyleNetwork, photo: Image, session: OpenSession, flavour: Flavour
) -> None:
    feed = {"image": np.stack([photo[:61, :90], photo[100:161, 50:140]])}
    (plain,) = session(style_graph(network, {}, flavour=flavour)).run(None, feed)
    stats = session(style_graph(network, {}, flavour=flavour, variant="stats"))
    painted, statistics = stats.run(["image_out", "statistics"], feed)
    apply = session(style_graph(network, {}, flavour=flavour, variant="apply"))
    (applied,) = apply.run(None, {**feed, "statistics": statistics})
    assert statistics.shape == (2, 2, fold(network, scale_input=True).num_statistics)
    assert statistics.dtype == np.float32
    assert distance(painted, plain) <= LEVELS[flavour]
    assert distance(applied, plain) <= LEVELS[flavour]


def test_statistics_are_mean_and_inverse_deviation_of_every_layer_in_order(
    network: StyleNetwork, photo: Image, session: OpenSession
) -> None:
    image = photo[:64, :96][None].copy()
    means: list[Tensor] = []
    inverses: list[Tensor] = []

    def measure(norm: torch.nn.InstanceNorm2d, inputs: tuple[Tensor], output: Tensor) -> None:
        means.append(inputs[0].mean((2, 3)))
        inverses.append((inputs[0].var((2, 3), correction=0) + norm.eps).rsqrt())

    norms = [m for m in network.modules() if isinstance(m, torch.nn.InstanceNorm2d)]
    hooks = [norm.register_forward_hook(measure) for norm in norms]
    paint(network, torch.from_numpy(image))
    for hook in hooks:
        hook.remove()
    folded = fold(network, scale_input=True)
    convolutions = [module.conv for module in network.modules() if hasattr(module, "norm")]
    shifts = [
        layer.bias - convolution.bias  # the graph's biases are centred
        for layer, convolution in zip(folded.normalized, convolutions, strict=True)
    ]
    graph = session(style_graph(network, {}, variant="stats"))
    (statistics,) = graph.run(["statistics"], {"image": image})
    expected = torch.cat(means, dim=1) + torch.cat(shifts)[None]
    torch.testing.assert_close(
        torch.from_numpy(statistics[:, 0]), expected.float(), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        torch.from_numpy(statistics[:, 1]), torch.cat(inverses, dim=1), rtol=1e-3, atol=0
    )


def test_given_statistics_decide_what_is_painted(
    network: StyleNetwork, photo: Image, session: OpenSession
) -> None:
    """A part of a picture comes out as it does inside the whole, where padding does not reach."""
    whole = photo[:, :256][None].copy()
    stats = session(style_graph(network, {}, variant="stats"))
    painted, statistics = stats.run(["image_out", "statistics"], {"image": whole})
    part, radius = slice(64, 192), network.config.receptive_radius
    apply = session(style_graph(network, {}, variant="apply"))
    feed = {"image": whole[:, part, part].copy(), "statistics": statistics}
    (got,) = apply.run(None, feed)
    inner = slice(radius, -radius)
    assert distance(got[:, inner, inner], painted[:, part, part][:, inner, inner]) <= 1


def test_metadata_is_written_as_given_and_in_order(network: StyleNetwork) -> None:
    model = style_graph(network, {"nst_rt.b": "é", "nst_rt.a": "1"})
    pairs = [(entry.key, entry.value) for entry in model.metadata_props]
    assert pairs == [("nst_rt.a", "1"), ("nst_rt.b", "é")]
    assert model.producer_name == "nst-rt"
