"""ONNX Runtime on CUDA. It computes in what the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError, NstError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.nvidia.failures import explained
from nst_rt.nvidia.libraries import install_line, load_needed
from nst_rt.sessions import Precision
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession

LAST_OPSET = 21
"""From the next one on, ONNX Runtime computes InstanceNormalization on the CPU."""


class CudaSession(OnnxRuntimeSession):
    """ONNX Runtime's CUDA provider. What is missing or fails there is an error, never the CPU."""

    device = "cuda"
    _provider = "CUDAExecutionProvider"

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3 in the calling thread.

        ONNX Runtime keeps a stream and cuDNN's handles for each thread that ever ran, so another
        thread for every picture would make them anew; and a picture is done before Ctrl-C matters.
        """
        return self._infer(image, self._run_options())

    def _check(self, model: ModelFile, onnxruntime: Any) -> None:
        provider = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
        missing = load_needed(provider) if provider.exists() else []
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise ProviderError(f"{', '.join(missing)} {are} missing", cure=install_line(missing))
        if model.opset > LAST_OPSET:
            raise ModelError(
                f"opset {model.opset} would compute InstanceNormalization on the CPU",
                path=model.path,
                cure=f"export it with opset {LAST_OPSET} or below",
            )

    def _options(self, model: ModelFile) -> dict[str, str]:
        # without leave to use TF32 no convolution runs on tensor cores, not even in half precision
        tensor_cores = "1" if model.flavour == "fp16" else "0"
        return {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": tensor_cores}

    def _precision(self, model: ModelFile, asked: Precision) -> str:
        if asked not in ("auto", model.flavour):
            raise ProviderError(
                f"this file computes in {model.flavour}, {asked} was asked for",
                cure=f"nst-rt export … --precision {asked}",
            )
        return model.flavour

    def _refused(self, error: Exception) -> NstError:
        return self._failed(error)

    def _failed(self, error: Exception) -> NstError:
        what, cure = explained(str(error))
        return ProviderError(what, cure=cure)
