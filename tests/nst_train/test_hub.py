from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_rt.errors import ModelError, ProviderError
from nst_train import hub
from nst_train.probe import MEAN, STD

CAFFE = {"mean": (0.48235, 0.45882, 0.40784), "std": (1 / 255, 1 / 255, 1 / 255)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch.hub's folder of checkpoints, empty, on a machine that reaches nothing."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def out_of_reach(url: str, *args: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", out_of_reach)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def publish(
    tensors: dict[str, Tensor], folder: Path, monkeypatch: pytest.MonkeyPatch, **transforms: object
) -> Path:
    """Write a file and make torchvision name it as the published one."""
    path = folder / "new.pth"
    torch.save(tensors, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    named = path.rename(folder / f"vgg19-{digest[:8]}.pth")
    entry = SimpleNamespace(
        url=f"https://example.com/models/{named.name}",
        transforms=SimpleNamespace(keywords=transforms),
    )
    monkeypatch.setattr(hub, "_entry", lambda name: entry)
    return named


@pytest.mark.parametrize(
    ("name", "file"),
    [("vgg16", "vgg16_features-amdegroot-88682ab5.pth"), ("vgg19", "vgg19-dcbb9e9d.pth")],
)
def test_offline_the_line_says_which_file_goes_where(folder: Path, name: str, file: str) -> None:
    with pytest.raises(ModelError, match="weights are out of reach") as caught:
        hub.published_weights(name)
    assert caught.value.path == folder / file
    assert f"place {file} there (https://" in caught.value.cure
    assert "\n" not in str(caught.value)


def test_a_closed_standard_error_does_not_keep_the_weights_from_being_fetched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(ModelError, match="no route to host"):
        hub.published_weights("vgg19")


def test_another_file_of_that_name_is_refused_before_it_is_opened(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> object:
            return (Path(folder / "sprung").touch, ())

    torch.save({"features.0.weight": Trap()}, folder / "vgg19-dcbb9e9d.pth")
    with pytest.raises(ModelError, match="not the file that torchvision publishes") as caught:
        hub.published_weights("vgg19")
    assert caught.value.exit_code == 4
    assert not (folder / "sprung").exists()


def test_a_file_in_the_folder_is_read(
    folder: Path, vgg19_tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(vgg19_tensors, folder, monkeypatch)
    tensors = hub.published_weights("vgg19")
    assert all(torch.equal(tensors[key], vgg19_tensors[key]) for key in vgg19_tensors)


def test_a_damaged_file_is_told_from_the_published_one(
    folder: Path, vgg19_tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(vgg19_tensors, folder, monkeypatch)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="delete it and try again"):
        hub.published_weights("vgg19")


def test_weights_for_another_normalization_give_the_same_features(
    folder: Path, vgg19_tensors: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(vgg19_tensors, folder, monkeypatch, **CAFFE)
    tensors = hub.published_weights("vgg16")
    x = torch.rand(1, 3, 9, 9)

    def first(weights: dict[str, Tensor], mean: object, std: object) -> Tensor:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
        return F.conv2d((x - mean) / std, weights["features.0.weight"], weights["features.0.bias"])

    expected = first(vgg19_tensors, CAFFE["mean"], CAFFE["std"])
    torch.testing.assert_close(first(tensors, MEAN, STD), expected, rtol=1e-4, atol=1e-3)


def test_torchvision_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ProviderError, match=r'pip install "nst-rt\[train\]"'):
        hub.torchvision_models()
