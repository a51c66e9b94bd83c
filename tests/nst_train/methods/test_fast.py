from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nst_rt.errors import UsageError
from nst_train.methods.fast import FastLoss, FastObjective
from nst_train.perceptual import PerceptualNetwork, load_features
from nst_train.photos import Batch

OBJECTIVE = FastObjective(
    style_weight=5.0,
    tv_weight=0.5,
    content_layer="relu2_1",
    style_layers=("relu1_1", "relu3_1"),
)


@pytest.fixture
def perceptual() -> PerceptualNetwork:
    return load_features("untrained")


@pytest.fixture
def asked(perceptual: PerceptualNetwork, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The layers of every pass through the perceptual network."""
    passes: list[list[str]] = []
    forward = perceptual.forward

    def counted(x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        passes.append(list(layers))
        return forward(x, layers)

    monkeypatch.setattr(perceptual, "forward", counted)
    return passes


def batch(count: int = 2, size: int = 32) -> Batch:
    return Batch(torch.rand(count, 3, size, size), tuple(range(count)))


def values(loss: FastLoss, photos: Batch, output: Tensor) -> dict[str, float]:
    return {name: value.item() for name, value in loss(photos, output).items()}


def test_total_is_the_weighted_sum(perceptual: PerceptualNetwork) -> None:
    loss = FastLoss(perceptual, torch.rand(1, 3, 40, 40), OBJECTIVE)
    got = values(loss, batch(), torch.rand(2, 3, 32, 32))
    assert list(got) == ["total", "content", "style", "variation"]
    expected = got["content"] + 5.0 * got["style"] + 0.5 * got["variation"]
    assert got["total"] == pytest.approx(expected, rel=1e-6)


def test_variation_without_weight_is_not_computed(perceptual: PerceptualNetwork) -> None:
    objective = replace(OBJECTIVE, tv_weight=0.0)
    loss = FastLoss(perceptual, torch.rand(1, 3, 40, 40), objective)
    assert list(values(loss, batch(), torch.rand(2, 3, 32, 32))) == ["total", "content", "style"]


def test_each_loss_is_nought_where_it_should_be(perceptual: PerceptualNetwork) -> None:
    painting, photos = torch.rand(1, 3, 32, 32), batch(1)
    loss = FastLoss(perceptual, painting, OBJECTIVE)
    photo, copy = values(loss, photos, photos.images), values(loss, photos, painting)
    assert photo["content"] < 1e-4  # targets are kept in bfloat16
    assert copy["style"] < 1e-8
    assert copy["variation"] == pytest.approx(1)
    assert values(loss, photos, torch.full((1, 3, 32, 32), 0.5))["variation"] == 0


def test_losses_do_not_change_with_the_scale_of_the_perceptual_network(
    perceptual: PerceptualNetwork,
) -> None:
    """Two families of VGG weights differ by a factor of about fifty in every layer."""
    painting, photos, output = torch.rand(1, 3, 40, 40), batch(), torch.rand(2, 3, 32, 32)
    before = values(FastLoss(perceptual, painting, OBJECTIVE), photos, output)
    for name, buffer in perceptual.chains[0].named_buffers():
        if name in ("weight1_1", "bias1_1") or name.startswith("bias"):
            buffer *= 57.0
    after = values(FastLoss(perceptual, painting, OBJECTIVE), photos, output)
    assert after == pytest.approx(before, rel=1e-4)


def test_losses_hardly_change_with_the_size_of_the_pictures(perceptual: PerceptualNetwork) -> None:
    """A repeated pattern is the same pattern: only the padded border and the seams differ."""

    def tiled(tile: Tensor, times: int) -> Tensor:
        return tile.repeat(1, 1, times, times)

    painting, photo, output = torch.rand(3, 1, 3, 32, 32).unbind()
    small, large = (
        values(
            FastLoss(perceptual, tiled(painting, times), OBJECTIVE),
            Batch(tiled(photo, times), (0,)),
            tiled(output, times),
        )
        for times in (4, 8)
    )
    assert large == pytest.approx(small, rel=0.05)


def test_gram_matrices_of_the_painting_are_computed_once(
    perceptual: PerceptualNetwork, asked: list[list[str]]
) -> None:
    loss = FastLoss(perceptual, torch.rand(1, 3, 40, 40), OBJECTIVE, cache_bytes=10**9)
    assert asked == [["relu1_1", "relu3_1"]]
    photos, asked[:] = batch(), []
    for _ in range(3):
        loss(photos, torch.rand(2, 3, 32, 32))
    content, output = ["relu2_1"], ["relu2_1", "relu1_1", "relu3_1"]
    assert asked == [content, content, output, output, output]


def test_content_features_beyond_the_memory_are_computed_again(
    perceptual: PerceptualNetwork, asked: list[list[str]]
) -> None:
    photos, output = batch(3), torch.rand(3, 3, 32, 32)
    one = perceptual(photos.images[:1], ["relu2_1"])["relu2_1"].to(torch.bfloat16).nbytes
    loss = FastLoss(perceptual, torch.rand(1, 3, 40, 40), OBJECTIVE, cache_bytes=2 * one)
    first = values(loss, photos, output)
    asked[:] = []
    assert values(loss, photos, output) == first
    assert asked.count(["relu2_1"]) == 1
    assert len(loss.cache) == 2


def test_what_is_in_memory_changes_no_bit(perceptual: PerceptualNetwork) -> None:
    painting, photos, output = torch.rand(1, 3, 40, 40), batch(3), torch.rand(3, 3, 32, 32)
    kept = FastLoss(perceptual, painting, OBJECTIVE, cache_bytes=10**9)
    kept(photos, output)
    never = FastLoss(perceptual, painting, OBJECTIVE)
    assert values(kept, photos, output) == values(never, photos, output)
    alone = Batch(photos.images[1:2], (1,))
    assert values(kept, alone, output[1:2]) == values(never, alone, output[1:2])


def test_a_layer_out_of_reach_is_refused_at_the_start(perceptual: PerceptualNetwork) -> None:
    objective = replace(OBJECTIVE, content_layer="relu9_1")
    with pytest.raises(UsageError, match="no layer 'relu9_1'"):
        FastLoss(perceptual, torch.rand(1, 3, 40, 40), objective)


def test_a_flat_painting_does_not_divide_by_nothing(perceptual: PerceptualNetwork) -> None:
    loss = FastLoss(perceptual, torch.full((1, 3, 40, 40), 0.5), OBJECTIVE)
    assert all(torch.isfinite(v) for v in loss(batch(), torch.rand(2, 3, 32, 32)).values())
