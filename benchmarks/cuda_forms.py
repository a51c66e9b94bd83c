"""How many bytes and kernels does a painting cost ONNX Runtime on CUDA, by the form of the graph?

    python -m benchmarks.cuda_forms

The real onnxruntime-gpu opens and runs each form over stand-ins for NVIDIA's libraries: no GPU is
needed, and speed is not measured. Bytes are those that its operators read and write once,
half-precision features above all; what cuDNN moves inside of a convolution is not seen.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import measure
from benchmarks.styles import shipped
from nst_export.forms import FORMS
from nst_export.fused import fused_graph
from nst_export.half import half_graph
from nst_rt.errors import UsageError
from nst_rt.ops import build_library
from nst_train.style_file import load_style
from tests.cuda.compiler import find_compiler
from tests.cuda.machine import CudaMachine, make_machine

SITE_CACHE = Path(__file__).parents[1] / ".pytest_cache/d/cuda"
"""The folder where the tests keep onnxruntime-gpu."""
SIZE = (1080, 1920)
_BYTES = {"float16": 2, "float": 4, "uint8": 1, "int64": 8}
_FREE = ("Reshape", "Squeeze", "Unsqueeze")
"""Operators that move no bytes."""
_LAUNCHES = ("kernel", "cudnnBackendExecute", "cudnnAddTensor", "cudnnReduceTensor")
_LAUNCHES += ("cudnnBatchNormalizationForwardTraining", "cudnnBatchNormalizationForwardInference")
_LAUNCHES += ("cublasSgemm_v2", "cublasSgeam", "cudaMemsetAsync", "copy device to device")
"""Calls that put at least one kernel into a CUDA graph."""
RUN = """
    import json, os, sys
    from pathlib import Path
    import numpy as np
    import onnxruntime as ort

    trace = os.environ.pop("STAND_IN_TRACE")
    model, folder, height, width, nhwc, *operators = sys.argv[1:]
    options = ort.SessionOptions()
    for library in operators:
        options.register_custom_ops_library(library)
    options.log_severity_level = 3
    options.enable_profiling = True
    options.add_session_config_entry("session.disable_prepacking", "1")  # else kernels are not seen
    options.profile_file_prefix = folder + "/profile"
    for name, size in {"N": 1, "H": int(height), "W": int(width)}.items():
        options.add_free_dimension_override_by_name(name, size)
    providers = [("CUDAExecutionProvider", {"prefer_nhwc": nhwc})]
    session = ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
    binding = session.io_binding()
    shape = [1, int(height), int(width), 3]
    image, painting = (
        ort.OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, "cuda", 0) for _ in range(2)
    )
    binding.bind_ortvalue_input("image", image)
    binding.bind_ortvalue_output("image_out", painting)
    session.run_with_iobinding(binding)
    os.environ["STAND_IN_TRACE"] = trace
    session.run_with_iobinding(binding)
    del os.environ["STAND_IN_TRACE"]
    events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    print(json.dumps(nodes[len(nodes) // 2 :]))
"""
"""A script that runs a model twice and prints every node of the second run."""

Node = dict[str, Any]
Shapes = Sequence[dict[str, list[int]]]


def bytes_of(node: Node) -> int:
    """Return how many bytes one operator reads and writes."""
    kind = node["op_name"]
    if kind in _FREE:
        return 0
    inputs, outputs = _size(node["input_type_shape"]), _size(node["output_type_shape"])
    if kind in (
        "InstanceNormalization",
        "Normalize",
    ):  # once for the statistics, once more for the pixels
        inputs += _size(node["input_type_shape"][:1])
    if kind in ("Conv", "ConvTranspose") and len(node["input_type_shape"]) == 3:
        outputs += 2 * outputs  # the bias is added in a pass of its own
    return inputs + outputs


def count(
    machine: CudaMachine, model: Path, nhwc: bool, size: tuple[int, int], *operators: Path
) -> dict[str, Any]:
    """Open and run one form, with a library of operators or without."""
    with tempfile.TemporaryDirectory() as folder:
        given = (model, folder, *map(str, size), str(int(nhwc)), *operators)
        ended = machine.run(RUN, *given, timeout_s=300)
    if ended.code:
        raise UsageError(f"{model.stem} does not run ({ended.err.strip().splitlines()[-1]})")
    nodes: list[Node] = json.loads(ended.out)
    large = [node for node in nodes if node["op_name"] == "Transpose" and bytes_of(node) > 2**20]
    return {
        "MB": round(sum(map(bytes_of, nodes)) / 1e6),
        "launches": sum(ended.count(call) for call in _LAUNCHES),
        "nodes": len(nodes),
        "off the GPU": sum(node["provider"] == "CPUExecutionProvider" for node in nodes),
        "pictures transposed": len(large),
    }


def _size(tensors: Shapes) -> int:
    return sum(
        _BYTES[kind] * math.prod(shape) for tensor in tensors for kind, shape in tensor.items()
    )


def _library() -> Path:
    """Return the operators for CUDA, built by the compiler that the tests find."""
    cache = SITE_CACHE.with_name("nvcc")
    cache.mkdir(exist_ok=True)
    os.environ.setdefault("NVCC", str(find_compiler(cache)))
    return build_library("cuda")


@click.command()
@click.argument("style", default="starry-night")
@measure.results_option
def cuda_forms(style: str, results: Path) -> None:
    """Count what each form of a shipped STYLE costs at 1080p."""
    network, _ = load_style(shipped(style).file("checkpoint"))
    SITE_CACHE.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        machine = make_machine(SITE_CACHE, Path(folder))
        for name, form in measure.progress(list(FORMS.items()), "forms"):
            model = Path(folder, "form.onnx")
            model.write_bytes(half_graph(network, {}, form).SerializeToString())
            for nhwc in (False, True):
                layout = "N×H×W×C" if nhwc else "N×C×H×W"
                rows.append(
                    {"form": name, "asked for": layout, **count(machine, model, nhwc, SIZE)}
                )
        model.write_bytes(fused_graph(network, {}).SerializeToString())
        library = _library()
        counted = count(machine, model, True, SIZE, library)
        rows.append({"form": "fused operators", "asked for": "N×H×W×C", **counted})
    facts = measure.machine(threads=1)
    size = f"{SIZE[1]}x{SIZE[0]}"
    measure.write_results(
        "cuda_forms", facts, {"style": style, "size": size, "rows": rows}, results
    )
    measure.show(facts, measure.markdown(rows))


if __name__ == "__main__":
    measure.run(cuda_forms)
