from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from nst_rt.errors import ModelError
from nst_train.checkpoint import (
    latest_checkpoint,
    pack,
    read_checkpoint,
    unpack,
    write_checkpoint,
)
from nst_train.loop import Plan, TrainingState, start
from nst_train.network import NetworkConfig, StyleNetwork

TENSORS = {
    "network.a": torch.arange(6.0).view(2, 3),
    "ema.a": torch.tensor(2.5),
    "half": torch.ones(3, dtype=torch.float16),
    "random": torch.arange(5, dtype=torch.uint8),
}
HEADER = {"step": 7, "config": {"style": "é.png", "weights": [1, 2.5]}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "step-0000007.safetensors"
    write_checkpoint(path, TENSORS, HEADER)
    return path


def test_what_was_written_is_read(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    assert checkpoint.header == HEADER
    assert checkpoint.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert checkpoint.tensors[name].dtype == tensor.dtype
        assert torch.equal(checkpoint.tensors[name], tensor)
    assert list(checkpoint.part("network")) == ["a"]


def test_equal_contents_give_equal_bytes_whatever_their_order(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    write_checkpoint(other, dict(reversed(TENSORS.items())), dict(reversed(HEADER.items())))
    assert other.read_bytes() == path.read_bytes()
    head = json.loads(path.read_bytes()[8:].split(b"}}", 1)[0] + b"}}")
    assert list(head["__metadata__"]) == sorted(head["__metadata__"])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, derandomize=True
)
@given(data=st.data())
def test_one_changed_byte_is_found_wherever_it_is(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    where = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[where] ^= 1 << data.draw(st.integers(0, 7))
    damaged = path.with_name("damaged.safetensors")
    damaged.write_bytes(changed)
    with suppress(ModelError):
        checkpoint = read_checkpoint(damaged)
        # only white space
        assert checkpoint.header == HEADER
        assert all(torch.equal(checkpoint.tensors[key], TENSORS[key]) for key in TENSORS)


@pytest.mark.parametrize("size", [0, 4, 8, 100, -1])
def test_a_torso_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelError, match="not a readable checkpoint") as caught:
        read_checkpoint(path)
    assert caught.value.exit_code == 4


def test_files_of_other_programs_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    held = {
        "features.0.weight": r"looks like the weights of a VGG",
        "deconv1.conv2d.weight": r"looks like a style of PyTorch's fast_neural_style",
        "a\nb" + "x" * 99: r"its tensors: a\\nbx{57}\)$",
    }
    for name, says in held.items():
        save_file({name: torch.ones(2)}, foreign)
        with pytest.raises(ModelError, match=f"not a checkpoint of nst-rt, or .*{says}"):
            read_checkpoint(foreign)
    with pytest.raises(ModelError, match="no such checkpoint"):
        read_checkpoint(tmp_path)


def test_a_header_without_its_seal_is_refused(path: Path) -> None:
    """Otherwise a changed configuration would pass for the one that was trained with."""
    data = path.read_bytes()
    assert data.count(b"nst_train.header_sha256") == 1
    path.write_bytes(data.replace(b"nst_train.header_sha256", b"nst_train.nothing_sha25"))
    with pytest.raises(ModelError, match="do not match its hash"):
        read_checkpoint(path)


def test_a_failed_write_leaves_the_old_file_and_no_torso(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, TENSORS, {"step": 8})
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_newest_undamaged_checkpoint_is_found_and_the_others_told_of(path: Path) -> None:
    newer = path.with_name("step-0000009.safetensors")
    newer.write_bytes(path.read_bytes()[:-1])
    newest = path.with_name("step-0000011.safetensors")
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    newest.write_bytes(changed)
    found, skipped = latest_checkpoint(path.parent)
    assert found is not None
    assert found.path == path
    assert [line.split(": ")[0] for line in skipped] == [f"skipped {newest}", f"skipped {newer}"]
    assert "do not match its hash" in skipped[0]


def test_a_folder_without_checkpoints_is_no_error_but_one_of_damaged_ones_is(path: Path) -> None:
    assert latest_checkpoint(path.parent / "nowhere") == (None, [])
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="holds damaged checkpoints only"):
        latest_checkpoint(path.parent)


def test_a_state_comes_back_whole_and_laid_out_as_it_was(tmp_path: Path) -> None:
    def fresh() -> TrainingState:
        shape = NetworkConfig(width=0.25, blocks=0)
        plan = Plan(steps=9, learning_rate=0.01, precision="fp16")
        return start(StyleNetwork(shape), StyleNetwork(shape), plan, torch.device("cpu"))

    state = fresh()
    state.network(torch.rand(1, 3, 16, 16)).sum().backward()
    state.optimizer.step()
    state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 1024.0})
    drawn = torch.get_rng_state()
    write_checkpoint(tmp_path / "x", pack(state), {"step": 1, "skipped": 2})
    other = fresh()
    torch.rand(5)
    unpack(read_checkpoint(tmp_path / "x"), other)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert (other.step, other.skipped, other.scaler.get_scale()) == (1, 2, 1024.0)
    expected, got = pack(state), pack(other)
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(got[name], tensor), name
        assert got[name].stride() == tensor.stride(), name
