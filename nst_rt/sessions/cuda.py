"""ONNX Runtime on CUDA. It computes in what the file holds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError, NstError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.nvidia.failures import explained
from nst_rt.nvidia.libraries import DRIVER, install_line, load, load_needed
from nst_rt.nvidia.memory import Gpu
from nst_rt.sessions import Precision, missing_engine
from nst_rt.sessions.further import Numbers, further_inputs
from nst_rt.sessions.gpu import GpuSession
from nst_rt.sessions.in_flight import InFlight, Shape
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession

Bound = tuple[Any, Any]
"""An input and output binding of ONNX Runtime, and the options of its runs."""
LAST_OPSET = 21
"""From the next one on, ONNX Runtime computes InstanceNormalization on the CPU."""


class CudaSession(GpuSession, OnnxRuntimeSession):
    """ONNX Runtime's CUDA provider. What is missing or fails there is an error, never the CPU."""

    _provider = "CUDAExecutionProvider"

    def run_all(
        self, image: NDArray[np.uint8], **inputs: Numbers
    ) -> tuple[NDArray[np.uint8], dict[str, Numbers]]:
        further_inputs(self._model, len(image), inputs)
        return self.run(image), {}

    def close(self) -> None:
        self._pictures.close()
        super().close()

    def _bind(self, shape: Shape, painted: Shape, image: int, painting: int) -> Bound:
        """What ONNX Runtime needs to paint from one address on the GPU to another."""
        binding, options = self._session.io_binding(), self._run_options()
        binding.bind_input(self._input, "cuda", 0, np.uint8, shape, image)
        binding.bind_output(self._output, "cuda", 0, np.uint8, painted, painting)
        # our events say when it is done
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        graph = str(next(self._numbers)) if self._captures else "-1"
        options.add_run_config_entry("gpu_graph_id", graph)
        return binding, options

    def _paint(self, bound: Bound) -> None:
        try:
            self._session.run_with_iobinding(*bound)
        except Exception as error:  # its exceptions share no base class of their own
            raise self._failed(error) from error

    def _prepare(self, model: ModelFile, onnxruntime: Any) -> None:
        if self._provider not in onnxruntime.get_available_providers():
            if load(DRIVER):
                raise ProviderError("no NVIDIA driver is here", cure=install_line([DRIVER]))
            raise ProviderError(
                f"onnxruntime is its build without CUDA, it has no {self._provider}",
                cure='pip uninstall -y onnxruntime && pip install "nst-rt[cuda]"',
            )
        provider = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_cuda.so"
        missing = load_needed(provider) if provider.exists() else []
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise ProviderError(f"{', '.join(missing)} {are} missing", cure=install_line(missing))
        if model.num_statistics is not None:
            raise ProviderError(
                "a steady file is painted on the CPU alone so far", cure="choose device cpu"
            )
        if model.opset > LAST_OPSET:
            raise ModelError(
                f"opset {model.opset} would compute InstanceNormalization on the CPU",
                path=model.path,
                cure=f"export it with opset {LAST_OPSET} or below",
            )
        try:
            self._gpu = Gpu()
        except ImportError as error:
            raise missing_engine("cuda-bindings", "cuda", error) from error
        self._pictures = InFlight(self._gpu, model.scale, self._bind, self._paint)
        self._numbers = itertools.count()
        # a CUDA graph serves one size and one set of buffers
        self._captures = all(isinstance(size, int) for size in model.inputs[0].shape)

    def _options(self, model: ModelFile) -> dict[str, str]:
        return {
            "cudnn_conv_algo_search": "EXHAUSTIVE" if self._captures else "HEURISTIC",
            "enable_cuda_graph": str(int(self._captures)),
            "user_compute_stream": str(int(self._pictures.compute.handle)),
            # without leave to use TF32 no convolution runs on tensor cores, not even in fp16
            "use_tf32": str(int(model.flavour == "fp16")),
        }

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
