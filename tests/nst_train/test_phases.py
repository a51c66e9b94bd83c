"""Every rewrite equals the plain form in float64, values and gradients, borders included."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_train.phases import (
    even_kernel,
    strided_conv2d,
    transposed_kernel,
    upsample_kernel,
    upsampled_conv2d,
)

BIAS = pytest.mark.parametrize("with_bias", [True, False])
SIZES = pytest.mark.parametrize("size", [(2, 2), (4, 6), (6, 8)])


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def drawn(size: tuple[int, int], *, with_bias: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return a picture, a 3×3 kernel and a bias."""
    return draw(2, 3, *size), draw(5, 3, 3, 3), draw(5) if with_bias else None


def assert_equal(
    fast: Callable[..., Tensor], plain: Callable[..., Tensor], *inputs: Tensor | None
) -> None:
    torch.testing.assert_close(fast(*inputs), plain(*inputs), rtol=0, atol=1e-12)
    given = [tensor for tensor in inputs if tensor is not None]
    y = plain(*inputs)
    upstream = torch.randn_like(y)
    mine = torch.autograd.grad(fast(*inputs), given, upstream)
    theirs = torch.autograd.grad(y, given, upstream)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def plain_upsampling(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    doubled = F.interpolate(x, scale_factor=2, mode="nearest")
    return F.conv2d(F.pad(doubled, (1,) * 4, mode="reflect"), weight, bias)


@BIAS
@SIZES
def test_upsampled_convolution_by_phases(with_bias: bool, size: tuple[int, int]) -> None:
    assert_equal(
        upsampled_conv2d,
        plain_upsampling,
        *drawn(size, with_bias=with_bias),
    )


@BIAS
@SIZES
def test_upsampled_convolution_as_a_transposed_one(with_bias: bool, size: tuple[int, int]) -> None:
    def transposed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = F.pad(x, (1,) * 4, mode="replicate")
        return F.conv_transpose2d(padded, transposed_kernel(weight), bias, stride=2, padding=3)

    assert_equal(
        transposed,
        plain_upsampling,
        *drawn(size, with_bias=with_bias),
    )


@BIAS
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("kernel", [3, 9])
def test_strided_convolution_by_phases(with_bias: bool, stride: int, kernel: int) -> None:
    def strided(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return strided_conv2d(x, weight, bias, stride)

    assert_equal(
        strided,
        F.conv2d,
        draw(2, 3, 8 + kernel - 1, 12 + kernel - 1),
        draw(4, 3, kernel, kernel),
        draw(4) if with_bias else None,
    )


@pytest.mark.parametrize(("dtype", "digits"), [(torch.bfloat16, 7), (torch.float16, 10)])
def test_even_kernels_give_four_equal_pixels_of_a_flat_picture(dtype, digits) -> None:
    weight = torch.randn(5, 3, 3, 3) * torch.rand(5, 3, 1, 1)
    even = even_kernel(weight, digits)
    phases = upsample_kernel(even)
    assert (phases.to(dtype).float() == phases).all()  # nothing is lost by rounding
    sums = phases.double().sum((2, 3)).view(5, 4, 3)
    assert (sums == sums[:, :1]).all()
    rounded = upsample_kernel(weight).to(dtype).double().sum((2, 3)).view(5, 4, 3)
    assert (rounded != rounded[:, :1]).any()
    assert (even - weight).abs().max() < 2.0**-digits * phases.abs().max()
