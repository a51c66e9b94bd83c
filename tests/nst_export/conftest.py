"""A thin network as a checkpoint, and graphs that run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest

from nst_train.config import FastConfig
from nst_train.network import StyleNetwork
from nst_train.style_file import write_style
from tests.nst_export.centring import centre_on_a_part

OpenSession = Callable[[onnx.ModelProto], onnxruntime.InferenceSession]


@pytest.fixture(autouse=True)
def small_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    centre_on_a_part(monkeypatch)


@pytest.fixture
def session() -> OpenSession:
    """Opens a model in ONNX Runtime on the CPU."""

    def open_(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        data = model.SerializeToString()
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    return open_


@pytest.fixture
def checkpoint(network: StyleNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "style.safetensors"
    write_style(path, network, FastConfig(style="thin.png", photos="photos"), 1)
    return path
