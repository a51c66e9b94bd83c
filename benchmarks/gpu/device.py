"""The GPU under measurement, through PyTorch; "cpu" in its place is for tests."""

from __future__ import annotations

import gc
from typing import Any

import torch
from torch import Tensor

from nst_rt.errors import ProviderError
from nst_rt.nvidia.driver import query_driver


class Device:
    """The device that paints."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self.is_gpu = place.type == "cuda"

    def facts(self) -> dict[str, Any]:
        """Return the facts that readers of results need."""
        driver = query_driver()
        gpu = driver.gpus[0] if driver.gpus else None
        return {
            "gpu": gpu.name if gpu else self.place.type,
            "capability": gpu.capability if gpu else None,
            "memory_bytes": gpu.memory if gpu else None,
            "driver": driver.version,
            "driver_cuda": driver.cuda,
            "torch_cuda": torch.version.cuda,
        }

    def synchronize(self) -> None:
        """Wait until all streams are done."""
        if self.is_gpu:
            torch.cuda.synchronize(self.place)

    @property
    def stream(self) -> int:
        """Handle of PyTorch's current stream."""
        return torch.cuda.current_stream(self.place).cuda_stream if self.is_gpu else 0

    def free_bytes(self) -> int:
        """Return the free GPU memory, after PyTorch has returned what it does not need."""
        if not self.is_gpu:
            return 0
        gc.collect()
        self.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self.place)[0]

    def pinned(self, tensor: Tensor) -> Tensor:
        """Return a copy in pinned memory of the host."""
        return tensor.pin_memory() if self.is_gpu else tensor.clone()

    def event(self) -> Any:
        """Return an event of PyTorch's current stream."""
        return torch.cuda.Event() if self.is_gpu else _Done()


def first_gpu() -> Device:
    """Return the first GPU.

    Raises:
        ProviderError: PyTorch finds none.
    """
    if not torch.cuda.is_available():
        raise ProviderError("PyTorch finds no CUDA GPU", cure="run it on a machine with one")
    return Device(torch.device("cuda", 0))


class Addressed:
    """A uint8 tensor as a place in memory, for code that knows no PyTorch."""

    def __init__(self, tensor: Tensor) -> None:
        assert tensor.dtype == torch.uint8
        assert tensor.is_contiguous()
        self._tensor = tensor  # keeps the memory
        self.__cuda_array_interface__ = {
            "shape": tuple(tensor.shape),
            "typestr": "|u1",
            "data": (tensor.data_ptr(), False),
            "version": 3,
        }


class _Done:
    """The event of a device that has always finished: the CPU."""

    def record(self) -> None: ...

    def synchronize(self) -> None: ...
