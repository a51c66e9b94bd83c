"""The device that trains, and its arithmetic."""

from __future__ import annotations

from typing import Literal

import torch

from nst_rt.errors import ProviderError, UsageError
from nst_train.gradients import Precision


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the first CUDA device where there is one.

    Raises:
        UsageError: no such kind of device.
        ProviderError: the device is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"device is {name!r}", cure="choose auto, cpu, cuda or cuda:1 …")
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ProviderError(
            f"{name} is not available (CUDA devices found: {count})",
            cure="check the driver and that torch is a CUDA build, or leave out device (--device)",
        )
    return device


def choose_precision(
    asked: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device
) -> Precision:
    """Return the precision asked for; "auto" is bf16 where the device has instructions for it."""
    if asked != "auto":
        return asked
    return "bf16" if _has_bf16(device) else "fp32"


def _has_bf16(device: torch.device) -> bool:
    """Return whether bfloat16 has instructions of its own rather than being emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capability = torch.cpu.get_capabilities()
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))
