"""The least work and time that painting one picture takes, whatever paints it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.gpu.device import Device
from benchmarks.gpu.timing import seconds_per_frame
from nst_train.network import ResidualBlock, StyleNetwork

SIDE = 8192
"""Side of the matrices that are multiplied."""
COPIED = 2**30
"""Bytes that are copied."""


@dataclass(frozen=True)
class Work:
    """The network's work on one picture."""

    macs: int
    """Multiplications with an addition."""
    bytes: int
    """Bytes of float16 activations: every convolution and normalization reads and writes once."""

    def floor_s(self, operations_per_s: float, bytes_per_s: float) -> float:
        return max(2 * self.macs / operations_per_s, self.bytes / bytes_per_s)


def work(network: StyleNetwork, height: int, width: int) -> Work:
    """Count a network's work on one picture."""
    twin = StyleNetwork(network.config).to("meta")
    doubled = [layer.conv for layer in twin.up]  # their enlarged inputs need not be in memory
    macs = moved = 0

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal macs, moved
        read = inputs[0].numel() // (4 if module in doubled else 1)
        if isinstance(module, ResidualBlock):
            moved += 2 * read  # once more, for the sum
            return
        moved += 2 * (read + output.numel())
        if isinstance(module, nn.Conv2d):
            macs += output.numel() * module.weight[0].numel()

    for module in twin.modules():
        if isinstance(module, nn.Conv2d | nn.InstanceNorm2d | ResidualBlock):
            module.register_forward_hook(count)
    twin(torch.empty(1, 3, height, width, device="meta"))
    return Work(macs, moved)


def ceilings(device: Device) -> tuple[float, float]:
    """Measure operations per second of a large float16 product, bytes per second of a copy."""
    place = device.place
    a, b = (torch.randn(SIDE, SIDE, device=place, dtype=torch.float16) for _ in range(2))
    product = seconds_per_frame(lambda: a @ b, device)
    source, target = (torch.empty(COPIED, device=place, dtype=torch.uint8) for _ in range(2))
    copy = seconds_per_frame(lambda: target.copy_(source), device)
    return 2 * SIDE**3 / product, 2 * COPIED / copy
