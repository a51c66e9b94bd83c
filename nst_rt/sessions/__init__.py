"""Engines behind one small protocol, and the choice of one for a device."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nst_rt.engines.trust import check_trust
from nst_rt.errors import MissingExtraError, ProviderError, UsageError
from nst_rt.model import ModelFile
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.options import DEFAULT_OPTIONS, Device, Precision, SessionOptions
from nst_rt.sessions.threads import allowed_threads

logger = logging.getLogger(__name__)

__all__ = [
    "Device",
    "Precision",
    "Session",
    "SessionOptions",
    "missing_engine",
    "open_session",
    "preferred_flavour",
]


class Session(Protocol):
    """A loaded model, safe to share between threads."""

    provider: str
    """The engine in use, as it calls itself."""
    device: str
    """"cpu" or "cuda"."""
    precision: str
    """Arithmetic in use: "fp32", "tf32", "bf16" or "fp16"; of an engine also "fp8" or "int8"."""
    threads: int
    """CPU threads in use for one picture."""
    nodes: Mapping[str, int]
    """How many of the model's run where, if its engine tells."""
    memory_per_pixel: int
    """Bytes that one pixel of a picture takes while it is painted, measured at half width."""
    limits: Limits | None
    """Pictures that it takes, None where any."""

    def run(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint uint8 N×H×W×3, C-contiguous; the result is a new array.

        On the CPU it ends with `CancelledError` when that is asked for (`nst_rt.cancellation`).
        """
        ...

    def run_all(
        self, image: NDArray[np.uint8], **inputs: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Paint with further inputs of the model; gives also its further outputs, by name.

        Raises:
            UsageError: the model has no such input, or of another shape.
        """
        ...

    def release(self) -> None:
        """Give back memory that is kept for later pictures; not while others are painted."""
        ...

    def close(self) -> None: ...


def preferred_flavour(device: Device, precision: Precision) -> Literal["fp32", "fp16"]:
    """Which of a shipped style's files to open: on a GPU the one for its tensor cores."""
    on_gpu = device in ("cuda", "tensorrt") or (device == "auto" and _has_cuda())
    if precision == "auto" and on_gpu:
        return "fp16"
    return "fp16" if precision == "fp16" else "fp32"


def open_session(model: ModelFile, options: SessionOptions = DEFAULT_OPTIONS) -> Session:
    """Load a model into the fastest engine that works for the device asked for.

    Raises:
        ModelError: an engine that nobody answers for.
        ProviderError: the device, its engine or its arithmetic is absent. An explicit choice never
            falls back to another.
    """
    device, precision = options.device, options.precision
    if model.engine is not None:
        _refuse_on_cpu(model, device)
        check_trust(model.path, model.engine, trusted=options.trust_engine)
    allowed = allowed_threads()
    count = options.threads or allowed
    for_gpu = model.engine is None and model.adaptation is None
    wanted = device == "auto" and for_gpu and _has_cuda()
    session = _open_cuda(model, precision, count) if wanted else None
    if device in ("auto", "cpu"):
        plain = model.adaptation is None and not model.fused and find_spec("openvino")
        device = "openvino" if plain else "onnxruntime"
    session = session or _open(model, device, precision, count, options.parallel)
    logger.info(
        "%s: %s, %s, %d of %d allowed threads",
        model.name, session.provider, session.precision, session.threads, allowed,
    )  # fmt: skip
    return session


def _open(
    model: ModelFile, device: Device, precision: Precision, threads: int, parallel: int = 1
) -> Session:
    if model.engine is not None:
        from nst_rt.sessions.engine import EngineSession

        return EngineSession(model, precision=precision, threads=threads)
    if device == "openvino":
        from nst_rt.sessions.openvino import OpenVinoSession

        return OpenVinoSession(model, precision=precision, threads=threads, parallel=parallel)
    if model.adaptation is not None:
        if device in ("cuda", "tensorrt"):
            raise ProviderError(
                "a model of another program is painted on the CPU alone", cure="choose device cpu"
            )
        from nst_rt.sessions.adapted import AdaptedSession

        return AdaptedSession(model, precision=precision, threads=threads)
    if device == "cuda":
        from nst_rt.sessions.cuda import CudaSession

        return CudaSession(model, precision=precision, threads=threads)
    if device == "tensorrt":
        from nst_rt.sessions.tensorrt import TensorRtSession

        return TensorRtSession(model, precision=precision, threads=threads)
    from nst_rt.sessions.onnxruntime import OnnxRuntimeSession

    return OnnxRuntimeSession(model, precision=precision, threads=threads, parallel=parallel)


def _refuse_on_cpu(model: ModelFile, device: Device) -> None:
    if device not in ("auto", "cuda", "tensorrt"):
        raise UsageError(
            f"an engine runs on the GPU that it is for, device {device} was asked for",
            path=model.path,
            cure="leave the device out, or give the .onnx file that it was built from",
        )


def _open_cuda(model: ModelFile, precision: Precision, threads: int) -> Session | None:
    """A session on CUDA, None with a warning where it has a driver but does not work."""
    try:
        return _open(model, "cuda", precision, threads)
    except ProviderError as error:
        logger.warning("the GPU is not used, the CPU paints: %s", error)
        return None


def _has_cuda() -> bool:
    """Whether an NVIDIA driver and ONNX Runtime's CUDA provider are here. Cheap where not."""
    from pathlib import Path

    if not (Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()):
        return False
    if not find_spec("onnxruntime"):
        return False
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def missing_engine(module: str, extra: str, error: ImportError) -> MissingExtraError:
    """The error for an engine whose package is not installed, or is and does not load."""
    if isinstance(error, MissingExtraError):  # an ImportError too, which says more
        return error
    absent = isinstance(error, ModuleNotFoundError)
    what = "is not installed" if absent else f"does not load ({error})"
    return MissingExtraError(f"{module} {what}", cure=f'pip install "nst-rt[{extra}]"')
