"""The thin style, open, and its painting of the portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst_rt import Stylizer


@pytest.fixture(scope="module")
def stylizer(model_path: Path):
    with Stylizer(model_path, threads=1, precision="fp32") as stylizer:
        yield stylizer


@pytest.fixture(scope="module")
def painting(stylizer, photo) -> np.ndarray:
    return stylizer(photo)
