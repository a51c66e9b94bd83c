"""The graph for a GPU paints like the network; its operators are those for the CPU here."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from nst_export.exporter import export_style
from nst_export.fused import fused_graph, phase_kernel
from nst_export.verification import compare
from nst_rt.errors import UsageError
from nst_rt.ops import build_library
from nst_train.network import NetworkConfig, StyleNetwork, paint


def test_phase_kernel_is_the_transposed_convolution() -> None:
    x, kernel = torch.randn(1, 5, 6, 7).double(), torch.randn(5, 3, 4, 4).double()
    edged = F.pad(x, (1,) * 4, mode="replicate")
    expected = F.conv_transpose2d(edged, kernel, stride=2, padding=3)
    phases = (
        F.conv2d(edged, phase_kernel(kernel)).unflatten(1, (4, 3)).transpose(1, 2).flatten(1, 2)
    )
    torch.testing.assert_close(F.pixel_shuffle(phases, 2)[..., 1:-1, 1:-1], expected)


@pytest.mark.parametrize("blocks", [0, 2])
@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
def test_fused_graph_paints_like_its_network(photo, blocks, upsample) -> None:
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=blocks, upsample=upsample)).eval()
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(str(build_library("cpu")))
    model = fused_graph(network.requires_grad_(False), {}).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for height, width in ((16, 16), (37, 50)):
        image = np.ascontiguousarray(photo[None, :height, :width])
        expected = paint(network, torch.from_numpy(image)).numpy()
        (got,) = session.run(None, {"image": image})
        assert compare("PyTorch", expected, got).psnr > 45


def test_a_picture_takes_as_many_operators_as_there_are_convolutions(network) -> None:
    kinds = Counter(node.op_type for node in fused_graph(network, {}).graph.node)
    transposed = kinds.pop("Transpose")  # each goes where convolutions take N×H×W×C
    assert kinds == {"Begin": 1, "Conv": 8, "Normalize": 7, "Finish": 1}
    assert transposed == 2 * kinds["Conv"]


def test_export_checks_the_fused_variant_and_says_what_it_is(tmp_path) -> None:
    target = tmp_path / "fused.onnx"
    made = export_style("great-wave", target, flavour="fp16", variant="fused", size=(32, 48))
    assert min(row.psnr for row in made.rows) > 45
    facts = {prop.key: prop.value for prop in onnx.load(target).metadata_props}
    assert facts["nst_rt.variant"] == "fused"
    with pytest.raises(UsageError, match='in fp16 alone; flavour="fp16"'):
        export_style("great-wave", tmp_path / "other.onnx", variant="fused")
