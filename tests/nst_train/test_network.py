from __future__ import annotations

import pytest
import torch

from nst_train.network import MINIMUM, NetworkConfig, StyleNetwork, missing, paint


def network(**shape: object) -> StyleNetwork:
    torch.manual_seed(0)
    return StyleNetwork(NetworkConfig(**{"width": 0.25, "blocks": 1} | shape)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
@pytest.mark.parametrize("size", [(16, 16), (20, 36)])
def test_output_has_the_size_and_range_of_the_input(upsample: str, size: tuple[int, int]) -> None:
    y = network(upsample=upsample)(torch.rand(2, 3, *size))
    assert y.shape == (2, 3, *size)
    assert 0 <= y.min() <= y.max() <= 1


def test_full_width_has_the_parameters_of_johnsons_network() -> None:
    count = sum(p.numel() for p in StyleNetwork(NetworkConfig(width=1.0, blocks=5)).parameters())
    assert count == 1_679_235


def test_phases_paint_as_the_plain_form_in_float64() -> None:
    plain = network().double()
    phases = network().double().use_phases()
    x = torch.rand(1, 3, 24, 32, dtype=torch.float64)
    torch.testing.assert_close(phases(x), plain(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("upsample", ["nearest", "transposed"])
def test_receptive_radius_bounds_what_a_pixel_sees(blocks: int, upsample: str) -> None:
    net = network(blocks=blocks, upsample=upsample).double()
    for module in net.modules():  # instance normalization sees the whole picture: leave it out
        if hasattr(module, "norm"):
            module.norm = torch.nn.Identity()
    radius = net.config.receptive_radius
    size = 4 * (-(-(2 * radius + 40) // 4))
    x = torch.rand(1, 3, 16, size, dtype=torch.float64, requires_grad=True)
    reach = 0
    for column in range(size // 2, size // 2 + 4):  # phases see differently far
        (gradient,) = torch.autograd.grad(net(x)[0, :, 8, column].sum(), x)
        touched = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
        reach = max(reach, int((touched - column).abs().max()))
    assert radius - 8 <= reach <= radius


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 30), (16, 16)])
def test_paint_takes_any_size(size: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    painted = paint(network(), image)
    assert painted.shape == image.shape
    assert painted.dtype == torch.uint8
    assert painted.is_contiguous()


def test_missing_brings_to_minimum_and_multiple() -> None:
    assert [missing(size) for size in (1, MINIMUM, 17, 20, 21)] == [15, 0, 3, 0, 3]


@pytest.mark.parametrize("shape", [{"width": 0}, {"blocks": -1}, {"upsample": "bilinear"}])
def test_impossible_shapes_are_refused(shape: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="choose"):
        NetworkConfig(**shape)  # type: ignore[arg-type]
