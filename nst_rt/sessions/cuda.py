"""ONNX Runtime on CUDA, which computes in the precision of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakMethod

import numpy as np

from nst_rt.errors import MissingExtraError, ModelError, NstError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.nvidia.context import CudaContext, keep_alive
from nst_rt.nvidia.failures import cuda_error
from nst_rt.nvidia.libraries import DRIVER, cure_for, load, load_dependencies
from nst_rt.sessions.extra_tensors import FloatArray
from nst_rt.sessions.gpu import GpuSession
from nst_rt.sessions.in_flight import InFlight, Shape
from nst_rt.sessions.io_binding import DeviceTensor, IoAddresses, IoBindingSession
from nst_rt.sessions.launcher import Launcher
from nst_rt.sessions.missing import missing_engine
from nst_rt.sessions.onnxruntime import OnnxRuntimeSession
from nst_rt.sessions.options import Precision
from nst_rt.sessions.placement import nodes_by_provider, refuse_pixels_on_cpu
from nst_rt.sessions.sessions_by_shape import SessionsByShape
from nst_rt.sessions.staged_tensors import ExtraTensors

T = TypeVar("T")
LAST_OPSET = 21
"""Highest opset of which ONNX Runtime computes InstanceNormalization on CUDA."""


@dataclass(frozen=True)
class CudaBinding:
    """The addresses of a picture and its painting, and the extra tensors that go with them."""

    addresses: IoAddresses
    extra: ExtraTensors


class CudaSession(GpuSession, OnnxRuntimeSession):
    """ONNX Runtime's CUDA provider, which never falls back to the CPU: errors are raised."""

    _provider = "CUDAExecutionProvider"
    _smallest: Shape = (1, 1, 1, 3)

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        super().__init__(model, precision=precision, threads=threads)
        self.nodes = nodes_by_provider(self._session)
        shape = model.inputs[0].shape
        of_one_size = all(isinstance(size, int) for size in shape)
        # a free dimension can only be fixed by its name
        named = not of_one_size and None not in shape
        session = self._binding_session(self._session, captures=of_one_size)
        self._sessions = SessionsByShape(session, _weakly(self._open_one) if named else None)

    def close(self) -> None:
        self._pictures.close(self._sessions.close)
        super().close()

    def release(self) -> None:
        if self._model.fixed_size is not None:
            self._pictures.close(self._sessions.release)
            return
        self._pictures.release(
            self._sessions.release,
            self._smallest,
            lambda binding: self._sessions.run(binding.addresses, shrinks=True),
        )

    def _bind(self, shape: Shape, painted: Shape, image: int, painting: int) -> CudaBinding:
        """Return a binding for a picture and a painting at two addresses on the GPU."""
        extra = ExtraTensors(self._cuda, self._model, shape[0])
        source = DeviceTensor(self._input, np.uint8, shape, image)
        target = DeviceTensor(self._output, np.uint8, painted, painting)
        addresses = IoAddresses(
            (source, *(tensor.device_tensor for tensor in extra.inputs)),
            (target, *(tensor.device_tensor for tensor in extra.outputs)),
        )
        return CudaBinding(addresses, extra)

    def _paint(self, binding: CudaBinding, *extra: FloatArray) -> None:
        """Queue a run with values of the extra inputs, see `ExtraTensors.upload`."""
        binding.extra.upload(extra, self._pictures.compute)
        self._sessions.run(binding.addresses)
        binding.extra.download(self._pictures.compute)

    def _load(self, options: dict[str, str], sizes: Mapping[str, int] | None = None) -> Any:
        session = super()._load(options, sizes)
        self._cuda.track_engine(session)
        compute = self._pictures.compute
        # it is freed when its launched runs are done, and uses its stream even then
        synchronize = self._cuda.driver.cuStreamSynchronize
        self._cuda.finalize_with(session, synchronize, compute.handle, compute)
        keep_alive(getattr(session, "_sess", session), compute)
        refuse_pixels_on_cpu(session)
        return session

    def _open_one(self, shape: Shape) -> IoBindingSession:
        """Open a session for pictures of one shape."""
        names = self._model.inputs[0].shape
        sizes = {str(name): size for name, size in zip(names, shape, strict=True) if name != size}
        session = self._load(self._options(self._model) | _of_one_size(self._model), sizes)
        return self._binding_session(session, captures=True)

    def _binding_session(self, session: Any, *, captures: bool) -> IoBindingSession:
        failed = partial(_failure, self._cuda)
        return IoBindingSession(
            session, self._run_options, failed, self._launcher, captures=captures
        )

    def _prepare(self, model: ModelFile, onnxruntime: Any) -> None:
        if self._provider not in onnxruntime.get_available_providers():
            what = f"onnxruntime is its build without CUDA, it has no {self._provider}"
            cure = 'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "nst-rt[cuda]"'
            if load(DRIVER):
                what = f"no NVIDIA driver is here, and {what}"
                cure = f"{cure_for([DRIVER])}, then {cure}"
            raise ProviderError(what, cure=cure)
        need_libraries(onnxruntime, "cuda")
        if model.opset > LAST_OPSET:
            raise ModelError(
                f"opset {model.opset} would compute InstanceNormalization on the CPU",
                path=model.path,
                cure=f"export it with opset {LAST_OPSET} or below",
            )
        try:
            self._cuda = CudaContext()
        except ImportError as error:
            raise missing_engine("cuda-bindings", "cuda", error) from error
        self._launcher = Launcher()
        self._launcher.call(self._cuda.make_current)
        bind, paint = _weakly(self._bind), _weakly(self._paint)
        self._pictures = InFlight(self._cuda, model.scale, bind, paint)

    def _options(self, model: ModelFile) -> dict[str, str]:
        of_one_size = all(isinstance(size, int) for size in model.inputs[0].shape)
        return {
            "cudnn_conv_algo_search": "HEURISTIC",
            "user_compute_stream": str(int(self._pictures.compute.handle)),
            # unless TF32 is allowed, no convolution uses tensor cores, not even in fp16
            "use_tf32": str(int(self.precision != "fp32")),
            "prefer_nhwc": str(int(model.fused)),  # its features are N×H×W×C
            **(_of_one_size(model) if of_one_size else {}),
        }

    def _precision(self, model: ModelFile, asked: Precision) -> str:
        if model.num_statistics is not None and asked == "auto":
            return "tf32"  # as accurate as the plain file in half precision beside it
        if asked not in ("auto", model.flavour):
            raise ProviderError(
                f"this file computes in {model.flavour}, {asked} was asked for",
                cure=f"nst-rt export … --precision {asked}",
            )
        return model.flavour

    def _refused(self, error: Exception) -> NstError:
        return self._failed(error)

    def _failed(self, error: Exception) -> NstError:
        return _failure(self._cuda, error)


def _failure(cuda: CudaContext, error: Exception) -> NstError:
    """Translate an error of ONNX Runtime."""
    cuda.leak_engines_if_lost()
    return cuda_error(str(error))


def _weakly(method: Callable[..., T]) -> Callable[..., T]:
    """Return a function that calls a session's method without a reference to the session.

    The session's own objects hold such functions. A session that is dropped is then in no cycle,
    and frees its GPU memory at once, not when garbage is collected.
    """
    reference = WeakMethod(method)
    return lambda *arguments: cast("Callable[..., T]", reference())(*arguments)


def need_libraries(onnxruntime: Any, provider: str) -> None:
    """Load the libraries of a provider ("cuda", "tensorrt") from the folders of pip's packages.

    Raises:
        MissingExtraError: libraries are missing; it names all of them.
    """
    folder = Path(onnxruntime.__file__).parent / "capi"
    library = folder / f"libonnxruntime_providers_{provider}.so"
    missing = load_dependencies(library) if library.exists() else []
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise MissingExtraError(f"{', '.join(missing)} {are} missing", cure=cure_for(missing))


def _of_one_size(model: ModelFile) -> dict[str, str]:
    """Return options of the provider for pictures of one size."""
    return {
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "enable_cuda_graph": "1",
        # with free dimensions it would also compute shapes on the GPU, and wait for them
        "prefer_nhwc": str(int(model.metadata.get("layout") == "nhwc")),
    }
