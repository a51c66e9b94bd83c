"""The gradients of one batch: computed anew each time, or on CUDA captured once and replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from nst_train.photos import Batch

Precision = Literal["fp32", "bf16", "fp16"]
Objective = Callable[[Batch, Tensor], Mapping[str, Tensor]]
"""A function from a batch and the network's output to named losses; "total" is minimized."""

WARM_UP = 3
"""Runs before a capture, in which libraries choose their kernels and take their workspaces."""


class Gradients:
    """A function of a batch: returns its losses, leaves its gradients in the network."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        scaler: torch.amp.GradScaler,
        precision: Precision,
    ) -> None:
        self.network, self.objective = network, objective
        self.scaler, self.precision = scaler, precision
        self.device = next(network.parameters()).device

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        images = batch.images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with self._autocast():
            output = self.network(images)
        losses = self.objective(Batch(images, batch.indices), output)
        for parameter in self.network.parameters():
            parameter.grad = None
        self.scaler.scale(losses["total"]).backward()  # type: ignore[no-untyped-call]
        return losses

    def _autocast(self) -> torch.autocast:
        """Return autocast without its cache: a capture must not meet weights cast outside it."""
        dtype = torch.float16 if self.precision == "fp16" else torch.bfloat16
        enabled = self.precision != "fp32"
        return torch.autocast(self.device.type, dtype, enabled=enabled, cache_enabled=False)


class CapturedGradients(Gradients):
    """`Gradients` as one CUDA graph: a batch costs one launch instead of three thousand.

    Every batch has the first one's shape. The objective may depend on the pictures alone, not on
    their indices, and the losses are valid until the next call.
    """

    graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        if self.graph is None:
            self._capture(batch)
        assert self.graph is not None
        self.images.copy_(batch.images, non_blocking=True)
        self.graph.replay()
        return self.losses

    def _capture(self, batch: Batch) -> None:
        self.images = batch.images.to(self.device, memory_format=torch.channels_last)
        mine = Batch(self.images, batch.indices)
        aside = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        current = torch.cuda.current_stream(self.device)
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                super().__call__(mine)
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # thread_local: other threads read photos meanwhile
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.losses = super().__call__(mine)
        self.graph = graph
