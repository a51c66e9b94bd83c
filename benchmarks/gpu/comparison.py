"""All ways side by side: speed, memory and likeness at one size, and likeness for every style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.gpu.device import Device
from benchmarks.gpu.timing import SECONDS, Budget, latency, rates, reason
from benchmarks.gpu.ways import IN_FLIGHT, Maker, Style, Way
from nst_export.verification import compare
from nst_rt.pixels import Pixels

KINDS = {"fps": "on_device", "fps pageable": "from_pageable", "fps pinned": "from_pinned"}
"""Columns, and the attributes of a `Way` that are timed for them."""
Row = dict[str, Any]


def speed(
    style: Style,
    image: Pixels,
    makers: Mapping[str, Maker],
    *,
    rounds: int,
    floor_s: float,
    budget: Budget,
) -> list[Row]:
    """Return a row for each way at a picture's size; one that does not work has the reason."""
    device, size = style.device, f"{image.shape[2]}x{image.shape[1]}"
    expected = _exact(style, image)
    rows: dict[str, Row] = {}
    ways: dict[str, Way] = {}
    for name, maker in makers.items():
        if not budget.allows(name, f"{name} at {size}", maker.guess_s):
            continue
        rows[name] = {"size": size, "way": name}
        with budget.step(name):
            try:
                free = device.free_bytes()
                way = maker.open(style, image)
                painted = way.on_device().cpu().numpy()
                _fill(way, device)
                rows[name]["GPU MiB"] = round((free - device.free_bytes()) / 2**20)
                rows[name]["psnr"] = round(min(compare("", expected, painted).psnr, 99.0), 1)
                ways[name] = way
            except Exception as error:  # of whatever library: the others go on
                rows[name]["error"] = reason(error)
    guess_s = (len(KINDS) * rounds + 4) * SECONDS * len(ways)
    if ways and budget.allows("timing", f"all speeds at {size}", guess_s):
        with budget.step("timing"):
            _time(ways, rows, device, rounds=rounds, floor_s=floor_s)
    for way in ways.values():
        way.close()
    return list(rows.values())


def parity(style: Style, image: Pixels, makers: Mapping[str, Maker], budget: Budget) -> list[Row]:
    """Return how near each of our ways comes to PyTorch in float32."""
    rows: list[Row] = []
    expected = _exact(style, image)
    for name, maker in makers.items():
        title = style.card.name
        if maker.kind != "session" or not budget.allows(
            f"likeness, {name}", f"{name} of {title} beside PyTorch", maker.guess_s / 2
        ):
            continue
        row: Row = {"style": title, "way": name}
        rows.append(row)
        with budget.step(f"likeness, {name}"):
            try:
                session = maker.make(style, *image.shape[1:3])
                found = compare("", expected, session.run(image))
                session.close()
                row |= {"largest": found.largest, "psnr": round(min(found.psnr, 99.0), 1)}
            except Exception as error:
                row["error"] = reason(error)
    return rows


def _time(
    ways: dict[str, Way], rows: dict[str, Row], device: Device, *, rounds: int, floor_s: float
) -> None:
    """Add the times to the rows."""
    for column, kind in KINDS.items():
        frames = {name: getattr(way, kind) for name, way in ways.items()}
        seconds, failed = rates(frames, device, rounds)
        for name, found in seconds.items():
            rows[name][column] = round(1 / found, 1)
            if column == "fps":
                rows[name] |= {
                    "ms": round(found * 1e3, 3),
                    "of the floor": round(floor_s / found, 3),
                }
        for name, why in failed.items():
            rows[name]["error"] = f"{column}: {why}"
    for name, way in ways.items():
        try:
            rows[name] |= latency(way.run)
        except Exception as error:
            rows[name]["error"] = reason(error)


def _fill(way: Way, device: Device) -> None:
    """Run a way until it holds all its memory."""
    for _ in range(IN_FLIGHT + 1):
        way.from_pageable()
        way.from_pinned()
    device.synchronize()


def _exact(style: Style, image: Pixels) -> Pixels:
    painted: Pixels = style.exact(torch.from_numpy(image).to(style.device.place)).cpu().numpy()
    return painted
