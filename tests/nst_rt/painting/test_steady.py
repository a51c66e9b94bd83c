"""The steady file of a style is found, compared with the plain one, and opened once."""

from __future__ import annotations

import shutil

import numpy as np
import onnx
import pytest

from nst_rt import ClosedError, InputError, ModelError, Stylizer, UsageError
from nst_rt.model import Adaptation

OPTIONS = {"device": "openvino", "precision": "fp32", "threads": 1}


def with_checkpoint(source, target, digest: str):
    model = onnx.load(source)
    model.metadata_props.add(key="nst_rt.checkpoint_sha256", value=digest)
    target.write_bytes(model.SerializeToString())
    return target


def test_frame_by_frame_equals_the_plain_file(steady_style, photo) -> None:
    frame = photo[:61, :90].copy()
    with Stylizer(steady_style, **OPTIONS) as stylizer:
        painted, statistics = stylizer.paint_steadily(frame)
        assert np.abs(painted.astype(int) - stylizer(frame)).max() <= 1
        assert statistics.shape == (2, 144)
        again, same = stylizer.paint_steadily(photo[100:161, :90], statistics, keep=1.0)
        assert (same == statistics).all()
        assert np.abs(again.astype(int) - stylizer(photo[100:161, :90])).max() > 1
        with pytest.raises(InputError, match="expected one frame"):
            stylizer.paint_steadily(photo[None])
        with pytest.raises(InputError, match="expected an array, got list"):
            stylizer.paint_steadily(photo.tolist())
        for keep in (-0.1, 1.1, float("nan"), "x"):
            with pytest.raises(UsageError, match=r"keep is .*; choose it in 0…1"):
                stylizer.paint_steadily(frame, statistics, keep=keep)
        with pytest.raises(UsageError, match="statistics is 1; give 1×2×144"):
            stylizer.paint_steadily(frame, "those of before")
    with pytest.raises(ClosedError):
        stylizer.paint_steadily(frame)


def test_steady_file_alone_paints_like_the_plain_one(steady_style, photo) -> None:
    alone = steady_style.with_name("thin.steady.onnx")
    pictures = np.stack([photo[:61, :90], photo[100:161, :90]])
    with Stylizer(alone, **OPTIONS) as one, Stylizer(steady_style, **OPTIONS) as other:
        assert np.abs(one(pictures).astype(int) - other(pictures)).max() <= 1
        one.prepare_steady()


def test_steady_file_of_another_checkpoint_is_refused(steady_style, tmp_path) -> None:
    plain = with_checkpoint(steady_style, tmp_path / "wave.onnx", "1" * 64)
    steady = steady_style.with_name("thin.steady.onnx")
    with_checkpoint(steady, tmp_path / "wave.steady.onnx", "2" * 64)
    with (
        Stylizer(plain, **OPTIONS) as stylizer,
        pytest.raises(ModelError, match=r"another checkpoint than .*wave\.onnx; export both"),
    ):
        stylizer.prepare_steady()
    with_checkpoint(steady, tmp_path / "wave.steady.onnx", "1" * 64)
    with Stylizer(plain, **OPTIONS) as stylizer:
        stylizer.prepare_steady()


def test_plain_file_with_the_name_of_a_steady_one_is_refused(steady_style, tmp_path) -> None:
    for name in ("wave.onnx", "wave.steady.onnx"):
        shutil.copy(steady_style, tmp_path / name)
    with (
        Stylizer(tmp_path / "wave.onnx", **OPTIONS) as stylizer,
        pytest.raises(ModelError, match="takes no statistics, although its name says so"),
    ):
        stylizer.prepare_steady()


def test_model_of_another_program_has_none(tmp_path) -> None:
    info = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 3, "H", "W"))
        for name in "ab"
    ]
    node = onnx.helper.make_node("Identity", ["a"], ["b"])
    graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
    opset = [onnx.helper.make_opsetid("", 18)]
    path = tmp_path / "foreign.onnx"
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    path.write_bytes(model.SerializeToString())
    with (
        Stylizer(path, threads=1, adaptation=Adaptation("nchw", 255.0)) as stylizer,
        pytest.raises(ModelError, match="another program takes no statistics"),
    ):
        stylizer.prepare_steady()
