"""Exported models: equal to their network, repeatable, refused when they are not."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from nst_export import exporter, verification
from nst_export.exporter import export_style
from nst_export.folds import fold
from nst_export.graph import style_graph
from nst_export.photos import read_photos
from nst_rt.errors import ModelError, OutputError, ParityError, UsageError
from nst_train.checkpoint import write_checkpoint
from nst_train.network import NetworkConfig, StyleNetwork, paint


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.fixture
def checkpoint(network: StyleNetwork, tmp_path):
    path = tmp_path / "style.safetensors"
    weights = {f"ema.{key}": value for key, value in network.state_dict().items()}
    write_checkpoint(path, weights, {"network": network.config.as_dict(), "step": 1})
    return path


@pytest.fixture(autouse=True)
def two_sizes(monkeypatch):
    monkeypatch.setattr(exporter, "SIZES", ((16, 16), (45, 67)))


def test_graph_is_one_op_per_layer_at_opset_18(network) -> None:
    model = style_graph(network, {})
    kinds = [node.op_type for node in model.graph.node]
    norms = sum(isinstance(m, torch.nn.InstanceNorm2d) for m in network.modules())
    assert kinds.count("InstanceNormalization") == norms
    assert kinds.count("Conv") + kinds.count("ConvTranspose") == norms + 1
    assert [opset.version for opset in model.opset_import] == [18]
    assert "Resize" not in kinds


@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
@pytest.mark.parametrize("size", [(1, 1), (5, 16), (33, 18), (64, 64), (127, 93)])
def test_any_size_equals_the_network_within_a_level(upsample, size, photo) -> None:
    torch.manual_seed(0)
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=1, upsample=upsample)).eval()
    image = photo[: size[0], : size[1]][None].copy()
    expected = paint(network.requires_grad_(False), torch.from_numpy(image)).numpy()
    got = session(style_graph(network, {})).run(None, {"image": image})[0]
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_folds_are_exact_in_float64(network, photo) -> None:
    """The folded weights, run as the graph runs them, against the plain network."""
    import torch.nn.functional as F

    x = torch.from_numpy(photo[:64, :48].copy()).permute(2, 0, 1)[None].double()
    plain = StyleNetwork(network.config).double().eval()
    plain.load_state_dict(network.state_dict())
    folded = fold(network, scale_input=True)

    def layer(y, part, stride=1):
        radius = part.weight.shape[-1] // 2
        padded = F.pad(y, (radius,) * 4, mode="reflect")
        return part.norm(F.conv2d(padded, part.weight, part.bias, stride))

    y = x
    for part, stride in zip(folded.down, (1, 2, 2), strict=True):
        y = F.relu(layer(y, part, stride))
    for first, second in folded.blocks:
        y = y + layer(F.relu(layer(y, first)), second)
    for part in folded.up:
        padded = F.pad(y, (1,) * 4, mode="replicate")
        up = F.conv_transpose2d(padded, part.weight, part.bias, stride=2, padding=3)
        y = F.relu(part.norm(up))
    y = F.conv2d(F.pad(y, (4,) * 4, mode="reflect"), folded.last.weight, folded.last.bias, 2)
    got = torch.sigmoid(F.pixel_shuffle(y, 2))
    assert (got - plain(x / 255)).abs().max() < 1e-9


def test_centred_biases_leave_no_mean_on_the_calibration_photo(network) -> None:
    folded = fold(network, scale_input=False)
    photo = torch.from_numpy(read_photos()[0]).permute(2, 0, 1)[None].double() / 255
    padded = torch.nn.functional.pad(photo, (4,) * 4, mode="reflect")
    y = torch.nn.functional.conv2d(padded, folded.down[0].weight, folded.down[0].bias)
    assert y.mean((0, 2, 3)).abs().max() < 1e-6


@pytest.mark.parametrize("flavour", ["fp32", "fp16"])
def test_stats_and_apply_together_equal_the_plain_graph(network, photo, flavour) -> None:
    image = photo[:61, :90][None].copy()
    plain = session(style_graph(network, {}, flavour=flavour)).run(None, {"image": image})[0]
    stats = session(style_graph(network, {}, flavour=flavour, variant="stats"))
    painted, statistics = stats.run(["image_out", "statistics"], {"image": image})
    feed = {"image": image, "statistics": statistics}
    applied = session(style_graph(network, {}, flavour=flavour, variant="apply")).run(None, feed)[0]
    bound = 1 if flavour == "fp32" else 3
    assert statistics.shape == (1, 2, fold(network, scale_input=True).num_statistics)
    assert np.abs(painted.astype(int) - plain).max() <= bound
    assert np.abs(applied.astype(int) - plain).max() <= bound


def test_export_is_repeatable_to_the_byte(checkpoint, tmp_path) -> None:
    one = export_style(checkpoint, tmp_path / "a" / "thin.onnx")
    two = export_style(checkpoint, tmp_path / "b" / "thin.onnx")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert {(row.height, row.width) for row in one.rows} == {(16, 16), (45, 67)}


def test_fixed_size_model_takes_that_size_only(checkpoint, tmp_path) -> None:
    export_style(checkpoint, tmp_path / "fixed.onnx", size=(33, 50))
    model = onnx.load(tmp_path / "fixed.onnx")
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [1, 33, 50, 3]
    assert "Shape" not in {node.op_type for node in model.graph.node}


def test_fp16_is_checked_against_both_precisions_and_the_range(checkpoint, tmp_path) -> None:
    result = export_style(checkpoint, tmp_path / "thin.fp16.onnx", flavour="fp16")
    assert {row.reference for row in result.rows} == {"PyTorch fp32", "PyTorch fp16"}
    assert min(row.psnr for row in result.rows) >= 45
    assert result.largest_activation is not None
    model = onnx.load(result.path)
    kinds = {item.data_type for item in model.graph.initializer if item.name.endswith("_weight")}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_model_that_paints_otherwise_is_not_written(checkpoint, tmp_path, monkeypatch) -> None:
    honest = exporter.style_graph

    def wrong(network, *args, **kwargs):
        other = StyleNetwork(network.config)
        weights = {key: value.clone() for key, value in network.state_dict().items()}
        weights["last.bias"] += 0.05
        other.load_state_dict(weights)
        return honest(other.eval(), *args, **kwargs)

    monkeypatch.setattr(exporter, "style_graph", wrong)
    with pytest.raises(ParityError, match="at most 1 level") as caught:
        export_style(checkpoint, tmp_path / "thin.onnx")
    assert caught.value.exit_code == 4
    assert not list(tmp_path.glob("*.onnx"))


def test_activations_near_the_fp16_limit_are_refused(network) -> None:
    loud = StyleNetwork(network.config)
    loud.load_state_dict(network.state_dict())
    loud.down[1].norm.weight.data *= 1e5
    with pytest.raises(ParityError, match="fp16 is safe below 16,376"):
        verification.check_range(style_graph(loud.eval().requires_grad_(False), {}))


def test_checkpoints_of_other_kinds_are_refused(tmp_path, network) -> None:
    config = network.config.as_dict()
    weights = {f"ema.{key}": value for key, value in network.state_dict().items()}
    other = tmp_path / "other.safetensors"
    write_checkpoint(other, {"ema.conv1.weight": torch.ones(1)}, {"network": config})
    with pytest.raises(ModelError, match=r"another architecture: \d+ keys missing, 1 unexpected"):
        export_style(other, tmp_path / "x.onnx")
    broken = tmp_path / "nan.safetensors"
    weights["ema.last.bias"] = torch.full((3,), torch.nan)
    write_checkpoint(broken, weights, {"network": config})
    with pytest.raises(ModelError, match="not finite"):
        export_style(broken, tmp_path / "x.onnx")


def test_outputs_are_not_replaced_unasked_and_need_a_place(checkpoint, tmp_path) -> None:
    target = tmp_path / "thin.onnx"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        export_style(checkpoint, target)
    with pytest.raises(OutputError, match="cannot be written"):
        export_style(checkpoint, target / "below" / "x.onnx")
    assert target.read_bytes() == b"mine"
    with pytest.raises(UsageError, match=r"use \.onnx"):
        export_style(checkpoint, tmp_path / "x.tflite")
