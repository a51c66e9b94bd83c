"""Unsafe files and other kinds are refused with what differs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nst_rt import zoo
from nst_rt.errors import ModelError
from nst_rt.model import Adaptation, read_model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def tiny_model(kind: int = TensorProto.UINT8, shape=("N", "H", "W", 3), inputs: int = 1):
    infos = [helper.make_tensor_value_info(f"image{i}", kind, shape) for i in range(inputs)]
    output = helper.make_tensor_value_info("out", kind, shape)
    node = helper.make_node("Identity", ["image0"], ["out"])
    return helper.make_model(
        helper.make_graph([node], "g", infos, [output]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"PK\x03\x04rest of an archive", "a PyTorch or zip archive"),
        (b'\x10\0\0\0\0\0\0\0{"a":1}', "a safetensors checkpoint"),
        (np.random.default_rng(0).bytes(4096), "not an ONNX file"),
    ],
)
def test_other_files_are_recognized(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_model(path)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_model_says_how_much_is_missing(
    model_path: Path, tmp_path: Path, share: float
) -> None:
    data = model_path.read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"truncated: [\d,]+ bytes are missing \(found [\d,]+\)"):
        read_model(cut)


def test_model_of_another_kind_is_refused_with_what_differs(tmp_path: Path) -> None:
    classifier = saved(tiny_model(TensorProto.FLOAT, (1, 1000)), tmp_path)
    with pytest.raises(ModelError, match=r"not 1 picture in, 1 picture out.*image0 float32 1×1000"):
        read_model(classifier)
    with pytest.raises(ModelError, match=r"image0 .*, image1"):
        read_model(saved(tiny_model(inputs=2), tmp_path))
    gray = saved(tiny_model(shape=("N", "H", "W", 1)), tmp_path)
    with pytest.raises(ModelError, match=r"as uint8 N×H×W×3 \(image0 uint8 N×H×W×1 → out uint8"):
        read_model(gray)


def test_model_without_metadata_runs_when_it_fits_and_says_so(tmp_path: Path, caplog) -> None:
    model = read_model(saved(tiny_model(), tmp_path))
    assert (model.name, model.scale) == ("model", 1)
    assert "taken for a style" in caplog.text


def test_foreign_float_model_needs_to_be_described(tmp_path: Path) -> None:
    path = saved(tiny_model(TensorProto.FLOAT, (1, 3, "H", "W")), tmp_path)
    with pytest.raises(ModelError, match=r"--layout nhwc\|nchw and --range 1\|255"):
        read_model(path)
    assert read_model(path, adaptation=Adaptation("nchw", 255)).adaptation is not None


def test_later_schema_asks_for_an_update(tmp_path: Path) -> None:
    model = tiny_model()
    helper.set_model_props(model, {"nst_rt.schema": "2"})
    with pytest.raises(ModelError, match="update nst-rt"):
        read_model(saved(model, tmp_path))


def test_half_of_a_network_is_refused(tmp_path: Path) -> None:
    model = tiny_model(inputs=2)
    helper.set_model_props(model, {"nst_rt.schema": "1", "nst_rt.variant": "apply"})
    with pytest.raises(ModelError, match="is the 'apply' half of a network"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [("scale", "0"), ("scale", "two"), ("scale", ""), ("scale", "99999"), ("width", "nan"),
     ("width", "-1"), ("width", "wide")],
)  # fmt: skip
def test_metadata_that_cannot_be_computed_with_is_refused(
    tmp_path: Path, key: str, value: str
) -> None:
    model = tiny_model()
    helper.set_model_props(model, {"nst_rt.schema": "1", f"nst_rt.{key}": value})
    with pytest.raises(ModelError, match=f"has {key} '{value}' in its metadata"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../b", "weights.bin", "/dev/zero"]
)
def test_weights_in_other_files_are_never_followed(tmp_path: Path, location: str) -> None:
    model = tiny_model()
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    model.graph.initializer.append(tensor)
    with pytest.raises(ModelError, match="keeps weights in other files"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize("link", [os.link, os.symlink, None])
def test_weights_that_lie_beside_the_model_are_no_exception(tmp_path: Path, link) -> None:
    """Whatever they are: the target of a link is never looked at."""
    model = tiny_model()
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    (tmp_path / "secret").write_bytes(tensor.raw_data)
    if link:
        link(tmp_path / "secret", tmp_path / "weights.bin")
    else:
        (tmp_path / "weights.bin").write_bytes(tensor.raw_data)
    model.graph.initializer.append(tensor)
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")
    model.graph.initializer[0].CopyFrom(tensor)
    with pytest.raises(ModelError, match=r"keeps weights in other files \(w\)"):
        read_model(saved(model, tmp_path))


def test_custom_operators_are_refused(tmp_path: Path) -> None:
    model = tiny_model()
    model.graph.node[0].domain = "evil.ops"
    model.opset_import.append(helper.make_opsetid("evil.ops", 1))
    with pytest.raises(ModelError, match=r"custom operators \(evil.ops\)"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float, dtype) -> None:
    model = tiny_model()
    weights = np.ones(100, dtype)
    weights[57] = value
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    with pytest.raises(ModelError, match=r"not finite \(w\)"):
        read_model(saved(model, tmp_path))


@pytest.mark.parametrize("broken", ["keep", "statistics", "statistics_out"])
def test_file_that_is_not_steady_as_it_says_is_refused(tmp_path: Path, broken: str) -> None:
    model = onnx.load(zoo.cards()[0].file("steady"))
    for ends in (model.graph.input, model.graph.output):
        for index, info in enumerate(ends):
            if info.name == broken:
                del ends[index]
    with pytest.raises(ModelError, match=r"calls itself steady, without .*; export it again"):
        read_model(saved(model, tmp_path))
