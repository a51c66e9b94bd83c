"""The plain loop computes what ours computes, and both take turns over the same data."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from benchmarks import training_speed
from benchmarks.peers.plain_training import PlainFeatures, PlainTraining
from benchmarks.training_speed import Turn, alternate, loss_rows, speed_rows
from nst_rt.errors import NstError
from nst_train.methods.fast import style_objective
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.painting import read_painting
from nst_train.perceptual import Chain, PerceptualNetwork
from nst_train.photos import Batch
from nst_train.vgg_files import Weights, untrained


def test_plain_loss_equals_ours(config, photo) -> None:
    terms = style_objective(config, torch.device("cpu"), exact=True)
    painting = read_painting(Path(config.style), long_side=config.style_size)
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=1))
    plain = PlainTraining(network, terms.perceptual, painting, terms.objective)
    photos = torch.from_numpy(photo[:64, :96].copy()).permute(2, 0, 1)[None].float() / 255
    photos = torch.cat([photos, photos.flip(3)])
    painted = network(photos)
    expected = terms(Batch(photos, (0, 1)), painted)["total"].item()
    assert plain.loss(photos, painted).item() == pytest.approx(expected, rel=1e-3)


def test_plain_features_follow_padding_heads_and_the_order_of_files() -> None:
    weights = untrained()
    heads = {"2_1": (torch.randn(6, 8, 1, 1), torch.randn(6))}
    slim = Weights(weights.convolutions, heads, padding="reflect")
    perceptual = PerceptualNetwork([Chain(slim), Chain(weights)], identity="two")
    layers = ("relu2_1", "relu1_2", "relu3_1")
    x = torch.rand(1, 3, 40, 32)
    expected, got = perceptual(x, layers), PlainFeatures(perceptual, layers)(x)
    assert got.keys() == expected.keys()
    for layer in layers:
        torch.testing.assert_close(got[layer], expected[layer])


def run_side_by_side(config) -> dict[str, list[Turn]]:
    """As the program does, with threads in place of processes."""
    sides, threads = {}, []
    for side in (training_speed.ours, training_speed.plain):
        here, there = Pipe()
        threads.append(threading.Thread(target=side, args=(config, there)))
        sides[side.__name__] = here
    for thread in threads:
        thread.start()
    turns = alternate(sides, config.steps, pause_s=0)
    for thread in threads:
        thread.join()
    return turns


def test_both_sides_learn_the_same_from_the_same_start(config) -> None:
    turns = run_side_by_side(config)
    assert {side: len(values) for side, values in turns.items()} == {"ours": 4, "plain": 4}
    for mine, theirs in zip(turns["ours"], turns["plain"], strict=True):
        assert mine.loss == pytest.approx(theirs.loss, rel=2e-2)
    first, last = turns["ours"][0], turns["ours"][-1]
    assert math.isnan(first.final)
    assert last.final == pytest.approx(turns["plain"][-1].final, rel=2e-2)


def test_rows_tell_the_first_epoch_from_the_later_ones() -> None:
    fast = [Turn(0.2, 1.0)] * 4 + [Turn(0.1, 0.5)] * 4
    slow = [Turn(0.4, 1.0)] * 8
    turns = {
        "ours": [Turn(9.0, 1.0), Turn(9.0, 1.0), *fast[2:-1], replace(fast[-1], final=0.51)],
        "plain": [*slow[:-1], replace(slow[-1], final=0.5)],
    }
    first, later = speed_rows(turns, epoch=4)
    assert (first["timed"], first["plain ÷ ours"]) == (2, 2)
    assert (later["timed"], later["plain ÷ ours"]) == (4, 4)
    training, final = loss_rows(turns, epoch=4)
    assert training["difference %"] == -50
    assert final["difference %"] == 2


def test_a_side_that_dies_is_named() -> None:
    here, there = Pipe()
    there.close()
    with pytest.raises((NstError, BrokenPipeError)):
        alternate({"ours": here}, 1, pause_s=0)
