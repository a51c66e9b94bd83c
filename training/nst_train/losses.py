"""Scale-free content, style and total-variation losses.

Source: Gatys, Ecker, Bethge 2015 (arXiv 1508.06576) for content and Gram terms; Johnson et al. 2016
for their use in training.
Departs from the papers: every term is divided by the energy of its target, so that 1 means "as
wrong as a black feature map" for any layer, picture size and perceptual network, and one
`style_weight` means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_TINY = 1e-30
"""Least energy of a target; Gram matrices of small features have 1e-12."""


class _Gram(torch.autograd.Function):
    """F·Fᵀ over positions. Its gradient is one product with a symmetric matrix, not two."""

    @staticmethod
    def forward(ctx, features: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(features)
        rows = features.flatten(2)
        return torch.bmm(rows, rows.transpose(1, 2))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        (features,) = ctx.saved_tensors
        symmetric = gradient + gradient.transpose(1, 2)
        # positions × channels is how channels_last lies in memory: the product needs no copy
        rows = features.permute(0, 2, 3, 1).flatten(1, 2)
        product = torch.bmm(rows, symmetric.to(rows.dtype))
        return product.view(*_positions(features)).permute(0, 3, 1, 2)


def _positions(features: Tensor) -> tuple[int, int, int, int]:
    count, channels, height, width = features.shape
    return count, height, width, channels


def gram(features: Tensor) -> Tensor:
    """Return Gram matrices N×C×C of N×C×H×W features, divided by H·W, in float32.

    float16 features are scaled before the product: the sum over positions would overflow.
    """
    positions = features.shape[2] * features.shape[3]
    if features.dtype == torch.float16:
        scaled: Tensor = _Gram.apply(features * positions**-0.5)  # type: ignore[no-untyped-call]
        return scaled.float()
    product: Tensor = _Gram.apply(features)  # type: ignore[no-untyped-call]
    return product.float() / positions


def relative_square(value: Tensor, target: Tensor) -> Tensor:
    """Return ‖value − target‖² ÷ ‖target‖², in float32, averaged over the batch."""
    value, target = value.float(), target.float()
    axes = tuple(range(1, target.dim()))
    energy = target.square().sum(axes).clamp_min(_TINY)
    return ((value - target).square().sum(axes) / energy).mean()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return the relative squared distance to the photo's features; 1 is as wrong as zeros."""
    return relative_square(features, target)


def style_loss(features: Mapping[str, Tensor], grams: Mapping[str, Tensor]) -> Tensor:
    """Return the relative squared distance between Gram matrices, mean over `grams`' layers."""
    terms = [
        relative_square(gram(features[layer]), target.expand(features[layer].shape[0], -1, -1))
        for layer, target in grams.items()
    ]
    return torch.stack(terms).mean()


def variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels of N×C×H×W pictures."""
    image = image.float()
    rows = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    columns = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return rows + columns
