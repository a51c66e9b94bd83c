"""A thin network as a checkpoint, and graphs that run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from nst_export import folds
from nst_export.calibration import calibration_photos
from nst_train.config import FastConfig
from nst_train.network import StyleNetwork
from nst_train.style_file import write_style

OpenSession = Callable[[onnx.ModelProto], onnxruntime.InferenceSession]


@pytest.fixture(autouse=True)
def small_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Biases are centred on a part of a photo: a graph in a tenth of the time."""
    part = np.ascontiguousarray(calibration_photos()[0][:80, 60:140])
    monkeypatch.setattr(folds, "calibration_photos", lambda: [part])


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
