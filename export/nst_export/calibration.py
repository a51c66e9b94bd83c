"""A picture that every machine can make: it sets the rounding point of normalized layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def calibration_picture(size: int = 256) -> NDArray[np.uint8]:
    """A seeded 1/f picture with the statistics of photos, uint8 size×size×3.

    Source: Field 1987, "Relations between the statistics of natural images": amplitude falls as one
    over spatial frequency, and the three colours are strongly correlated.
    """
    random = np.random.default_rng(1987)
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / size)
    gray, *tints = (
        np.fft.irfft2(amplitude * np.exp(2j * np.pi * random.random(amplitude.shape)), (size, size))
        for _ in range(4)
    )
    planes = np.stack([gray + 0.3 * tint for tint in tints], axis=-1)
    planes = (planes - planes.mean()) / planes.std()
    return np.clip(118 + 60 * planes, 0, 255).round().astype(np.uint8)
