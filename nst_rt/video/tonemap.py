"""Tone mapping from high dynamic range (PQ or HLG, BT.2020) to BT.709, which styles know.

Light below the knee keeps its level; above it BT.2390 (section 5.4.1, the EETF) rolls a peak of
1,000 cd/m² off into white, which is 203 cd/m² by BT.2408. The roll-off is computed for the
brightest of the three colours, so that hues stay. The whole mapping becomes one three-dimensional
lookup table for FFmpeg's `lut3d`.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.video.color import PQ
from nst_rt.video.containers import pyav

PEAK, WHITE = 1000.0, 203.0
"""Assumed peak luminance of a video, and luminance that becomes white, in cd/m²."""
_POINTS = 65
"""Points along each axis of the lookup table."""
_TO_709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ]
)
"""Matrix from linear BT.2020 to linear BT.709, BT.2087."""
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32

Floats = NDArray[Any]


class ToneMap:
    """Maps the frames of one video from high to standard range."""

    def __init__(self, transfer: int) -> None:
        self._transfer = transfer
        self._graph: Any = None

    def apply(self, frame: Any) -> Any:
        """Map a frame of 16 bits R'G'B' from BT.2020 to BT.709 in the same format."""
        if self._graph is None:
            self._graph = self._make_graph(frame)
        self._graph.push(frame)
        return self._graph.pull()

    def _make_graph(self, frame: Any) -> Any:
        graph = pyav().filter.Graph()
        with tempfile.TemporaryDirectory(prefix="nst-rt-") as folder:
            file = Path(folder) / "range.cube"
            file.write_text(_cube(self._transfer), encoding="ascii")
            graph.link_nodes(
                graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base,
                ),
                graph.add("lut3d", file=str(file), interp="tetrahedral"),
                graph.add("buffersink"),
            ).configure()  # which reads the file
        return graph


@cache
def _cube(transfer: int) -> str:
    axis = np.linspace(0, 1, _POINTS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # red changes fastest
    mapped = to_standard(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    lines = [f"LUT_3D_SIZE {_POINTS}", *(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in mapped)]
    return "\n".join(lines) + "\n"


def to_standard(coded: Floats, transfer: int) -> Floats:
    """Map R'G'B' in 0…1 of PQ or HLG and BT.2020, N×3, to R'G'B' in 0…1 of BT.709."""
    light = pq_to_light(coded) if transfer == PQ else _hlg_to_light(coded)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light = light * (_rolled_off(brightest) / brightest)
    display = np.clip((light / WHITE) @ _TO_709.T, 0, 1)
    mapped: Floats = display ** (1 / 2.4)  # BT.1886
    return mapped


def pq_to_light(coded: Floats) -> Floats:
    """Return the luminance in cd/m² of a PQ value, SMPTE ST 2084."""
    root = coded ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def light_to_pq(light: Floats) -> Floats:
    """Return the PQ value of a luminance in cd/m²."""
    power = (light / 10_000) ** _M1
    coded: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return coded


def _hlg_to_light(coded: Floats) -> Floats:
    """Return the luminance in cd/m² on a display of `PEAK`, BT.2100: inverse OETF, then OOTF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    light: Floats = PEAK * scene * np.maximum(luminance, 1e-9)[..., None] ** 0.2
    return light


def _rolled_off(light: Floats) -> Floats:
    """Apply BT.2390's EETF from `PEAK` to `WHITE`."""
    peak = light_to_pq(np.array(PEAK))
    value, largest = light_to_pq(light) / peak, light_to_pq(np.array(WHITE)) / peak
    knee = 1.5 * largest - 0.5
    t = np.clip((value - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * largest
    )
    return pq_to_light(np.where(value < knee, value, spline) * peak)
