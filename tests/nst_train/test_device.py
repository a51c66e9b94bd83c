from __future__ import annotations

import pytest
import torch

from nst_rt.errors import ProviderError, UsageError
from nst_train.device import choose_device, choose_precision

CPU = torch.device("cpu")


def test_auto_takes_cuda_only_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU


def test_a_device_that_is_not_here_is_no_silent_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ProviderError, match="cuda:1 is not available") as caught:
        choose_device("cuda:1")
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["gpu", "", "meta"])
def test_devices_that_do_not_exist_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda"):
        choose_device(name)


@pytest.mark.parametrize(
    ("here", "precision"),
    [({}, "fp32"), ({"avx512_bf16": True}, "bf16"), ({"amx_bf16": 1}, "bf16")],
)
def test_auto_precision_is_bf16_where_it_has_instructions(
    here: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: here)
    assert choose_precision("auto", CPU) == precision
    assert choose_precision("fp16", CPU) == "fp16"
