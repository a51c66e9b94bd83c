"""Flat pictures, as in fades of films, are painted like others below float32 too."""

from __future__ import annotations

import numpy as np
import pytest

from nst_rt import Stylizer, zoo


@pytest.mark.parametrize("style", [card.name for card in zoo.cards()])
@pytest.mark.parametrize("level", [0, 128])
def test_flat_picture_gets_no_pattern(style: str, level: int) -> None:
    """Otherwise a normalization would amplify mere rounding."""
    flat = np.full((64, 96, 3), level, np.uint8)
    with Stylizer(style, device="cpu", precision="fp32") as stylizer:
        expected = stylizer(flat)
    half = zoo.find(style).file("fp16")  # type: ignore[union-attr]
    for model, device in ((style, "cpu"), (half, "onnxruntime")):
        with Stylizer(model, device=device) as stylizer:  # type: ignore[arg-type]
            assert stylizer(flat).std() < expected.std() + 6
