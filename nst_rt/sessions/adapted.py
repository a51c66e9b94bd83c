"""Models of other programs, with float pictures in and out, as their user describes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nst_rt.errors import ModelError
from nst_rt.model import Adaptation, ModelFile
from nst_rt.pixels import Pixels
from nst_rt.sessions.extra_tensors import FloatArray
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession
from nst_rt.sessions.options import Precision


class AdaptedSession(OnnxRuntimeSession):
    """Converts pictures to the model's axis order and range; rounds and clamps paintings."""

    _complaint = "does not take a picture as described"
    _cure = "check --layout and --range"

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        super().__init__(model, precision=precision, threads=threads)
        assert model.adaptation is not None
        self._adaptation: Adaptation = model.adaptation

    def _infer(
        self, image: Pixels, extra: list[FloatArray], options: Any
    ) -> tuple[Pixels, dict[str, FloatArray]]:
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
