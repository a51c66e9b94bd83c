from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu.device import Addressed, Device, first_gpu
from nst_rt.errors import ProviderError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of PyTorch's CUDA, which seems to be there."""
    calls: list[str] = []

    def pinned(tensor: torch.Tensor) -> torch.Tensor:
        calls.append("pin_memory")
        return tensor.clone()

    fakes = {
        "is_available": lambda: True,
        "synchronize": lambda place: calls.append(f"synchronize {place}"),
        "empty_cache": lambda: calls.append("empty_cache"),
        "mem_get_info": lambda place: (calls.append(f"mem_get_info {place}"), (123, 456))[1],
        "current_stream": lambda place: SimpleNamespace(cuda_stream=77),
        "Event": lambda: "an event",
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    return calls


def test_memory_is_read_when_nothing_runs_and_nothing_is_cached(calls: list[str]) -> None:
    assert first_gpu().free_bytes() == 123
    assert calls == ["synchronize cuda:0", "empty_cache", "mem_get_info cuda:0"]


def test_pictures_of_a_gpu_are_pinned_and_in_its_stream(calls: list[str]) -> None:
    device, tensor = first_gpu(), torch.arange(3)
    assert device.pinned(tensor).equal(tensor)
    assert (calls, device.stream, device.event()) == (["pin_memory"], 77, "an event")


def test_without_a_gpu_there_is_nothing_to_wait_for(calls: list[str]) -> None:
    device, tensor = Device(torch.device("cpu")), torch.arange(3)
    copy = device.pinned(tensor)
    assert copy.equal(tensor)
    assert copy.data_ptr() != tensor.data_ptr()
    device.event().synchronize()
    assert (device.stream, device.free_bytes(), calls) == (0, 0, [])


def test_no_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ProviderError, match="finds no CUDA GPU; run it on a machine with one"):
        first_gpu()


def test_a_tensor_is_told_by_its_place() -> None:
    tensor = torch.zeros((2, 3), dtype=torch.uint8)
    place = Addressed(tensor).__cuda_array_interface__
    assert (place["shape"], place["data"]) == ((2, 3), (tensor.data_ptr(), False))
