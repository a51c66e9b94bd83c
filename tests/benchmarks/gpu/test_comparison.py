from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from benchmarks.gpu.comparison import parity, speed
from benchmarks.gpu.device import Device
from benchmarks.gpu.timing import Budget
from benchmarks.gpu.ways import EAGER, IN_FLIGHT, MAKERS, Maker, Style, Way
from nst_rt import zoo

CPU = Device(torch.device("cpu"))
STYLE = zoo.cards()[0].name


def test_absent_and_failing_ways_are_rows_with_the_reason(quick, tmp_path: Path) -> None:
    def broken(style: Style, height: int, width: int) -> None:
        raise RuntimeError("out of memory\nTraceback …")

    makers = {
        EAGER: MAKERS[EAGER],
        "broken": Maker("session", broken),
        "nst-rt, ONNX Runtime CUDA, shipped fp16": MAKERS[
            "nst-rt, ONNX Runtime CUDA, shipped fp16"
        ],
        "too long": Maker("torch", broken, guess_s=1e9),
    }
    style, budget = Style(STYLE, CPU, tmp_path), Budget(1000)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8)
    eager, *absent = speed(style, image, makers, rounds=1, floor_s=1e-9, budget=budget)
    assert eager["size"] == "24x16"
    assert eager["psnr"] == 99.0
    assert all(eager[name] > 0 for name in ("fps", "fps pageable", "fps pinned", "p99 ms"))
    assert absent[0]["error"] == "out of memory"
    assert "; " in absent[1]["error"]  # what lacks, and the cure
    assert budget.left_out[0].startswith("too long at 24x16 (")
    rows = parity(style, image, makers, budget)
    assert [(row["way"], "error" in row) for row in rows] == [
        ("broken", True), ("nst-rt, ONNX Runtime CUDA, shipped fp16", True),
    ]  # fmt: skip


def test_ways_that_fail_while_they_are_timed_are_rows_with_what_was_measured(
    quick, tmp_path: Path
) -> None:
    """Each paints, fills the GPU's memory, and fails afterwards in one kind of frames."""
    image = np.zeros((1, 16, 24, 3), np.uint8)
    painting = torch.from_numpy(image)

    def fails_after(calls: int) -> Callable[[], object]:
        left = iter(range(calls))

        def frame() -> object:
            if next(left, None) is None:
                raise RuntimeError("the GPU is gone")
            return image

        return frame

    def maker(**fails: Callable[[], object]) -> SimpleNamespace:
        frames = dict.fromkeys(("from_pageable", "from_pinned", "run"), lambda: image)
        way = Way(on_device=lambda: painting, close=lambda: None, **(frames | fails))  # type: ignore[arg-type]
        return SimpleNamespace(kind="torch", guess_s=1.0, open=lambda style, image: way)

    style, budget = Style(STYLE, CPU, tmp_path), Budget(1000)
    makers = {
        "pinned": maker(from_pinned=fails_after(IN_FLIGHT + 1)),
        "run": maker(run=fails_after(0)),
    }
    pinned, run = speed(style, image, makers, rounds=1, floor_s=1e-9, budget=budget)  # type: ignore[arg-type]
    assert pinned["error"] == "fps pinned: the GPU is gone"
    assert run["error"] == "the GPU is gone"
    assert (pinned["fps"] > 0, "fps pinned" in pinned, run["fps pinned"] > 0) == (True, False, True)
