"""The feed-forward style network.

Source: Johnson, Alahi, Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer" (arXiv
1603.08155), supplement table 1, with the instance normalization of Ulyanov, Vedaldi, Lempitsky
2016 (arXiv 1607.08022).
Departs from the paper: reflection padding at every convolution instead of 40 pixels at the start,
nearest upsampling before a convolution (no uneven overlap) unless "transposed" is asked for, and a
sigmoid instead of a scaled tanh.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_train.phases import even_kernel, strided_conv2d, upsampled_conv2d

STRIDE = 4
"""Divisor of height and width inside the network."""
BFLOAT16_DIGITS = 7
"""Binary digits that bfloat16 keeps after the first."""
MINIMUM = 16
"""Smallest height and width that every reflection padding inside accepts, with room to spare."""


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a style network; width 1.0 has 32, 64 and 128 channels."""

    width: float = 0.5
    blocks: int = 5
    upsample: Literal["nearest", "transposed"] = "nearest"

    def __post_init__(self) -> None:
        if not 0 < self.width <= 4:
            raise ValueError(f"width is {self.width}; choose it in (0, 4]")
        if not 0 <= self.blocks <= 64:
            raise ValueError(f"blocks is {self.blocks}; choose it in 0…64")
        if self.upsample not in ("nearest", "transposed"):
            raise ValueError(f"upsample is {self.upsample!r}; choose 'nearest' or 'transposed'")

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels at full, half and quarter resolution."""
        return tuple(max(4, round(base * self.width)) for base in (32, 64, 128))  # type: ignore[return-value]

    @property
    def receptive_radius(self) -> int:
        """Distance in pixels that one output pixel sees, normalization statistics apart."""
        ends, down, up = 4 + 4, 1 + 2, 4 + 2
        return ends + down + up + self.blocks * 2 * STRIDE

    def as_dict(self) -> dict[str, float | int | str]:
        return asdict(self)


class ConvLayer(nn.Module):
    """Reflection padding, convolution and instance normalization with affine."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        radius = self.conv.kernel_size[0] // 2
        y: Tensor = self.norm(self.conv(F.pad(x, (radius,) * 4, mode="reflect")))
        return y


class ResidualBlock(nn.Module):
    """Two convolutions on a residual path; no ReLU after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvLayer(channels, channels, 3)
        self.second = ConvLayer(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.second(F.relu(self.first(x)))
        return y


class UpsampleLayer(nn.Module):
    """Upsampling ×2: nearest and a 3×3 convolution, or a transposed one; then normalization."""

    def __init__(self, inputs: int, outputs: int, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.by_phases = False
        if mode == "nearest":
            self.conv: nn.Module = nn.Conv2d(inputs, outputs, 3)
        else:  # the kernel divides by the stride, so every output pixel gets as many taps
            self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=3)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "transposed":
            y = self.conv(F.pad(x, (1,) * 4, mode="replicate"))
        elif self.by_phases:
            y = upsampled_conv2d(x, self.conv.weight, self.conv.bias)  # type: ignore[arg-type]
        else:
            doubled = F.interpolate(x, scale_factor=2, mode="nearest")
            y = self.conv(F.pad(doubled, (1,) * 4, mode="reflect"))
        normalized: Tensor = self.norm(y)
        return normalized


class StyleNetwork(nn.Module):
    """Network that paints N×3×H×W pictures in [0, 1], H and W multiples of 4 and at least 16."""

    def __init__(self, config: NetworkConfig = NetworkConfig()) -> None:
        super().__init__()
        self.config = config
        full, half, quarter = config.channels
        self.down = nn.ModuleList(
            [
                ConvLayer(3, full, 9),
                ConvLayer(full, half, 3, stride=2),
                ConvLayer(half, quarter, 3, stride=2),
            ]
        )
        self.blocks = nn.ModuleList([ResidualBlock(quarter) for _ in range(config.blocks)])
        self.up = nn.ModuleList(
            [
                UpsampleLayer(quarter, half, config.upsample),
                UpsampleLayer(half, full, config.upsample),
            ]
        )
        self.last = nn.Conv2d(full, 3, 9)
        self.by_phases = False

    def use_phases(self) -> StyleNetwork:
        """Switch to the equal but faster phase form of the upsampling and last convolutions."""
        self.by_phases = True
        for layer in self.up:
            layer.by_phases = True  # type: ignore[assignment]
        return self

    @torch.no_grad()
    def even_upsampling(self) -> StyleNetwork:
        """Round the kernels of nearest upsampling so that flat areas stay flat in bfloat16.

        See `phases.even_kernel`. It changes a painting less than bfloat16 itself does.
        """
        for layer in self.up:
            assert isinstance(layer, UpsampleLayer)
            if layer.mode == "nearest":
                weight = layer.conv.weight
                assert isinstance(weight, Tensor)
                weight.copy_(even_kernel(weight, BFLOAT16_DIGITS))
        return self

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.down:
            x = F.relu(layer(x))
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = F.relu(layer(x))
        x = F.pad(x, (4,) * 4, mode="reflect")
        if self.by_phases:
            x = strided_conv2d(x, self.last.weight, self.last.bias)
        else:
            x = self.last(x)
        return torch.sigmoid(x)


def paint(network: StyleNetwork, image: Tensor) -> Tensor:
    """Paint uint8 N×H×W×3 pictures of any size: the reference for every export.

    Edge padding brings height and width to the network's minimum and multiple; the result is
    cropped back, scaled to 0…255 and rounded half to even.
    """
    height, width = image.shape[1:3]
    dtype = network.last.weight.dtype
    x = image.permute(0, 3, 1, 2).to(dtype) / 255
    x = F.pad(x, (0, missing(width), 0, missing(height)), mode="replicate")
    y: Tensor = network(x)[:, :, :height, :width] * 255
    return y.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def missing(size: int) -> int:
    """Return how many pixels bring `size` to the network's minimum and multiple."""
    return max(MINIMUM, -(-size // STRIDE) * STRIDE) - size
