"""Each operator against PyTorch, as the CPU computes it and as the GPU's kernels do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.nst_rt.ops.graphs import half, normalized, one_operator, reals, run, tensors

NORMALIZE: dict[str, Any] = {
    "shuffle": 1, "crop": 0, "pad": 0, "edge": 0, "relu": 0, "residual_pad": 0, "epsilon": 1e-5,
}  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"relu": 1, "pad": 1}, id="reflected"),
        pytest.param({"pad": 4, "edge": 1}, id="repeated"),
        pytest.param({"shuffle": 2, "crop": 1, "relu": 1, "pad": 4}, id="shuffled"),
    ],
)
def test_normalize_is_instance_normalization_with_all_that_comes_after(
    operators, attributes
) -> None:
    given = {**NORMALIZE, **attributes}
    channels = 16 * given["shuffle"] ** 2
    inputs = {
        "x": half(2, 7, 9, channels, mean=30.0),
        "scale": reals(16),
        "bias": reals(16, seed=1),
    }
    got = run(operators, one_operator("Normalize", inputs, 3, **given), inputs)
    expected = normalized(*tensors(inputs), **given)
    assert got.shape == expected.shape
    torch.testing.assert_close(torch.from_numpy(got).float(), expected, rtol=2e-3, atol=2e-3)


def test_normalize_adds_an_earlier_layer_that_has_an_edge(operators) -> None:
    given = {**NORMALIZE, "pad": 1, "residual_pad": 1}
    inputs = {
        "x": half(2, 6, 5, 64), "scale": reals(64), "bias": reals(64, seed=1),
        "residual": half(2, 8, 7, 64, seed=2),
    }  # fmt: skip
    got = run(operators, one_operator("Normalize", inputs, 3, **given), inputs)
    expected = normalized(*tensors(inputs), **given)
    torch.testing.assert_close(torch.from_numpy(got).float(), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("shape", [(600, 3), (4, 150)], ids=["tall", "wide"])
def test_normalize_shares_many_rows_and_pixels_out(operators, shape) -> None:
    given = {**NORMALIZE, "pad": 1}
    inputs = {"x": half(1, *shape, 32), "scale": reals(32), "bias": reals(32, seed=1)}
    got = run(operators, one_operator("Normalize", inputs, 3, **given), inputs)
    expected = normalized(*tensors(inputs), **given)
    torch.testing.assert_close(torch.from_numpy(got).float(), expected, rtol=2e-3, atol=2e-3)


def test_what_kernels_cannot_do_is_refused(on_cpu: Path) -> None:
    for channels, attributes, told in (
        (24, {}, "takes 8, 16, 32, 64, 128 or 256 channels"),
        (16, {"pad": 5}, "smaller than its edge"),
        (16, {"shuffle": 3}, "shuffles by 1 or 2"),
    ):
        given = {**NORMALIZE, **attributes}
        inputs = {"x": half(1, 5, 5, channels), "scale": reals(channels), "bias": reals(channels)}
        with pytest.raises(Exception, match=told):
            run(on_cpu, one_operator("Normalize", inputs, 3, **given), inputs)
    painting = {"x": half(1, 2, 2, 12), "bias": reals(3), "image": np.zeros((1, 4, 4, 3), np.uint8)}
    with pytest.raises(Exception, match="Finish takes 16 channels"):
        run(on_cpu, one_operator("Finish", painting, 1), painting)
    gray = {"image": np.zeros((1, 4, 4, 1), np.uint8)}
    with pytest.raises(Exception, match="Begin takes N×H×W×3"):
        run(on_cpu, one_operator("Begin", gray, 1, pad=4, multiple=4, least=16), gray)


@pytest.mark.parametrize("size", [(16, 16), (21, 18), (5, 40)])
def test_begin_pads_as_the_network_does(operators, size) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    model = one_operator("Begin", {"image": image}, 1, pad=4, multiple=4, least=16)
    got = torch.from_numpy(run(operators, model, {"image": image})).float()
    planes = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255
    below, right = (max(16, -(-side // 4) * 4) - side for side in size)
    planes = F.pad(planes, (0, right, 0, below), mode="replicate")
    expected = F.pad(planes, (4,) * 4, mode="reflect").permute(0, 2, 3, 1)
    torch.testing.assert_close(got[..., :3], expected, rtol=1e-3, atol=1e-4)
    assert (got[..., 3:] == 0).all()


def test_finish_makes_pixels_and_cuts_to_the_image(operators) -> None:
    image = np.zeros((2, 7, 10, 3), np.uint8)
    inputs = {"x": half(2, 4, 5, 16), "bias": reals(3), "image": image}
    got = run(operators, one_operator("Finish", inputs, 1), inputs)
    planes = torch.from_numpy(inputs["x"]).float()[..., :12].unflatten(3, (4, 3))
    pixels = F.pixel_shuffle(planes.permute(0, 4, 3, 1, 2).flatten(1, 2), 2).permute(0, 2, 3, 1)
    expected = (255 * torch.sigmoid(pixels + torch.from_numpy(inputs["bias"]))).round()
    assert np.abs(got.astype(int) - expected[:, :7, :10].numpy()).max() <= 1
    assert got.shape == image.shape
