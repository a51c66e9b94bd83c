"""`Stylizer`: paints like the network, the same bytes each time, and describes itself truly."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from nst_export.graph import style_graph
from nst_rt import Stylizer
from nst_rt.errors import ClosedError, InputError, LimitError, ModelError
from nst_rt.images import restore_detail, shrink
from nst_train.network import paint
from tests.nst_rt.inputs import one_node_model, png


def test_array_equals_the_network(stylizer, photo, network, painting) -> None:
    expected = paint(network, torch.from_numpy(photo[None])).numpy()[0]
    assert np.abs(painting.astype(int) - expected).max() <= 1
    assert painting.flags.c_contiguous


def test_input_is_never_changed(stylizer, photo) -> None:
    before = photo.copy()
    stylizer(photo[::-1], strength=0.3, keep_color=True, size=100)
    assert (photo == before).all()


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 3), (3, 2), (17, 31), (101, 75), (757, 1009)]
)
def test_any_size_is_painted_as_the_network_does_and_stays(stylizer, network, photo, size) -> None:
    """Sides smaller than the network's minimum, and prime ones."""
    picture = np.resize(photo, (*size, 3))
    painted = stylizer(picture, size="full")
    assert painted.shape == picture.shape
    expected = paint(network, torch.from_numpy(picture[None])).numpy()[0]
    assert np.abs(painted.astype(int) - expected).max() <= 1


def test_what_is_too_small_is_continued_by_its_edge(stylizer, photo) -> None:
    """Return the painting of a picture that is padded by hand, cropped."""
    tiny = photo[:3, :5]
    padded = np.pad(tiny, ((0, 13), (0, 11), (0, 0)), mode="edge")
    assert np.abs(stylizer(tiny).astype(int) - stylizer(padded)[:3, :5]).max() <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_stay_finite(stylizer, level) -> None:
    out = stylizer(np.full((64, 64, 3), level, np.uint8))
    assert out.shape == (64, 64, 3)


def test_strength_and_colour_are_mixed_in_the_end(stylizer, photo, painting) -> None:
    assert (stylizer(photo, strength=0) == photo).all()
    half = (photo.astype(int) + painting) / 2
    assert np.abs(stylizer(photo, strength=0.5) - half).max() <= 1
    kept = stylizer(photo, keep_color=True).astype(float)
    weights = np.array([0.299, 0.587, 0.114])
    inside = (kept > 0).all(-1) & (kept < 255).all(-1)
    assert np.abs((kept - painting) @ weights)[inside].max() <= 2


def test_large_photo_is_painted_small_and_gets_its_detail_back(stylizer, photo) -> None:
    small = shrink(photo, 100, 100)
    expected = restore_detail(stylizer(small), photo, small)
    assert (stylizer(photo, size=100) == expected).all()
    assert stylizer.working_size(256, 128, size=100) == (100, 50)
    assert stylizer.working_size(256, 128) == (256, 128)
    assert (stylizer(photo, size="full") == stylizer(photo, size=4000)).all()


def test_limit_is_checked_before_anything_is_allocated(model_path, photo) -> None:
    with Stylizer(model_path, max_pixels=1000) as stylizer:
        with pytest.raises(LimitError, match=r"256x256 is 65,536 pixels, the limit is 1,000"):
            stylizer(photo)
        with pytest.raises(LimitError):
            stylizer(png(photo))


def test_what_does_not_fit_into_memory_is_refused_before_it_is_painted(
    model_path, photo, monkeypatch
) -> None:
    message = "painting at 256x256 takes about 12 MiB of memory, 1 are allowed; .*--size"
    options = {"device": "openvino", "precision": "fp32"}
    with Stylizer(model_path, max_memory=2**20, **options) as stylizer:
        with pytest.raises(LimitError, match=message):
            stylizer(photo)
        assert stylizer(photo, size=32).shape == photo.shape
    monkeypatch.setattr("nst_rt.images.limits.free_memory", lambda: 2**28)
    flat = np.zeros((1400, 1300, 3), np.uint8)
    with (
        Stylizer(model_path, size="full", **options) as stylizer,
        pytest.raises(LimitError, match="MiB"),
    ):
        stylizer(flat)


def test_four_threads_give_the_same_bytes(stylizer, photo) -> None:
    pictures = [np.roll(photo, shift, axis=0) for shift in range(6)]
    alone = [stylizer(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(stylizer, pictures * 2))
    assert all((one == two).all() for one, two in zip(alone * 2, together, strict=True))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_same_input_gives_the_same_bytes(engine, model_path, photo) -> None:
    paintings = []
    for _ in range(2):
        with Stylizer(model_path, device=engine, threads=2) as stylizer:
            paintings += [stylizer(photo).tobytes() for _ in range(2)]
    assert len(set(paintings)) == 1


def test_missing_engine_is_an_import_error_when_a_stylizer_is_made(model_path) -> None:
    code = """
import sys
sys.modules["openvino"] = sys.modules["onnxruntime"] = None
import importlib.util
importlib.util.find_spec = lambda name, package=None: None
from nst_rt import Stylizer
try:
    Stylizer(sys.argv[1])
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(model_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'is not installed; pip install "nst-rt[cpu]"' in done.stdout


def test_info_says_what_is_in_use(stylizer, model_path) -> None:
    info = stylizer.info
    assert (info.name, info.precision, info.threads, info.device) == ("thin", "fp32", 1, "cpu")
    assert info.provider.startswith("OpenVINO 20")
    assert info.path == str(model_path)
    assert len(info.sha256) == 64
    assert info.as_dict()["flavour"] == "fp32"


def test_numbers_of_numpy_are_numbers(stylizer, photo) -> None:
    out = stylizer(photo, size=np.int64(100), strength=np.float32(0.5))
    assert (out == stylizer(photo, size=100, strength=0.5)).all()


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_painting_of_another_size_than_the_photo_is_refused(engine, tmp_path: Path) -> None:
    turned = one_node_model(tmp_path / "turned.onnx", "Transpose", schema="1")
    twice = one_node_model(tmp_path / "twice.onnx", schema="1", scale="2")
    for path in (turned, twice) if engine == "openvino" else (turned,):
        with Stylizer(path, device=engine, threads=1) as stylizer, pytest.raises(ModelError) as no:
            stylizer(np.zeros((20, 30, 3), np.uint8))
        assert str(path) in str(no.value)
        assert "\n" not in str(no.value)


def test_closing_while_another_thread_paints_lets_it_finish(model_path, photo, painting) -> None:
    stylizer = Stylizer(model_path, threads=1, precision="fp32")
    session, begun, closed = stylizer._painter._session, threading.Event(), threading.Event()
    run = session.run

    def slow(image: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        begun.set()
        assert closed.wait(20)
        return run(image, out)

    session.run = slow
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(stylizer, photo)
        assert begun.wait(20)
        stylizer.close()
        closed.set()
        assert (result.result(20) == painting).all()
    with pytest.raises(ClosedError):
        stylizer(photo)


def test_closed_stylizer_says_so(model_path, photo) -> None:
    stylizer = Stylizer(model_path, threads=1).warmup(32, 48)
    stylizer.close()
    stylizer.close()
    assert "closed" in repr(stylizer)
    with pytest.raises(ClosedError, match="this Stylizer is closed; make a new one"):
        stylizer(photo)
    with pytest.raises(ClosedError), stylizer:
        pass


def test_with_closes_after_an_exception(model_path) -> None:
    with pytest.raises(InputError), Stylizer(model_path, threads=1) as stylizer:
        stylizer("no such photo.png")
    with pytest.raises(ClosedError):
        stylizer.warmup(16, 16)


def test_no_noise_when_the_interpreter_ends(model_path) -> None:
    code = (
        f"from nst_rt import Stylizer; s = Stylizer({str(model_path)!r}, threads=1).warmup(16, 16)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_fixed_size_model_says_which_size_it_paints(network, photo, tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    path.write_bytes(style_graph(network, {}, size=(48, 64)).SerializeToString())
    with Stylizer(path, threads=1) as stylizer:
        assert stylizer(photo[:48, :64]).shape == (48, 64, 3)
        with pytest.raises(InputError, match="256x256 does not fit this model: it paints 64x48"):
            stylizer(photo)


def test_library_logs_and_never_prints(model_path, photo, capfd, caplog) -> None:
    with caplog.at_level(logging.INFO, "nst_rt"), Stylizer(model_path, threads=1) as stylizer:
        stylizer(photo[:32, :32])
    assert any("OpenVINO" in record.message for record in caplog.records)
    assert capfd.readouterr() == ("", "")


def test_file_that_is_replaced_paints_on_and_is_another_when_opened_again(
    tmp_path: Path, photo, model_path, painting
) -> None:
    path = tmp_path / "style.onnx"
    path.write_bytes(model_path.read_bytes())
    with Stylizer(path, threads=1, precision="fp32") as stylizer:
        was = stylizer.info.sha256
        one_node_model(path)  # over the same bytes, as a careless program writes
        assert (stylizer(photo) == painting).all()
        assert (stylizer(photo[:99]) == stylizer(photo[:99])).all()
        assert stylizer.info.sha256 == was
        with Stylizer(path, threads=1) as other:
            assert other.info.sha256 != was
            assert (other(photo) == photo).all()
        path.unlink()
        assert (stylizer(photo) == painting).all()
