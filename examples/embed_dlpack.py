"""Paint tensors of PyTorch, or of whatever speaks DLPack, where they are and without a copy.

On a GPU the painting is done in the order of PyTorch's own stream and nobody waits for it; on the
CPU tensors and arrays share their memory.
"""

from functools import cache
from typing import Any

import numpy as np
import torch

from nst_rt import Stylizer
from nst_rt.model import read_model
from nst_rt.sessions import open_session


@cache
def on_gpu(style: str) -> Any:
    return open_session(read_model(style, flavour="fp16"), device="cuda")


@cache
def on_cpu(style: str) -> Stylizer:
    return Stylizer(style, device="cpu", size="full")


def paint(pictures: torch.Tensor, style: str = "the-scream") -> torch.Tensor:
    """Paint a batch of pictures, uint8 N×H×W×3, on the device that they are on."""
    pictures = torch.from_dlpack(pictures)
    if not pictures.is_cuda:
        return torch.from_dlpack(on_cpu(style)(np.from_dlpack(pictures)))
    paintings = torch.empty_like(pictures, memory_format=torch.contiguous_format)
    stream = torch.cuda.current_stream().cuda_stream
    on_gpu(style).paint_on_device(pictures.contiguous(), paintings, stream=stream)
    return paintings


if __name__ == "__main__":
    device = "cuda" if torch.cuda.is_available() else "cpu"
    noise = torch.randint(0, 256, (2, 240, 320, 3), dtype=torch.uint8, device=device)
    print(paint(noise).float().mean((1, 2)).round())
