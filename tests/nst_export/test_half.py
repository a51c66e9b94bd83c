"""The forms of the half-precision graph: exact rewrites, all of them computed on CUDA."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from nst_export.builder import FLOAT32
from nst_export.forms import FORMS, Form
from nst_export.half import half_graph
from nst_export.verification import check_range, compare
from nst_train.network import StyleNetwork, paint

BY_NAME = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def painted(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["image_out"], {"image": image})[0]


def rounded_everywhere(model: onnx.ModelProto) -> onnx.ModelProto:
    """With all tensors as outputs: ONNX Runtime's CPU provider else computes on in float32."""
    found = onnx.shape_inference.infer_shapes(model)
    kind = TensorProto.FLOAT16
    names = [v.name for v in found.graph.value_info if v.type.tensor_type.elem_type == kind]
    found.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name in names)
    return found


@BY_NAME
@pytest.mark.parametrize("size", [(64, 96), (61, 47), (7, 9)])
def test_in_float32_it_paints_what_the_network_paints(network, photo, form, size) -> None:
    image = photo[: size[0], : size[1]][None].copy()
    expected = paint(network, torch.from_numpy(image)).numpy()
    for fixed in (None, size):
        difference = compare(
            "", expected, painted(half_graph(network, {}, form, size=fixed, dtype=FLOAT32), image)
        )
        assert difference.largest <= 1


@BY_NAME
def test_in_half_precision_it_keeps_its_distance(network, photo, form) -> None:
    image = photo[None, :128, :160].copy()
    expected = paint(network, torch.from_numpy(image)).numpy()
    model = rounded_everywhere(half_graph(network, {}, form))
    assert compare("", expected, painted(model, image)).psnr > 50


@pytest.mark.parametrize("norm", ["mixed", "thresholds"])
def test_scales_that_turn_a_channel_around_are_turned_back(network, photo, norm) -> None:
    other: StyleNetwork = copy.deepcopy(network)
    for layer in (*other.down, *other.up, other.blocks[0].first):
        layer.norm.weight.data[::2] *= -1  # type: ignore[union-attr]
    image = photo[None, :64, :64].copy()
    expected = paint(other, torch.from_numpy(image)).numpy()
    got = painted(half_graph(other, {}, Form(norm), dtype=FLOAT32), image)
    assert compare("", expected, got).largest <= 1


def test_shipped_form_paints_several_pictures_at_once(network, photo) -> None:
    images = np.stack([photo[:61, :90], photo[100:161, 50:140]])
    expected = paint(network, torch.from_numpy(images)).numpy()
    assert (
        compare("", expected, painted(half_graph(network, {}, dtype=FLOAT32), images)).largest <= 1
    )


def test_largest_numbers_are_those_of_the_picture(network) -> None:
    largest = check_range(half_graph(network, {}, dtype=FLOAT32))
    assert max(largest.values()) == largest["image_real"] == 255


def test_shipped_form_has_no_bias_that_a_normalization_takes_off(network) -> None:
    nodes = half_graph(network, {}).graph.node
    with_bias = [node.name for node in nodes if "Conv" in node.op_type and len(node.input) == 3]
    assert with_bias == ["last"]


def test_forms_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="goes with the operators"):
        Form("thresholds", upsampling="resize")
    with pytest.raises(ValueError, match="go with thresholds"):
        Form("mixed", "nhwc")
