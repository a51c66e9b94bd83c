"""Models of other programs: float pictures in, float pictures out, as their user describes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError
from nst_rt.model import Adaptation, ModelFile
from nst_rt.sessions.extra_tensors import FloatArray
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession
from nst_rt.sessions.options import Precision


class AdaptedSession(OnnxRuntimeSession):
    """Converts to the model's axis order and range, and back with clamp and rounding."""

    _complaint = "does not take a picture as described"
    _cure = "check --layout and --range"

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        super().__init__(model, precision=precision, threads=threads)
        assert model.adaptation is not None
        self._adaptation: Adaptation = model.adaptation

    def _infer(
        self, image: NDArray[np.uint8], extra: list[FloatArray], options: Any
    ) -> tuple[NDArray[np.uint8], dict[str, FloatArray]]:
        white, planar = self._adaptation.white, self._adaptation.layout == "nchw"
        x = image.astype(np.float32) * np.float32(white / 255)
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if planar else x
        (y,) = self._outputs(x, extra, options)
        if y.ndim != 4:
            shape = "×".join(map(str, y.shape))
            raise ModelError(f"gives {shape} numbers, which are no picture", path=self._path)
        if not np.isfinite(y).all():
            raise ModelError("gives NaN or infinite values", path=self._path, cure=self._cure)
        y = y.transpose(0, 2, 3, 1) if planar else y
        return np.clip(np.rint(y * (255 / white)), 0, 255).astype(np.uint8), {}
