"""Torchvision's published VGG weights, found through torchvision and kept in torch.hub's cache."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import torch
from torch import Tensor

from nst_rt.errors import MissingExtraError, ModelError
from nst_train.probe import MEAN, STD

_OPERATORS = (
    "nms",
    "qnms",
    "roi_align",
    "roi_pool",
    "ps_roi_align",
    "ps_roi_pool",
    "deform_conv2d",
)
_LIBRARIES: list[torch.library.Library] = []


def published_weights(name: str) -> dict[str, Tensor]:
    """Return the state dict of "vgg16" or "vgg19" for inputs normalized by `MEAN` and `STD`.

    The file is downloaded once, compared with the hash in its name every time, and read as tensors
    only.

    Raises:
        MissingExtraError: torchvision is not installed.
        ModelError: out of reach, or not the published file.
    """
    weights = _entry(name)
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / Path(urlsplit(weights.url).path).name
    try:
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            watched = sys.stderr is not None and sys.stderr.isatty()
            torch.hub.download_url_to_file(weights.url, str(file), progress=watched)
        _check_hash(file)
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except (URLError, OSError) as error:
        raise ModelError(
            f"torchvision's {name} weights are out of reach ({error})",
            path=file,
            cure=f"place {file.name} there ({weights.url}), or name a file in features "
            "(--features)",
        ) from error
    expected = weights.transforms.keywords
    return folded(tensors, expected.get("mean", MEAN), expected.get("std", STD))


def _check_hash(file: Path) -> None:
    """Refuse a file whose SHA-256 does not begin with the digits at the end of its name."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        raise ModelError(
            f"not the file that torchvision publishes (its SHA-256 begins with {digest[:8]})",
            path=file,
            cure="delete it and try again",
        )


def folded(
    tensors: dict[str, Tensor], mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Tensor]:
    """Change weights for inputs normalized by `mean` and `std` into ones for `MEAN` and `STD`.

    The change of input is affine per channel, so it goes into the first convolution; only the
    outermost ring of pixels differs a little, where zero padding now stands for another grey.
    """
    if (tuple(mean), tuple(std)) == (MEAN, STD):
        return tensors
    mine = torch.tensor([MEAN, STD], dtype=torch.float64).view(2, 1, 3, 1, 1)
    theirs = torch.tensor([mean, std], dtype=torch.float64).view(2, 1, 3, 1, 1)
    weight, bias = tensors["features.0.weight"].double(), tensors["features.0.bias"].double()
    offset = (weight * (mine[0] - theirs[0]) / theirs[1]).sum((1, 2, 3))
    return tensors | {
        "features.0.weight": (weight * mine[1] / theirs[1]).float(),
        "features.0.bias": (bias + offset).float(),
    }


def torchvision_models() -> Any:
    """Import and return `torchvision.models`.

    Beside a CPU build of torch, PyPI's torchvision does not import, because its compiled operators
    do not load. Its Python parts only need their names, so these are defined.

    Raises:
        MissingExtraError: torchvision is not installed.
    """
    try:
        import torchvision.models as models
    except RuntimeError:
        for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(f"{operator}(Tensor x) -> Tensor")  # type: ignore[no-untyped-call]
        _LIBRARIES.append(library)  # the names live as long as this object
        import torchvision.models as models
    except ImportError as error:
        raise MissingExtraError(
            f"torchvision, which knows where VGG is published, is not installed ({error})",
            cure='pip install "nst-rt[train]", or name a file in features (--features)',
        ) from error
    return models


def _entry(name: str) -> Any:
    """Return torchvision's record of the weights: `url` and `transforms`.

    VGG-16's is the one with the authors' own weights.
    """
    models = torchvision_models()
    if name == "vgg16":
        return models.VGG16_Weights.IMAGENET1K_FEATURES
    return models.VGG19_Weights.IMAGENET1K_V1
