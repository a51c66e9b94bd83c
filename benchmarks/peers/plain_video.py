"""Painting a video as the public examples do: OpenCV reads, PyTorch paints, OpenCV writes, in turn.

The precision is the same class as `Stylizer`'s: bfloat16 autocast where the processor has it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import torch

from nst_train.network import StyleNetwork


@torch.inference_mode()
def paint_video(network: StyleNetwork, source: Path, target: Path, *, bf16: bool) -> int:
    """Paint every frame and return their number; sound and times are lost."""
    reader = cv2.VideoCapture(str(source))
    rate = reader.get(cv2.CAP_PROP_FPS)
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    count = 0
    while True:
        there, frame = reader.read()
        if not there:
            break
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = network(x.contiguous(memory_format=torch.channels_last))
        levels = (y.float() * 255).round().clamp(0, 255).to(torch.uint8)
        writer.write(cv2.cvtColor(levels[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR))
        count += 1
    reader.release()
    writer.release()
    return count
