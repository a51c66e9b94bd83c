"""Comparison of an exported model with its network before it gets its name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from nst_export.calibration import calibration_photos
from nst_export.progress import Progress, silent
from nst_rt.errors import ParityError
from nst_train.network import StyleNetwork, paint

Arithmetic = Literal["fp32", "fp16", "bf16"]
PaintFunction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A function from a picture to its painting, both uint8 N×H×W×3 or H×W×3."""
PaintWithStatistics = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.uint8]]
"""The same of a picture and the statistics to paint it with, float32 N×2×C."""

SIZES = ((16, 16), (61, 47), (128, 96), (213, 319), (256, 256), (333, 501))
"""Heights and widths that a model of any size is checked at; odd ones too."""
MAX_LEVELS = 1
MIN_PSNR = {"fp16": 45.0, "bf16": 38.0}
MAX_ACTIVATION = 65_504 / 4
"""A quarter of the largest half-precision number: pictures unlike the checked ones fit too."""


@dataclass(frozen=True)
class Parity:
    """Difference between two paintings of one photo, in levels of 0…255 and decibels."""

    reference: str
    height: int
    width: int
    largest: int
    mean: float
    psnr: float


def compare(reference: str, expected: NDArray[np.uint8], got: NDArray[np.uint8]) -> Parity:
    """Measure how far `got` is from `expected`, both uint8 N×H×W×3."""
    if expected.shape != got.shape:
        raise ParityError(f"gives {got.shape} where the network gives {expected.shape}")
    difference = np.abs(expected.astype(np.int16) - got.astype(np.int16))
    square = float((difference.astype(np.float64) ** 2).mean())
    return Parity(
        reference=reference,
        height=expected.shape[1],
        width=expected.shape[2],
        largest=int(difference.max()),
        mean=float(difference.mean()),
        psnr=10 * math.log10(255**2 / square) if square else math.inf,
    )


def check_parity(
    network: StyleNetwork,
    painter: PaintFunction,
    flavour: Arithmetic,
    sizes: Iterable[tuple[int, int]],
    *,
    report: Callable[[Parity], object] = lambda row: None,
    progress: Progress = silent,
) -> list[Parity]:
    """Paint photos of several sizes with both.

    fp32 must stay within one level everywhere. fp16 must reach 45 dB against the network in float32
    and against the network in half precision, because an engine that computes half precision in
    float32 would hide an overflow; so must bf16, with its eight bits, reach 38 dB.

    Args:
        network: the reference, in evaluation mode.
        painter: paints with the exported model.
        flavour: the precision whose bound applies.
        sizes: heights and widths.
        report: called with every comparison as it is made.
        progress: called as each painting begins; those of large sizes take their time.

    Raises:
        ParityError: a size falls short; the worst is named.
    """
    rows: list[Parity] = []
    references = {"PyTorch fp32": network}
    if flavour != "fp32":
        references[f"PyTorch {flavour}"] = _rounded(network, flavour)
    sizes = list(sizes)
    paintings = len(sizes) * (1 + len(references))
    done = itertools.count()
    for image in _photos(sizes):
        size = f"{image.shape[2]}x{image.shape[1]}"
        progress(next(done) / paintings, f"painting {size}")
        got = painter(image)
        for name, reference in references.items():
            progress(next(done) / paintings, f"painting {size} in {name}")
            expected = paint(reference, torch.from_numpy(image)).numpy()
            rows.append(compare(name, expected, got))
            report(rows[-1])
    _refuse_distant(rows, flavour)
    return rows


def check_given(
    painter: PaintWithStatistics,
    reference: PaintWithStatistics,
    statistics: NDArray[np.float32],
    flavour: Arithmetic,
    sizes: Iterable[tuple[int, int]],
    *,
    report: Callable[[Parity], object] = lambda row: None,
) -> list[Parity]:
    """Paint photos of several sizes with statistics of another picture, through both.

    Args:
        painter: the "steady" graph, within the bounds of `check_parity`.
        reference: the "apply" graph in float32.
        statistics: what both are given, 1×2×C.
        flavour: the precision whose bound applies.
        sizes: heights and widths.
        report: called with every comparison as it is made.

    Raises:
        ParityError: a size falls short; the worst is named.
    """
    rows: list[Parity] = []
    for image in _photos(sizes):
        expected = reference(image, statistics)
        rows.append(compare("apply graph", expected, painter(image, statistics)))
        report(rows[-1])
    _refuse_distant(rows, flavour)
    return rows


def _photos(sizes: Iterable[tuple[int, int]]) -> Iterator[NDArray[np.uint8]]:
    """Yield photos in turn as 1×H×W×3 of these heights and widths."""
    photos = calibration_photos()
    for index, (height, width) in enumerate(sizes):
        photo = Image.fromarray(photos[index % len(photos)]).resize((width, height))
        yield np.array(photo)[None]


def _refuse_distant(rows: list[Parity], flavour: Arithmetic) -> None:
    failed = [row for row in rows if not _passes(row, flavour)]
    if failed:
        worst = min(failed, key=lambda row: row.psnr)
        raise ParityError(
            f"differs from {worst.reference} by up to {worst.largest} levels ({worst.psnr:.1f} dB) "
            f"at {worst.width}x{worst.height}",
            cure=f"{flavour} must keep within {MAX_LEVELS} level"
            if flavour == "fp32"
            else f"{flavour} must reach {MIN_PSNR[flavour]:g} dB: export fp32",
        )


def check_range(model: onnx.ModelProto) -> dict[str, float]:
    """Return each node's largest absolute value in an fp32 graph on noise, flat and real photos.

    Raises:
        ParityError: one comes near the limit of half precision.
    """
    largest: dict[str, float] = {}
    session, names = _with_all_outputs(model)
    for image in _hard_pictures():
        for name, value in zip(names, session.run(names, {"image": image}), strict=True):
            highest = np.maximum(largest.get(name, 0.0), np.abs(value).max())  # NaN stays NaN
            largest[name] = float(highest)
    for name, value in largest.items():
        if not value < MAX_ACTIVATION:
            raise ParityError(
                f"{name} reaches {value:,.0f}, fp16 is safe below {MAX_ACTIVATION:,.0f}",
                cure="export fp32",
            )
    return largest


def _passes(row: Parity, flavour: Arithmetic) -> bool:
    return row.largest <= MAX_LEVELS if flavour == "fp32" else row.psnr >= MIN_PSNR[flavour]


def _rounded(network: StyleNetwork, flavour: Literal["fp16", "bf16"]) -> StyleNetwork:
    twin = StyleNetwork(network.config)
    twin.load_state_dict(network.state_dict())
    dtype = torch.float16 if flavour == "fp16" else torch.bfloat16
    return twin.to(dtype).eval().requires_grad_(False)


def _hard_pictures() -> list[NDArray[np.uint8]]:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (0, 255)]
    return [picture[None] for picture in (noise, *flat, *calibration_photos())]


def _with_all_outputs(
    model: onnx.ModelProto,
) -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Return a session of a copy of the graph whose outputs include every float node's."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    inferred = onnx.shape_inference.infer_shapes(copy)
    names = [
        info.name
        for info in inferred.graph.value_info
        if info.type.tensor_type.elem_type == TensorProto.FLOAT
    ]
    copy.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session, names
