"""Warping error and flicker see what they should, and the program writes its table."""

from __future__ import annotations

import json
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import steadiness

SHIFT = 4


@pytest.fixture
def flow_folder(tmp_path, photo):
    """A picture that moves by four pixels to the right, with its true flow."""
    folder = tmp_path / "flow"
    folder.mkdir()
    for number, left in ((10, SHIFT), (11, 0)):
        frame = photo[40:120, 40 + left :][:, :96]
        Image.fromarray(frame).save(folder / f"Thing_frame{number}.png")
    coded = np.zeros((80, 96, 3), np.uint16)
    coded[..., 0] = 1
    coded[..., 1] = 32768
    coded[..., 2] = 32768 + 64 * SHIFT
    cv2.imwrite(str(folder / "Thing_flow10_kitti.png"), coded)
    return folder


@pytest.fixture
def clip(tmp_path, photo):
    """Six frames of a fixed camera; a bright square moves in the left half."""
    file = tmp_path / "clip.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for index in range(6):
            picture = photo[:64, :96].copy()
            picture[20:40, 6 * index : 6 * index + 16] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file


def test_true_flow_brings_the_second_frame_onto_the_first(flow_folder) -> None:
    (pair,) = steadiness.read_pairs(flow_folder)
    assert pair.name == "Thing"
    assert steadiness.warping_error(pair.first, pair.second, pair) == 0
    assert pair.mask[:, : -SHIFT - 1].mean() > 0.95
    assert not pair.mask[:, -SHIFT:].any()
    lighter = np.minimum(pair.second.astype(int) + 51, 255).astype(np.uint8)
    assert steadiness.warping_error(pair.first, lighter, pair) == pytest.approx(0.04, rel=0.3)


def test_what_the_flow_does_not_explain_is_masked(flow_folder) -> None:
    file = flow_folder / "Thing_frame11.png"
    covered = np.array(Image.open(file))
    covered[20:50, 30:60] = 255 - covered[20:50, 30:60]
    Image.fromarray(covered).save(file)
    (pair,) = steadiness.read_pairs(flow_folder)
    assert pair.mask[22:48, 30:52].mean() < 0.2


def test_flicker_counts_still_pixels_alone(clip) -> None:
    frames = steadiness.read_clip(clip)
    still = steadiness.still_pixels(frames)
    assert len(still) == 5
    assert not still[0][25:35, 2:4].any()
    assert all(mask[:, 64:].all() for mask in still)
    assert steadiness.flicker(frames, still) < 0.1
    flickering = [frame // 2 + 10 * (index % 2) for index, frame in enumerate(frames)]
    assert steadiness.flicker(flickering, still) == pytest.approx(10, abs=0.2)


def test_blur_shows_in_the_detail(photo) -> None:
    blurred = cv2.GaussianBlur(photo, (0, 0), 2)
    assert steadiness.detail([blurred]) < 0.6 * steadiness.detail([photo])


def test_program_writes_a_row_for_every_way(
    flow_folder, clip, steady_style, network, tmp_path, monkeypatch
) -> None:
    files = {"checkpoint": None, "steady": steady_style.with_name("thin.steady.onnx")}
    card = SimpleNamespace(name=str(steady_style), file=files.__getitem__)
    monkeypatch.setattr(steadiness, "zoo", SimpleNamespace(cards=lambda: (card,)))
    monkeypatch.setattr(steadiness, "load_style", lambda path: (network, {}))
    monkeypatch.setattr(steadiness, "SPEED_SIZE", (48, 64))
    results = tmp_path / "results"
    arguments = ["--flow", flow_folder, "--clip", clip, "--rounds", 1, "--threads", 1]
    arguments += ["--results", results]
    done = CliRunner().invoke(
        steadiness.steadiness, [str(part) for part in arguments], catch_exceptions=False
    )
    assert done.exit_code == 0
    (style,) = json.loads((results / "steadiness.json").read_text())["styles"].values()
    assert [row["painted"] for row in style["rows"]] == [
        "the video", "frame by frame", "smoothed", "smoothed, flow",
    ]  # fmt: skip
    video, single, _, flowed = style["rows"]
    assert video["flicker"] < 0.1
    assert flowed["flicker"] < single["flicker"]
    assert [row["picture"] for row in style["parity"]] == ["as it is", "dim"]
