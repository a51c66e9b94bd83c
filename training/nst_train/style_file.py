"""Files of trained styles: the averaged weights, and the facts that an export needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nst_rt._version import __version__
from nst_rt.errors import ModelError
from nst_train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nst_train.config import FastConfig
from nst_train.network import NetworkConfig, StyleNetwork


def write_style(path: Path, network: StyleNetwork, config: FastConfig, step: int) -> None:
    """Write trained weights in the precision they have, and how they were trained.

    A style is passed on; the folders of the machine that trained it are not.

    Raises:
        OSError: the file cannot be written.
    """
    facts = {
        "network": network.config.as_dict(),
        "config": config.without_folders().as_dict(),
        "step": step,
        "version": __version__,
    }
    weights = {f"ema.{name}": value for name, value in network.state_dict().items()}
    write_checkpoint(path, weights, facts)


def load_style(path: Path) -> tuple[StyleNetwork, dict[str, Any]]:
    """Return the trained (averaged) network of a checkpoint or style file, and its header.

    Raises:
        ModelError: another architecture, damaged, or weights that are not finite.
    """
    checkpoint = read_checkpoint(path)
    network = StyleNetwork(_shape(checkpoint)).eval().requires_grad_(False)
    _load_weights(network, checkpoint)
    return network, checkpoint.header


def _shape(checkpoint: Checkpoint) -> NetworkConfig:
    header = checkpoint.header
    try:
        shape = header.get("network") or {
            key: header["config"][key] for key in ("width", "blocks", "upsample")
        }
        return NetworkConfig(**shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"holds no style network that we know ({error!r})", path=checkpoint.path
        ) from error


def _load_weights(network: StyleNetwork, checkpoint: Checkpoint) -> None:
    weights = checkpoint.part("ema")
    expected = network.state_dict()
    missing = expected.keys() - weights.keys()
    unexpected = weights.keys() - expected.keys()
    reshaped = {
        k for k in expected.keys() & weights.keys() if expected[k].shape != weights[k].shape
    }
    if missing or unexpected or reshaped:
        raise ModelError(
            f"another architecture: {len(missing)} keys missing, {len(unexpected)} unexpected, "
            f"{len(reshaped)} of another shape (first: "
            f"{sorted(missing | unexpected | reshaped)[0]})",
            path=checkpoint.path,
        )
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"weights of {name} are not finite", path=checkpoint.path)
    network.load_state_dict(weights)
