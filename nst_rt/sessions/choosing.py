"""The choice of an engine: which session opens a model on a device."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from nst_rt.engines.trust import check_trust
from nst_rt.errors import ProviderError, UsageError
from nst_rt.model import ModelFile
from nst_rt.sessions.options import DEFAULT_OPTIONS, Device, Precision, SessionOptions
from nst_rt.sessions.protocol import Session
from nst_rt.sessions.threads import allowed_threads

logger = logging.getLogger(__name__)


def preferred_flavour(device: Device, precision: Precision) -> Literal["fp32", "fp16"]:
    """Return which of a shipped style's files to open: fp16 on a GPU, for its tensor cores."""
    on_gpu = device in ("cuda", "tensorrt") or (device == "auto" and _has_cuda())
    if precision == "auto" and on_gpu:
        return "fp16"
    return "fp16" if precision == "fp16" else "fp32"


def open_session(model: ModelFile, options: SessionOptions = DEFAULT_OPTIONS) -> Session:
    """Load a model into the fastest engine that works for the requested device.

    Raises:
        ModelError: a TensorRT engine from an unknown source.
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
    """Open a session on CUDA; if that fails, log a warning and return None."""
    try:
        return _open(model, "cuda", precision, threads)
    except ProviderError as error:
        logger.warning("the GPU is not used, the CPU paints: %s", error)
        return None


def _has_cuda() -> bool:
    """Return whether there is an NVIDIA driver and ONNX Runtime's CUDA provider; fast if not."""
    if not (Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()):
        return False
    if not find_spec("onnxruntime"):
        return False
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
