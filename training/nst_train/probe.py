"""A check that tells a trained perceptual network from weights of the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nst_rt.errors import ModelError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_MIN_CORRELATION = 0.15
_ORIGINALS = {
    "the original VGG-16": (0.429471, 0.550379, 0.480015),
    "the original VGG-19": (0.341195, 0.464184, 0.394167),
    "the slim VGG-19": (0.0288829, -0.0432137, 0.0236776),
}
"""First tap of the first kernel in blue, green and red of weights trained for BGR 0…255."""


def probe(convolutions: Mapping[str, tuple[Tensor, Tensor]], path: Path) -> None:
    """Refuse weights that are not finite, not trained, or trained for another input.

    Neighbouring taps of trained 3×3 kernels are alike (correlation 0.36…0.68 in every layer of the
    three files that we know); random, shuffled and wrongly reshaped ones are not (below 0.07). What
    input unknown weights expect cannot be derived from their features: VGG's first layer treats
    red and blue nearly alike: known ones are recognized by their first kernel.

    Args:
        convolutions: weight O×I×3×3 and bias O of every convolution, by name ("1_1" is the first).
        path: the file, for the error.

    Raises:
        ModelError: refused.
    """
    for name, (weight, bias) in convolutions.items():
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            raise ModelError(f"weights of conv{name} are not finite", path=path)
        likeness = _correlation(weight)
        if not likeness > _MIN_CORRELATION:
            raise ModelError(
                f"not a trained perceptual network (neighbouring taps of conv{name} correlate by "
                f"{likeness:.2f}, expected at least {_MIN_CORRELATION})",
                path=path,
                cure="check where the file comes from and how its kernels were reshaped",
            )
    _check_input(convolutions["1_1"][0], path)


def _correlation(weight: Tensor) -> float:
    """Return the mean correlation of neighbouring taps, both ways; NaN if all are equal."""
    pairs = (
        (weight[..., 1:, :], weight[..., :-1, :]),
        (weight[..., :, 1:], weight[..., :, :-1]),
    )
    values = [torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] for a, b in pairs]
    return torch.stack(values).mean().item()


def _check_input(first: Tensor, path: Path) -> None:
    """Refuse known weights whose input is not RGB in [0, 1], normalized by `MEAN` and `STD`."""
    tap = first[0, :, 0, 0].double()
    std = torch.tensor(STD, dtype=torch.float64)
    for title, values in _ORIGINALS.items():
        bgr = torch.tensor(values, dtype=torch.float64)
        rgb = bgr.flip(0)
        for scale, order, expects in (
            (torch.ones_like(std), bgr, "BGR in 0…255"),
            (torch.ones_like(std), rgb, "RGB in 0…255"),
            (torch.full_like(std, 255), bgr, "BGR in 0…1, not normalized"),
            (torch.full_like(std, 255), rgb, "RGB in 0…1, not normalized"),
            (std * 255, bgr, "BGR, normalized as if it were RGB"),
        ):
            if torch.allclose(tap, order * scale, rtol=2e-4, atol=0):
                raise ModelError(
                    f"{title} for another input: {expects}",
                    path=path,
                    cure="fold the change of input into its first convolution (docs/training.md)",
                )
