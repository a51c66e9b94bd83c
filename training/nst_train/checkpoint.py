"""Checkpoints: safetensors with a JSON header, written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nst_rt.errors import ModelError, shown
from nst_rt.system.atomic import replace_file
from nst_train.loop import TrainingState

SCHEMA = "1"
_PREFIX = "nst_train."
_SEALS = ("schema", "sha256", "header_sha256")
_OTHERS = {
    "features.0.weight": "the weights of a VGG",
    "conv1_1.weight": "a perceptual network",
    "deconv1.conv2d.weight": "a style of PyTorch's fast_neural_style",
}
"""Tensors that mark another program's file, and what that holds."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read from disk: its tensors by name, its header, and where it came from."""

    path: Path
    tensors: dict[str, Tensor]
    header: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors below `name`, without that prefix."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write whole or not at all; equal contents give equal bytes.

    Raises:
        OSError: disk full, not writable, …; a file that was there before stays as it was.
    """
    contents = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    facts = {key: json.dumps(value, sort_keys=True) for key, value in header.items()}
    facts |= {"schema": SCHEMA, "sha256": _digest(contents), "header_sha256": _header_digest(facts)}
    data = save(contents, {_PREFIX + key: value for key, value in facts.items()})
    replace_file(path, _sorted(data))
    _flush_folder(path.parent)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint of ours.

    Raises:
        ModelError: absent, damaged, or another program's.
    """
    if not path.is_file():
        raise ModelError("no such checkpoint", path=path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"not a readable checkpoint ({error})", path=path) from error
    ours = {key.removeprefix(_PREFIX): value for key, value in metadata.items()}
    if ours.get("schema") != SCHEMA:
        raise ModelError(
            f"not a checkpoint of nst-rt, or of a later version ({_looks_like(tensors)})", path=path
        )
    facts = {key: value for key, value in ours.items() if key not in _SEALS}
    seals = _digest(tensors), _header_digest(facts)
    if (ours.get("sha256"), ours.get("header_sha256")) != seals:
        raise ModelError("damaged: its contents do not match its hash", path=path)
    try:
        header = {key: json.loads(value) for key, value in facts.items()}
    except ValueError as error:
        raise ModelError(f"damaged: its header cannot be read ({error})", path=path) from error
    return Checkpoint(path, tensors, header)


def latest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return a run's newest undamaged checkpoint, and a line for each damaged one passed over.

    None stands for a run that ended before its first checkpoint.

    Raises:
        ModelError: there are checkpoints, all of them damaged.
    """
    skipped: list[str] = []
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            return read_checkpoint(path), skipped
        except ModelError as error:
            skipped.append(f"skipped {error}")
    if skipped:
        raise ModelError(
            f"holds damaged checkpoints only ({'; '.join(skipped)})",
            path=folder,
            cure="train into another folder",
        )
    return None, skipped


def pack(state: TrainingState) -> dict[str, Tensor]:
    """Return all tensors of a training state, by name."""
    tensors = {f"network.{key}": value for key, value in state.network.state_dict().items()}
    tensors |= {f"ema.{key}": value for key, value in state.ema.state_dict().items()}
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in slots.items()}
    if state.scaler.is_enabled():
        scaler = state.scaler.state_dict()
        tensors |= {f"scaler.{key}": torch.tensor(value) for key, value in scaler.items()}
    tensors["random"] = torch.get_rng_state()
    return tensors


def unpack(checkpoint: Checkpoint, state: TrainingState) -> None:
    """Put a checkpoint's tensors into a fresh state.

    Memory layouts stay those of the fresh state, since arithmetic on another layout may round
    otherwise.
    """
    state.network.load_state_dict(checkpoint.part("network"))
    state.ema.load_state_dict(checkpoint.part("ema"))
    weights = list(state.network.parameters())
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in checkpoint.part("optimizer").items():
        index, _, name = key.partition(".")
        weight = weights[int(index)]
        if value.shape == weight.shape and value.dim():
            value = torch.empty_like(weight, requires_grad=False).copy_(value)
        slots.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
    if state.scaler.is_enabled():
        scaler = checkpoint.part("scaler")
        state.scaler.load_state_dict({key: value.item() for key, value in scaler.items()})
    torch.set_rng_state(checkpoint.tensors["random"])
    state.step = checkpoint.header["step"]
    state.skipped = checkpoint.header["skipped"]


def _looks_like(tensors: Mapping[str, Tensor]) -> str:
    """Return what a file of another program seems to hold, as a part of one line."""
    for key, kind in _OTHERS.items():
        if key in tensors:
            return f"looks like {kind}"
    names = [shown(name[:60]) for name in sorted(tensors)[:3]]
    return f"its tensors: {', '.join(names) or 'none'}" + (" …" if len(tensors) > 3 else "")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _header_digest(facts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def _sorted(data: bytes) -> bytes:
    """Return a safetensors file with a sorted header: the library's order varies by run."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where folders can be flushed (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
