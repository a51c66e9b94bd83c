"""Exported graphs as functions that paint, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from nst_export.graph import style_graph
from nst_export.verification import PaintFunction, PaintWithStatistics
from nst_rt.ops import build_library
from nst_rt.pixels import Pixels
from nst_train.network import StyleNetwork


def paint_function(model: bytes, variant: str, network: StyleNetwork) -> PaintFunction:
    """Return the function that paints a picture with the graph `model`.

    An "apply" graph gets the statistics of its own picture, measured by the "stats" graph of
    `network`; a "steady" graph gets zeros and keeps none of them. A "fused" graph runs on the
    operators for the CPU.

    Raises:
        ProviderError: these operators cannot be built.
    """
    session = _session(model, build_library("cpu") if variant == "fused" else None)
    if variant == "apply":
        measure = _session(style_graph(network, {}, variant="stats").SerializeToString())

    def painter(image: Pixels) -> Pixels:
        feed = {"image": image}
        if variant == "apply":
            feed["statistics"] = measure.run(["statistics"], feed)[0]
        if variant == "steady":
            count = session.get_inputs()[1].shape[2]
            feed["statistics"] = np.zeros((len(image), 2, count), np.float32)
            feed["keep"] = np.zeros(1, np.float32)
        painted: Pixels = session.run(["image_out"], feed)[0]
        return painted

    return painter


def paint_with_given(model: bytes, **more: NDArray[np.float32]) -> PaintWithStatistics:
    """Return the function that paints a picture with given statistics and `model`.

    Args:
        model: an "apply" or "steady" graph.
        more: its inputs beside the picture and the statistics.
    """
    session = _session(model)

    def painter(image: Pixels, statistics: NDArray[np.float32]) -> Pixels:
        feed = {"image": image, "statistics": statistics, **more}
        painted: Pixels = session.run(["image_out"], feed)[0]
        return painted

    return painter


def measure_statistics(model: bytes, image: Pixels) -> NDArray[np.float32]:
    """Return the statistics N×2×C that a "stats" graph measures on pictures N×H×W×3."""
    statistics: NDArray[np.float32]
    (statistics,) = _session(model).run(["statistics"], {"image": image})
    return statistics


def _session(model: bytes, operators: Path | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if operators:
        options.register_custom_ops_library(str(operators))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
