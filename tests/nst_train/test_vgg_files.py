from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nst_rt.errors import ModelError
from nst_train.vgg_files import CONVOLUTIONS, arrange, read_weights, untrained

Tensors = dict[str, Tensor]


def saved(tensors: Tensors, folder: Path, suffix: str = ".safetensors") -> Path:
    path = folder / f"features{suffix}"
    if suffix == ".npz":
        np.savez(path, **{key: tensor.numpy() for key, tensor in tensors.items()})
    else:
        save_file(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_cut_file_gives_the_layers_it_holds(
    vgg19_tensors: Tensors, tmp_path: Path, suffix: str
) -> None:
    weights = read_weights(saved(vgg19_tensors, tmp_path, suffix))
    names = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4"]
    assert sorted(weights.convolutions) == names
    assert weights.padding == "zeros"
    assert torch.equal(weights.convolutions["3_4"][0], vgg19_tensors["features.16.weight"])


def test_slim_file_has_heads_and_reflection(slim_tensors: Tensors, tmp_path: Path) -> None:
    weights = read_weights(saved(slim_tensors, tmp_path))
    assert len(weights.convolutions) == 13
    assert sorted(weights.heads) == ["1_1", "2_1", "3_1", "4_1", "5_1"]
    assert weights.padding == "reflect"


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_whole_networks_are_numbered_as_torchvision_does(name: str) -> None:
    """Its layout is convolution, ReLU, …, pool; the classifier is passed over."""
    tensors: Tensors = {"classifier.0.weight": torch.full((2, 2), torch.nan)}
    names, inputs, index = [], 3, 0
    for block, count in enumerate(CONVOLUTIONS[name], start=1):
        for step in range(1, count + 1):
            tensors[f"features.{index}.weight"] = torch.full((4, inputs, 3, 3), float(len(names)))
            tensors[f"features.{index}.bias"] = torch.zeros(4)
            names.append(f"{block}_{step}")
            inputs, index = 4, index + 2
        index += 1
    weights = arrange(tensors, Path("x"))
    assert list(weights.convolutions) == names
    assert [weight[0, 0, 0, 0].item() for weight, _ in weights.convolutions.values()] == [
        *range(len(names))
    ]


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> object:
            return (Path(tmp_path / "sprung").touch, ())

    path = tmp_path / "vgg19.pth"
    torch.save({"features.0.weight": Trap()}, path)
    with pytest.raises(ModelError, match=r"pickles \(.pth, .pt\) are not opened"):
        read_weights(path)
    trap = tmp_path / "vgg19.npz"
    np.savez(trap, **{"features.0.weight": np.array([Trap()], dtype=object)})
    with pytest.raises(ModelError, match="not a readable safetensors or npz file"):
        read_weights(trap)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04" + bytes(100)])
def test_other_files_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a readable safetensors or npz file") as caught:
        read_weights(path)
    assert caught.value.exit_code == 4


def test_absent_file_names_what_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file .* give vgg16, vgg19 or a file"):
        read_weights(tmp_path / "vgg.safetensors")


def test_weights_of_something_else_are_refused_by_their_keys(tmp_path: Path) -> None:
    path = saved({"ema.down.0.conv.weight": torch.ones(1)}, tmp_path)
    with pytest.raises(
        ModelError, match=r"no perceptual network that we know \(its keys: ema.down"
    ):
        read_weights(path)


def test_layers_that_do_not_follow_each_other_are_refused(
    vgg19_tensors: Tensors, slim_tensors: Tensors, tmp_path: Path
) -> None:
    def refused(tensors: Tensors, message: str) -> None:
        with pytest.raises(ModelError, match=message):
            read_weights(saved(tensors, tmp_path))

    no_bias = {key: t for key, t in vgg19_tensors.items() if key != "features.5.bias"}
    refused(no_bias, r"features\.5\.bias is missing")
    refused(
        vgg19_tensors | {"features.5.weight": torch.ones(5, 9, 3, 3)}, r"conv2_1 is \(5, 9, 3, 3\)"
    )
    headless = {key: t for key, t in slim_tensors.items() if not key.startswith("conv5_1")}
    refused(headless, "head5_1 has no conv5_1 below it")


def test_untrained_network_is_the_same_every_time() -> None:
    one, two = untrained().convolutions, untrained().convolutions
    assert all(torch.equal(one[name][0], two[name][0]) for name in one)
    assert sorted(one)[-1] == "5_3"
