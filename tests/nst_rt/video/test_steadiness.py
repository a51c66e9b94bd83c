"""Frames of a scene are painted with common statistics, those of another never with these."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from nst_export.calibration import calibration_photos
from nst_rt import ModelError, ProviderError, Stylizer, UsageError
from nst_rt.video.flow import FlowBlend
from nst_rt.video.steadiness import FLASH, SteadyPainter

OPTIONS = {"device": "openvino", "precision": "fp32", "threads": 1}


@pytest.fixture
def stylizer(steady_style):
    with Stylizer(steady_style, **OPTIONS) as stylizer:
        yield stylizer


@pytest.fixture(scope="module")
def scenes():
    return [np.ascontiguousarray(photo[20:116, 30:190]) for photo in calibration_photos()[:2]]


def entering(scene, count: int) -> list[np.ndarray]:
    """A bright square enters the scene from the left."""
    frames = []
    for index in range(count):
        frame = scene.copy()
        frame[30:70, : 8 * index] = (255, 230, 40)
        frames.append(frame)
    return frames


def apart(one, other) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_first_frame_of_every_scene_is_painted_for_itself(stylizer, scenes) -> None:
    painter = SteadyPainter(stylizer)
    for scene in (scenes[0], scenes[1], scenes[0][::-1].copy()):
        for _ in range(3):
            painted = painter.paint_rgb(scene)
        assert np.abs(painted.astype(int) - stylizer(scene)).max() <= 1


def test_what_enters_changes_the_rest_less(stylizer, scenes) -> None:
    frames = entering(scenes[0], 6)
    still = (slice(None), slice(100, None))
    drift = {}
    for smoothing in (0.0, 0.9, 1.0):
        painter = SteadyPainter(stylizer, smoothing=smoothing)
        painted = [painter.paint_rgb(frame)[still] for frame in frames]
        drift[smoothing] = apart(painted[0], painted[-1])
    plain = apart(stylizer(frames[0])[still], stylizer(frames[-1])[still])
    assert drift[0.0] == pytest.approx(plain, abs=0.2)
    assert drift[0.9] < 0.7 * plain
    assert drift[1.0] < 0.05 * plain + 0.05


def test_scene_goes_on_after_a_flash_and_a_black_frame(stylizer, scenes) -> None:
    frames = entering(scenes[0], 4)
    for flash in (np.full_like(frames[0], 255), np.zeros_like(frames[0]), scenes[1]):
        painter, calm = (SteadyPainter(stylizer, smoothing=1.0) for _ in range(2))
        for frame in frames:
            expected = calm.paint_rgb(frame)
        painter.paint_rgb(frames[0])
        painter.paint_rgb(flash)
        assert (painter.paint_rgb(frames[-1]) == expected).all()


def test_nothing_is_kept_of_the_black_before_a_scene_fades_in(stylizer, scenes) -> None:
    painter = SteadyPainter(stylizer)
    black, dim = np.zeros_like(scenes[0]), (scenes[0] * 0.05).astype(np.uint8)
    for _ in range(2):
        painter.paint_rgb(black)
    assert np.abs(painter.paint_rgb(dim).astype(int) - stylizer(dim)).max() <= 1


def test_scene_that_is_long_gone_begins_anew(stylizer, scenes) -> None:
    frames = entering(scenes[0], 4)
    painter = SteadyPainter(stylizer, smoothing=1.0)
    painter.paint_rgb(frames[0])
    for _ in range(FLASH + 1):
        painter.paint_rgb(scenes[1])
    assert np.abs(painter.paint_rgb(frames[-1]).astype(int) - stylizer(frames[-1])).max() <= 1


@pytest.mark.parametrize("flow", [0.0, 0.6])
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_restored_state_goes_on_to_the_last_bit(stylizer, scenes, flow: float, stop: int) -> None:
    frames = [*entering(scenes[0], 5), scenes[1], scenes[1] // 2, *entering(scenes[0], 2)]
    whole = SteadyPainter(stylizer, flow=flow)
    expected = [whole.paint_rgb(frame) for frame in frames]
    first, second = (SteadyPainter(stylizer, flow=flow) for _ in range(2))
    painted = [first.paint_rgb(frame) for frame in frames[:stop]]
    text = json.dumps(first.state())
    second.restore(json.loads(text))
    painted += [second.paint_rgb(frame) for frame in frames[stop:]]
    assert all((a == b).all() for a, b in zip(painted, expected, strict=True))
    assert (json.dumps(second.state()) == json.dumps(whole.state())) is True
    if not flow:
        assert len(text) < 20_000
    whole.reset()
    assert (whole.paint_rgb(frames[0]) == expected[0]).all()


def test_frames_that_the_caller_uses_again_are_not_kept(stylizer, scenes) -> None:
    frames = entering(scenes[0], 3)
    honest, reusing = (SteadyPainter(stylizer, flow=0.6) for _ in range(2))
    buffer = np.empty_like(frames[0])
    for frame in frames:
        expected = honest.paint_rgb(frame)
        buffer[...] = frame
        painted = reusing.paint_rgb(buffer)
        assert (painted == expected).all()
        painted[...] = 0


def test_working_size_and_strength_are_those_of_the_stylizer(steady_style, scenes) -> None:
    frame = np.tile(scenes[0], (2, 2, 1))
    with Stylizer(steady_style, size=100, strength=0.5, keep_color=True, **OPTIONS) as stylizer:
        painted = SteadyPainter(stylizer, flow=0.5).paint_rgb(frame)
        assert painted.shape == frame.shape
        assert np.abs(painted.astype(int) - stylizer(frame)).max() <= 1


def test_frames_of_another_size_follow(stylizer, scenes) -> None:
    painter = SteadyPainter(stylizer, flow=0.5)
    painter.paint_rgb(scenes[0])
    assert painter.paint_rgb(scenes[0][:50, :80].copy()).shape == (50, 80, 3)
    assert painter.paint_rgb(scenes[0][:9, :9].copy()).shape == (9, 9, 3)


def test_what_cannot_be_is_said_before_the_first_frame(stylizer, model_path, monkeypatch) -> None:
    with pytest.raises(UsageError, match=r"smoothing is 1\.5; choose it in 0…1"):
        SteadyPainter(stylizer, smoothing=1.5)
    with pytest.raises(UsageError, match="flow is -1"):
        SteadyPainter(stylizer, flow=-1)
    with (
        Stylizer(model_path, **OPTIONS) as plain,
        pytest.raises(ModelError, match=r"thin\.steady\.onnx beside it.*--variant steady"),
    ):
        SteadyPainter(plain)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ProviderError, match=r'OpenCV .*pip install "nst-rt\[live\]"'):
        SteadyPainter(stylizer, flow=0.5)
    SteadyPainter(stylizer)


def test_painting_moves_along_with_what_it_shows() -> None:
    """The painting before has a mark on the left half, which moves by six pixels."""
    photo = np.ascontiguousarray(calibration_photos()[0][:128, :192])
    moved = np.roll(photo, 6, axis=1)
    painted = photo.copy()
    painted[40:80, 40:80] = (255, 0, 0)
    plain = np.full_like(photo, 128)
    blended = FlowBlend(1.0).blend(moved, plain, photo, painted)
    inside = blended[50:70, 56:76].astype(int)
    assert np.abs(inside - (255, 0, 0)).mean() < 12
    assert np.abs(blended[50:70, 100:150].astype(int) - moved[50:70, 100:150]).mean() < 12
    unlike = FlowBlend(1.0).blend(calibration_photos()[1][:128, :192].copy(), plain, photo, painted)
    assert np.abs(unlike.astype(int) - plain).mean() < 25
