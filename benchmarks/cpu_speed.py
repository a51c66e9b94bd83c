"""How fast is a shipped model on this CPU, beside other ways to run the same weights?

    python -m benchmarks.cpu_speed --photos FOLDER [STYLE] [--compile]

uint8 H×W×3 in and out for all of them, in one process, in turn, with as many threads: `Stylizer`;
PyTorch eager in float32, the network as it is defined; ONNX Runtime in the naive loop, a float32
N×3×H×W graph as PyTorch's exporter writes it with the conversions in NumPy; ONNX Runtime on the
shipped file; OpenVINO called directly on the shipped file, in the precision that `Stylizer` picks,
without copies.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray

from benchmarks import measure
from benchmarks.photos import fit
from benchmarks.styles import shipped
from nst_export.verification import PaintFunction, compare
from nst_rt import Stylizer
from nst_train.network import StyleNetwork, paint
from nst_train.photos import find_photos
from nst_train.style_file import load_style

SIZES = ((512, 512), (720, 1280))
"""Heights and widths."""
OURS, EAGER, NAIVE, DIRECT = "Stylizer", "PyTorch eager", "ONNX Runtime naive", "OpenVINO direct"
COMPILED, SAME_FILE = "torch.compile", "ONNX Runtime same file"
GOALS = {EAGER: 4.5, NAIVE: 2.5, DIRECT: 0.97}
"""Factors by which `Stylizer` has to be faster, on a CPU with bf16 instructions."""
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def eager(network: Any) -> PaintFunction:
    """Return PyTorch in float32; `network` may be compiled."""

    @torch.inference_mode()
    def painter(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return paint(network, torch.from_numpy(image)[None])[0].numpy()

    return painter


def same_file(model: Path, threads: int) -> PaintFunction:
    """Return ONNX Runtime on the shipped file."""
    session: Any = _session(str(model), threads)
    return lambda image: session.run(None, {"image": image[None]})[0][0]


def naive(network: StyleNetwork, threads: int) -> PaintFunction:
    """Return ONNX Runtime on a plain float32 export, pictures converted by NumPy around it.

    Sizes have to be multiples of 4, since nothing pads.
    """
    session: Any = _session(plain_export(network), threads)

    def painter(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x = image.astype(np.float32).transpose(2, 0, 1)[None] / 255
        y = session.run(None, {"x": x})[0]
        levels: NDArray[np.uint8] = np.clip(np.rint(y[0] * 255), 0, 255).astype(np.uint8)
        return levels.transpose(1, 2, 0)

    return painter


def plain_export(network: StyleNetwork) -> bytes:
    """Export as PyTorch's own exporter does: float32 N×3×H×W in [0, 1], any H and W."""
    file, free = io.BytesIO(), {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called the legacy exporter; the other needs more
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 64, 64),),
            file,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=18,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": free, "y": free},
        )
    return file.getvalue()


def direct(model: Path, threads: int, precision: str) -> PaintFunction:
    """Return OpenVINO on the shipped file, its tensors shared with ours."""
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model), "CPU", options).create_infer_request()

    def painter(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        request.infer({0: image[None]}, share_inputs=True)
        return request.get_output_tensor().data[0]  # type: ignore[no-any-return]

    return painter


def compare_speed(
    painters: dict[str, PaintFunction],
    reference: PaintFunction,
    image: NDArray[np.uint8],
    rounds: int,
) -> dict[str, Any]:
    """Time all painters on one picture, with PSNR against `reference` and how often ours wins."""
    expected = reference(image)[None]
    quality = {
        name: compare("PyTorch", expected, painter(image).copy()[None]).psnr
        for name, painter in painters.items()
    }
    calls = {name: lambda p=painter: p(image) for name, painter in painters.items()}
    seconds = measure.interleave(calls, rounds=rounds)
    rows = measure.summarize(seconds, baseline=EAGER if EAGER in painters else OURS)
    height, width = image.shape[:2]
    for row in rows:
        name = row["name"]
        row["psnr"] = round(min(quality[name], 99.0), 1)
        row["ours is"] = round(measure.median_ratio(seconds[name], seconds[OURS]), 3)
        row["goal"] = GOALS.get(name)
    return {"size": f"{width}x{height}", "rows": rows, "seconds": seconds}


def _session(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _rows_of(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"size": table["size"], **row} for row in table["rows"]]


@click.command()
@click.argument("style", default="starry-night")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--compile", "compiled", is_flag=True, help="Also torch.compile.")
@measure.threads_option
@measure.results_option
def cpu_speed(
    style: str, photos: Path, rounds: int, compiled: bool, threads: int, results: Path
) -> None:
    """Time a shipped style beside other engines."""
    card = shipped(style)
    torch.set_num_threads(threads)
    facts = measure.machine(threads=threads)
    network, _ = load_style(card.file("checkpoint"))
    tables = []
    with Stylizer(style, device="cpu", size="full", threads=threads) as stylizer:
        info = stylizer.info
        painters: dict[str, PaintFunction] = {
            OURS: stylizer,
            EAGER: eager(network),
            NAIVE: naive(network, threads),
            SAME_FILE: same_file(card.file("fp32"), threads),
            DIRECT: direct(card.file("fp32"), threads, info.precision),
        }
        if compiled:
            painters[COMPILED] = eager(torch.compile(network))
        for height, width in SIZES:
            image = fit(find_photos(photos)[0], height, width)
            tables.append(compare_speed(painters, painters[EAGER], image, rounds))
    setting = {"style": style, "provider": info.provider, "precision": info.precision}
    measure.write_results("cpu_speed", facts, {**setting, "tables": tables}, results)
    rows = [row for table in tables for row in _rows_of(table)]
    measure.show(facts, f"{info.provider}, {info.precision}", measure.markdown(rows))


if __name__ == "__main__":
    measure.run(cpu_speed)
