from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_rt.errors import ModelError
from nst_train.checkpoint import write_checkpoint
from nst_train.config import FastConfig
from nst_train.network import StyleNetwork
from nst_train.style_file import load_style, write_style

CONFIG = FastConfig(style="/secret/a.png", photos="/secret/photos", initial="/secret/b.safetensors")


def weights(network: StyleNetwork) -> dict[str, Tensor]:
    return {f"ema.{name}": value.clone() for name, value in network.state_dict().items()}


def test_a_style_comes_back_with_its_facts_and_no_folder(
    network: StyleNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "style.safetensors"
    write_style(path, network, CONFIG, 7)
    loaded, header = load_style(path)
    assert loaded.config == network.config
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not loaded.training
    assert (header["step"], header["config"]["style"]) == (7, "a.png")
    assert b"secret" not in path.read_bytes()


def test_half_precision_halves_the_file_and_paints_in_float32(
    network: StyleNetwork, tmp_path: Path
) -> None:
    half = StyleNetwork(network.config)
    half.load_state_dict(network.state_dict())
    sizes = []
    for name, module in (("whole", network), ("half", half.half())):
        write_style(tmp_path / name, module, CONFIG, 1)
        sizes.append((tmp_path / name).stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]
    assert load_style(tmp_path / "half")[0].last.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ema.last.bias": None},
            r"1 keys missing, 0 unexpected, 0 of another shape \(first: last.b",
        ),
        ({"ema.extra": torch.ones(1)}, "0 keys missing, 1 unexpected"),
        ({"ema.last.bias": torch.ones(4)}, "1 of another shape"),
        ({"ema.last.bias": torch.full((3,), torch.nan)}, "weights of last.bias are not finite"),
        ({"ema.last.bias": torch.full((3,), torch.inf)}, "weights of last.bias are not finite"),
    ],
)
def test_other_architectures_and_broken_weights_are_refused(
    network: StyleNetwork, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    tensors = {k: v for k, v in (weights(network) | change).items() if v is not None}
    write_checkpoint(tmp_path / "x", tensors, {"network": network.config.as_dict()})
    with pytest.raises(ModelError, match=message) as caught:
        load_style(tmp_path / "x")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"config": {"width": 0.25}},
        {"network": {"width": 99, "blocks": 1, "upsample": "nearest"}},
        {"network": {"width": 0.25, "blocks": 1, "upsample": "nearest", "heads": 4}},
        {"network": 3},
    ],
)
def test_networks_that_we_do_not_know_are_refused(
    network: StyleNetwork, tmp_path: Path, header: dict[str, Any]
) -> None:
    write_checkpoint(tmp_path / "x", weights(network), header)
    with pytest.raises(ModelError, match="holds no style network that we know"):
        load_style(tmp_path / "x")
