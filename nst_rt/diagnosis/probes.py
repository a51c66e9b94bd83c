"""Probes of what is really usable: each engine opens a shipped style and paints a tiny picture.

Every probe runs in a process of its own (`python -m nst_rt.diagnosis.probes NAME`), which prints
one JSON object: an engine may crash, hang, print, or fail to import, and the others still answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_rt.diagnosis.verdicts import EXTRAS, WITHOUT_CUDA
from nst_rt.errors import NstError, ProviderError
from nst_rt.nvidia.driver import query_driver
from nst_rt.nvidia.libraries import cure_for, library_versions, load_dependencies
from nst_rt.nvidia.tensorrt import BackendName, import_library
from nst_rt.sessions.placement import RECORD_PLACEMENT, nodes_by_provider

if TYPE_CHECKING:
    from nst_rt.sessions import Device

Answer = dict[str, Any]


def driver() -> Answer:
    """Query the NVIDIA driver."""
    return asdict(query_driver())


def openvino() -> Answer:
    """Paint with OpenVINO on the CPU, and list the devices that it knows."""
    painting = _painting("openvino")
    core = import_module("openvino").Core()
    known = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {
        **painting,
        "devices": list(core.available_devices),
        "precisions": [name.lower() for name in known if name in ("FP32", "BF16", "FP16", "INT8")],
    }


def onnxruntime() -> Answer:
    """Paint with ONNX Runtime on the CPU."""
    return _painting("onnxruntime")


def cuda() -> Answer:
    """Paint with ONNX Runtime on CUDA; report missing libraries if it is not usable."""
    module = import_module("onnxruntime")
    folder = Path(module.__file__ or "").parent / "capi"
    provider = folder / "libonnxruntime_providers_cuda.so"
    if "CUDAExecutionProvider" not in module.get_available_providers():
        return _unusable(WITHOUT_CUDA, _REPLACED)
    try:
        answer = _painting("cuda")
    except ProviderError as error:
        answer = _unusable(error.what, error.cure)
    versions = library_versions(provider) if provider.exists() else {}
    return {"libraries": versions, **answer}


def tensorrt_provider() -> Answer:
    """Open a model of one node on ONNX Runtime's TensorRT provider; report missing libraries."""
    module = import_module("onnxruntime")
    folder = Path(module.__file__ or "").parent / "capi"
    cuda, tensorrt = (
        folder / f"libonnxruntime_providers_{name}.so" for name in ("cuda", "tensorrt")
    )
    if not tensorrt.exists():
        return {}
    load_dependencies(cuda)
    if lacking := load_dependencies(tensorrt):
        return {"lacking": lacking}
    options = module.SessionOptions()
    options.log_severity_level = 4  # its exceptions say as much as its log
    options.add_session_config_entry(RECORD_PLACEMENT, "1")
    session = module.InferenceSession(
        _ONE_NODE, options, providers=["TensorrtExecutionProvider"], enable_fallback=0
    )
    if "TensorrtExecutionProvider" not in nodes_by_provider(session):
        return _unusable("it takes no node")
    return {"opens": True}


def tensorrt() -> Answer:
    """Start TensorRT's builder."""
    return _builder("tensorrt")


def tensorrt_rtx() -> Answer:
    """Start TensorRT-RTX's builder."""
    return _builder("tensorrt-rtx")


PROBES: dict[str, Callable[[], Answer]] = {
    probe.__name__: probe
    for probe in (driver, openvino, onnxruntime, cuda, tensorrt_provider, tensorrt, tensorrt_rtx)
}
_ONE_NODE = (
    b'\x08\t:K\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x1b\n\x01x\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01'
    b"\n\x02\x08\x01\n\x02\x08\x08\n\x02\x08\x08b\x1b\n\x01y\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01\n\x02\x08\x01"
    b"\n\x02\x08\x08\n\x02\x08\x08B\x04\n\x00\x10\x12"
)
"""An ONNX model: y = Relu(x), float32 1×1×8×8, opset 18."""
_REPLACED = 'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "nst-rt[cuda]"'


def _painting(device: Device) -> Answer:
    """Open a session as `Stylizer` does, paint with it, and describe it."""
    import numpy as np

    from nst_rt import zoo
    from nst_rt.model import read_model
    from nst_rt.sessions import SessionOptions, open_session, preferred_flavour

    model = read_model(zoo.cards()[0].name, flavour=preferred_flavour(device, "auto"))
    session = open_session(model, SessionOptions(device=device))
    session.run(np.zeros((1, 64, 64, 3), np.uint8))
    return {
        "paints": True,
        "provider": session.provider,
        "precision": session.precision,
        "threads": session.threads,
        "nodes": dict(session.nodes),
    }


def _builder(name: BackendName) -> Answer:
    """Start a builder; report the compute capabilities that it builds for, if it has a list.

    Engines are painted with through cuda-bindings, which is reported if it does not load.
    """
    trt = import_library(name)
    try:
        trt.Builder(trt.Logger(trt.Logger.ERROR))
    except TypeError:  # what a null pointer becomes
        return {"version": trt.__version__, **_unusable("its builder does not start")}
    known = getattr(trt, "ComputeCapability", None)
    names = [name.removeprefix("SM") for name in (known.__members__ if known else ())]
    capabilities = [f"{name[:-1]}.{name[-1]}" for name in names if name.isdecimal()]
    try:
        import_module("cuda.bindings.driver")
    except ImportError:
        paints = False
    else:
        paints = True
    return {"version": trt.__version__, "paints": paints, "capabilities": capabilities}


def _unusable(problem: str, cure: str = "") -> Answer:
    return {"problem": problem, "cure": cure}


def _failed(name: str, error: BaseException) -> Answer:
    """Return the answer of a probe that raised."""
    cause = error.__cause__ if isinstance(error, ProviderError) else error
    lines = str(cause or error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    if isinstance(cause, ImportError):
        if "cannot open shared object file" in line:
            library = line.split(":")[0]
            return _unusable(f"{library} is missing", cure_for([library]))
        extra = EXTRAS.get(name, "cpu")
        return _unusable(
            f"does not load ({line})", f'pip install --force-reinstall "nst-rt[{extra}]"'
        )
    if isinstance(error, NstError):
        return _unusable(error.what, error.cure)
    return _unusable(f"{type(error).__name__}: {line}")


def main(name: str) -> None:
    """Run a probe and print its answer; all other output goes to standard error."""
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        answer = PROBES[name]()
    except BaseException as error:
        answer = _failed(name, error)
    os.write(own, json.dumps(answer).encode())
    sys.stdout.flush()
    os._exit(0)  # engines that are half loaded may crash on their way out


if __name__ == "__main__":
    main(sys.argv[1])
