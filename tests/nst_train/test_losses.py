from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_train.losses import content_loss, gram, relative_square, style_loss, variation


def plain_gram(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return torch.bmm(rows, rows.transpose(1, 2)) / rows.shape[2]


def in_float64(features: Tensor) -> Tensor:
    """`gram` ends in float32; this is its product before that."""
    from nst_train.losses import _Gram

    product: Tensor = _Gram.apply(features)
    return product / (features.shape[2] * features.shape[3])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram_equals_the_plain_product_and_its_gradient(layout: torch.memory_format) -> None:
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64).contiguous(memory_format=layout)
    x.requires_grad_()
    torch.testing.assert_close(in_float64(x), plain_gram(x))
    upstream = torch.randn(2, 4, 4, dtype=torch.float64)
    (mine,) = torch.autograd.grad(in_float64(x), x, upstream)
    (theirs,) = torch.autograd.grad(plain_gram(x), x, upstream)
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(in_float64, (x,))


@pytest.mark.parametrize("scale", [1e-5, 1e-3, 57.0, 1e4])
def test_losses_do_not_change_with_the_scale_of_the_features(scale: float) -> None:
    features, target = torch.rand(2, 4, 6, 6), torch.rand(2, 4, 6, 6)
    painting = gram(torch.rand(1, 4, 9, 9))
    torch.testing.assert_close(
        content_loss(features * scale, target * scale), content_loss(features, target)
    )
    torch.testing.assert_close(
        style_loss({"a": features * scale}, {"a": painting * scale**2}),
        style_loss({"a": features}, {"a": painting}),
    )


def test_nothing_is_as_wrong_as_one_and_equal_as_nought() -> None:
    target = torch.rand(2, 4, 6, 6)
    assert content_loss(torch.zeros_like(target), target).item() == pytest.approx(1)
    assert content_loss(target, target).item() == 0


def test_a_gram_does_not_depend_on_the_size_of_a_repeated_picture() -> None:
    x = torch.rand(1, 4, 6, 6)
    torch.testing.assert_close(gram(x.repeat(1, 1, 2, 3)), gram(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite_where_sums_overflow_float16(dtype: torch.dtype) -> None:
    x = (torch.rand(1, 8, 64, 64) * 200).to(dtype).requires_grad_()
    product = gram(x)
    assert product.dtype == torch.float32
    torch.testing.assert_close(product, plain_gram(x.float()), rtol=0.02, atol=0)
    relative_square(product, product.detach() * 0.5).backward()
    assert torch.isfinite(x.grad).all()  # type: ignore[arg-type]


def test_an_all_zero_target_does_not_divide_by_nothing() -> None:
    assert torch.isfinite(relative_square(torch.ones(1, 2), torch.zeros(1, 2)))


def test_variation_counts_neighbours() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 3, 8, 8)
    assert variation(stripes).item() == pytest.approx(1)
    assert variation(torch.ones(1, 3, 8, 8)).item() == 0
