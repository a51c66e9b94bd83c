"""Exact rewrites of convolutions that a processor runs faster, as differentiable functions.

A picture is split into its phases (the pixels of equal row and column modulo the stride), one
convolution computes all phases of a block at once, and a pixel shuffle puts them in place. Training
uses these forms for speed; the exporter writes the same kernels into the model file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def strided_kernel(weight: Tensor, stride: int = 2) -> Tensor:
    """Return the kernel O·s²×I×(K+s−1)×(K+s−1) whose stride-s convolution yields all s×s phases.

    Phase (p, q) of a block is the K×K kernel shifted by (p, q). Output channels are in the order of
    `pixel_shuffle` (depth-to-space, CRD).
    """
    last = stride - 1
    phases = [
        F.pad(weight, (q, last - q, p, last - p)) for p in range(stride) for q in range(stride)
    ]
    return torch.stack(phases, dim=1).flatten(0, 1)


def strided_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 2) -> Tensor:
    """Return `conv2d(x, weight, bias)`, whose height and width are multiples of `stride`.

    Few output channels leave most vector lanes idle; s² times as many fill them.
    """
    kernel = strided_kernel(weight, stride)
    repeated = None if bias is None else bias.repeat_interleave(stride * stride)
    return F.pixel_shuffle(F.conv2d(x, kernel, repeated, stride=stride), stride)


def upsample_kernel(weight: Tensor) -> Tensor:
    """Return the kernel 4·O×I×2×2 equal to nearest ×2 upsampling and the 3×3 `weight` by phases.

    Output pixel 2k of the doubled picture sees x[k−1] through w₀ and x[k] through w₁+w₂; pixel 2k+1
    sees x[k] through w₀+w₁ and x[k+1] through w₂. On an edge-padded picture window j holds x[j−1]
    and x[j], so it yields pixels 2j−1 and 2j, in this order.
    """
    odd = torch.stack([weight[:, :, 0] + weight[:, :, 1], weight[:, :, 2]], dim=2)
    even = torch.stack([weight[:, :, 0], weight[:, :, 1] + weight[:, :, 2]], dim=2)
    phases = []
    for rows in (odd, even):
        phases.append(torch.stack([rows[..., 0] + rows[..., 1], rows[..., 2]], dim=3))
        phases.append(torch.stack([rows[..., 0], rows[..., 1] + rows[..., 2]], dim=3))
    return torch.stack(phases, dim=1).flatten(0, 1)


def even_kernel(weight: Tensor, digits: int) -> Tensor:
    """Round 3×3 kernels to a grid on which the sums that upsampling makes are exact too.

    The four pixels that come of one see sums of the same nine numbers. If an engine in half
    precision rounds each sum by itself, a flat picture comes out as a pattern, which instance
    normalization makes as strong as a picture.

    Args:
        weight: O×I×3×3.
        digits: binary digits after the first that the engine keeps: 7 in bfloat16, 10 in float16.
    """
    largest = upsample_kernel(weight).abs().amax((2, 3)).view(len(weight), 4, -1).amax(1)
    step = torch.exp2(largest.clamp_min(2.0**-14).log2().floor() - digits)[:, :, None, None]
    return (weight / step).round() * step


def transposed_kernel(weight: Tensor) -> Tensor:
    """Return the kernel I×O×4×4 equal to nearest ×2 upsampling and a reflection-padded `weight`.

    It belongs to a transposed convolution of stride 2 and padding 3 on an edge-padded picture.
    """
    outputs, inputs = weight.shape[:2]
    taps = upsample_kernel(weight).view(outputs, 2, 2, inputs, 2, 2)
    # a transposed kernel reads its windows backwards: tap t of phase r lies at 2·(1−t) + r
    kernel = taps.flip(4, 5).permute(3, 0, 4, 1, 5, 2)
    return kernel.reshape(inputs, outputs, 4, 4)


def upsampled_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return nearest ×2 upsampling, reflection padding by 1 and `conv2d` with 4/9 of the work.

    Reflection by one pixel of the doubled picture is edge replication of the small one.
    """
    padded = F.pad(x, (1,) * 4, mode="replicate")
    repeated = None if bias is None else bias.repeat_interleave(4)
    y = F.pixel_shuffle(F.conv2d(padded, upsample_kernel(weight), repeated), 2)
    return y[:, :, 1:-1, 1:-1]
