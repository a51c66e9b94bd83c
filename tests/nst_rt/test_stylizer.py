"""`Stylizer`: the same kind of picture back, the same bytes each time, honest about itself."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from nst_export.graph import style_graph
from nst_rt import Stylizer
from nst_rt.errors import (
    ClosedError,
    InputError,
    LimitError,
    ModelError,
    OutputError,
    UsageError,
)
from nst_rt.images import restore_detail, shrink
from nst_rt.model import PREFIX
from nst_train.network import paint


@pytest.fixture(scope="module")
def stylizer(model_path: Path):
    with Stylizer(model_path, threads=1, precision="fp32") as stylizer:
        yield stylizer


@pytest.fixture(scope="module")
def painting(stylizer, photo) -> np.ndarray:
    return stylizer(photo)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_array_equals_the_network(stylizer, photo, network, painting) -> None:
    expected = paint(network, torch.from_numpy(photo[None])).numpy()[0]
    assert np.abs(painting.astype(int) - expected).max() <= 1
    assert painting.flags.c_contiguous


def test_every_kind_comes_back_as_it_was(stylizer, photo, painting, tmp_path: Path) -> None:
    batch = stylizer(np.stack([photo, photo[::-1]]))
    assert batch.shape == (2, *photo.shape)
    assert (batch[0] == painting).all()
    image = stylizer(Image.fromarray(photo))
    assert isinstance(image, Image.Image)
    assert (np.asarray(image) == painting).all()
    data = stylizer(png(photo))
    assert (np.asarray(Image.open(io.BytesIO(data))) == painting).all()
    path = tmp_path / "photo.png"
    path.write_bytes(png(photo))
    assert stylizer(path) == tmp_path / "photo-thin.png"
    assert (np.asarray(Image.open(tmp_path / "photo-thin.png")) == painting).all()


def test_alpha_order_and_layout_come_back(stylizer, photo, painting) -> None:
    alpha = photo[..., :1]
    out = stylizer(np.concatenate([photo, alpha], axis=-1))
    assert (out[..., :3] == painting).all()
    assert (out[..., 3:] == alpha).all()
    assert (stylizer(photo[..., ::-1], color="bgr") == painting[..., ::-1]).all()
    planes = stylizer(photo.transpose(2, 0, 1), layout="chw")
    assert (planes == painting.transpose(2, 0, 1)).all()


def test_painting_goes_where_it_is_told_to(stylizer, photo, painting) -> None:
    out = stylizer.pinned(*photo.shape[:2])
    assert stylizer(photo, out=out) is out
    assert (out == painting).all()
    with_alpha = np.dstack([photo[..., ::-1], photo[..., 0]])
    out = np.zeros_like(with_alpha)
    assert stylizer(with_alpha, color="bgr", out=out) is out
    assert (out == np.dstack([painting[..., ::-1], photo[..., 0]])).all()
    out = stylizer.pinned(*photo.shape[:2], count=2)
    stylizer(np.stack([photo, photo]), size=64, out=out)
    assert (out == stylizer(photo, size=64)).all()


def test_what_cannot_take_the_painting_is_refused(stylizer, photo) -> None:
    with pytest.raises(UsageError, match=r"out is uint8 9×256×3; give uint8 256×256×3, C-contig"):
        stylizer(photo, out=photo[:9])
    with pytest.raises(UsageError, match="256×256×3, not contiguous; give uint8 256×256×3"):
        stylizer(photo, out=np.empty((256, 512, 3), np.uint8)[:, ::2])
    out = np.zeros_like(photo)
    out.flags.writeable = False
    with pytest.raises(UsageError, match="read-only; give an array that may be written"):
        stylizer(photo, out=out)
    for out, kind in (photo.tolist(), "list"), (torch.from_numpy(photo), "torch.Tensor"):
        with pytest.raises(UsageError, match=f"out is {kind}, no NumPy array; give one, uint8 256"):
            stylizer(photo, out=out)
    with pytest.raises(UsageError, match="out is for an array alone; take what is returned"):
        stylizer(png(photo), out=photo)


@pytest.mark.parametrize(
    ("height", "width", "count", "message"),
    [
        (-1, 10, None, "height is -1; give a whole number, 1 or more"),
        (1.5, 10, None, "height is 1.5; give a whole number"),
        (10, "20", None, "width is '20'; give a whole number"),
        (0, 10, None, "height is 0; give"),
        (10, 10, 0, "count is 0; give"),
        (10**9, 10**9, None, "1000000000x1000000000 is .* pixels, the limit is .*; raise max_pix"),
        (10, 10, 10**18, "10×10×3 takes .* MiB of memory, .* are free; ask for fewer or smaller"),
    ],
)
def test_buffer_that_cannot_be_is_refused(stylizer, height, width, count, message) -> None:
    with pytest.raises((UsageError, LimitError), match=message):
        stylizer.pinned(height, width, count=count)
    if count is None:
        with pytest.raises((UsageError, LimitError), match=message):
            stylizer.warmup(height, width)


def one_node_model(path: Path, operator: str = "Identity", **metadata: str) -> Path:
    """A model of one operator that takes and gives pictures."""
    picture = ["N", "H", "W", 3]
    ends = [helper.make_tensor_value_info(name, TensorProto.UINT8, picture) for name in "xy"]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {PREFIX + key: value for key, value in metadata.items()})
    path.write_bytes(model.SerializeToString())
    return path


def test_red_stays_red_in_every_kind(tmp_path: Path) -> None:
    path, file = one_node_model(tmp_path / "identity.onnx"), tmp_path / "red.png"
    red = np.full((9, 7, 3), (255, 0, 0), np.uint8)
    file.write_bytes(png(red))
    with Stylizer(path, threads=1) as identity:
        assert (identity(red) == red).all()
        assert (identity(red[..., ::-1], color="bgr") == red[..., ::-1]).all()
        assert identity(Image.fromarray(red)).getpixel((3, 3)) == (255, 0, 0)
        assert Image.open(io.BytesIO(identity(png(red)))).getpixel((3, 3)) == (255, 0, 0)
        with Image.open(identity(file)) as painted:
            assert painted.getpixel((3, 3)) == (255, 0, 0)


def test_input_is_never_changed(stylizer, photo) -> None:
    before = photo.copy()
    stylizer(photo[::-1], strength=0.3, keep_color=True, size=100)
    assert (photo == before).all()


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 3), (3, 2), (17, 31), (101, 75), (757, 1009)]
)
def test_any_size_is_painted_as_the_network_does_and_stays(stylizer, network, photo, size) -> None:
    """What is smaller than the network takes, and sides that nothing divides."""
    picture = np.resize(photo, (*size, 3))
    painted = stylizer(picture, size="full")
    assert painted.shape == picture.shape
    expected = paint(network, torch.from_numpy(picture[None])).numpy()[0]
    assert np.abs(painted.astype(int) - expected).max() <= 1


def test_what_is_too_small_is_continued_by_its_edge(stylizer, photo) -> None:
    """The painting of a picture that is padded by hand, cut back."""
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
    message = "painting at 256x256 takes about 1[01] MiB of memory, 1 are allowed; .*--size"
    with Stylizer(model_path, max_memory=2**20) as stylizer:
        with pytest.raises(LimitError, match=message):
            stylizer(photo)
        assert stylizer(photo, size=32).shape == photo.shape
    monkeypatch.setattr("nst_rt.images.limits.free_memory", lambda: 2**28)
    flat = np.zeros((1400, 1300, 3), np.uint8)
    with Stylizer(model_path, size="full") as stylizer, pytest.raises(LimitError, match="MiB"):
        stylizer(flat)


def test_what_there_is_of_a_truncated_file_is_painted_if_asked(stylizer, model_path, photo) -> None:
    data = png(photo)
    half = data[: len(data) // 2]
    with pytest.raises(InputError, match=r"truncated after .* or pass allow_truncated"):
        stylizer(half)
    with Stylizer(model_path, precision="fp32", threads=1, allow_truncated=True) as lenient:
        with Image.open(io.BytesIO(lenient(half))) as painted:
            assert painted.size == (256, 256)
        assert lenient(data) == stylizer(data)


def test_picture_that_memory_cannot_hold_is_refused_before_it_is_decoded(model_path, photo) -> None:
    data = png(photo)
    message = "reading 256x256 takes about 1 MiB of memory, 0 are allowed; .*max_memory"
    lazy = Image.open(io.BytesIO(data))
    with Stylizer(model_path, max_memory=2**18, size=16) as stylizer:
        for picture in (data, lazy):
            with pytest.raises(LimitError, match=message):
                stylizer(picture)
        assert stylizer(photo).shape == photo.shape  # is in memory already
    assert lazy.tile  # not decoded


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


def test_output_path_is_not_replaced_unless_told(stylizer, photo, tmp_path: Path) -> None:
    path, target = tmp_path / "photo.png", tmp_path / "out" / "painting.jpg"
    path.write_bytes(png(photo))
    stylizer(path, output=target)
    with pytest.raises(UsageError, match="exists already"):
        stylizer(path, output=target)
    assert stylizer(path, output=target, overwrite=True) == target
    with pytest.raises(OutputError, match="no picture format"):
        stylizer(path, output=tmp_path / "painting.doc")


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


def test_picture_too_long_for_its_format_is_refused_before_it_is_painted(
    stylizer, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "long.png"
    path.write_bytes(png(np.zeros((1, 65_501, 3), np.uint8)))
    monkeypatch.setattr(stylizer._painter, "_run", lambda *given: pytest.fail("painted"))
    with pytest.raises(OutputError, match=r"65501x1 is more than JPEG can hold.*\.png or \.tif"):
        stylizer(path, output=tmp_path / "out.jpg")
    with pytest.raises(OutputError, match="no picture format"):
        stylizer(path, output=tmp_path / "out.doc")
    monkeypatch.setattr("nst_rt.images.writing._LONGEST_SIDE", {"PNG": 1})
    with pytest.raises(OutputError, match="more than PNG can hold"):
        stylizer(path.read_bytes())


def test_output_is_for_a_path_alone(stylizer, photo, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="output is for a path alone"):
        stylizer(photo, output=tmp_path / "out.png")


def test_pil_images_of_other_packages_are_pil_images(stylizer, photo, painting) -> None:
    kind = type("HeifImageFile", (Image.Image,), {"__module__": "pillow_heif"})
    image = Image.fromarray(photo)
    image.__class__ = kind
    assert (np.asarray(stylizer(image)) == painting).all()


def test_lazily_loaded_pil_image_is_held_to_the_limit(model_path, photo) -> None:
    image = Image.open(io.BytesIO(png(photo)))
    with Stylizer(model_path, max_pixels=1000) as stylizer, pytest.raises(LimitError):
        stylizer(image)
    assert image.tile  # not decoded


def test_metadata_of_a_model_has_no_say_in_where_a_painting_goes(photo, tmp_path: Path) -> None:
    model = one_node_model(tmp_path / "mine.fp16.onnx", schema="1", name="../../elsewhere/x")
    path = tmp_path / "photo.png"
    path.write_bytes(png(photo))
    with Stylizer(model, threads=1) as stylizer:
        assert stylizer(path) == tmp_path / "photo-mine.png"


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

    def slow(image: np.ndarray) -> np.ndarray:
        begun.set()
        assert closed.wait(20)
        return run(image)

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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.5}, "strength is 1.5"),
        ({"size": 0}, "size is 0"),
        ({"size": "half"}, "size is 'half'"),
        ({"strength": "full"}, "strength is full"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_wrong_options_are_named(model_path, options, message) -> None:
    with pytest.raises(UsageError, match=message):
        Stylizer(model_path, **options)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda photo: 7, "got int$"),
        (lambda photo: [photo, photo], "got list; call it once per picture, or stack them N×H×W×3"),
        (lambda photo: io.BytesIO(png(photo)), r"got BytesIO; pass its bytes: file.read\(\)"),
        (torch.from_numpy, "got Tensor; pass numpy.asarray of it"),
    ],
)
def test_other_things_are_refused_with_the_way_in(stylizer, photo, make, says) -> None:
    with pytest.raises(InputError, match=f"expected an array, PIL image, bytes or path, {says}"):
        stylizer(make(photo))


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


def test_import_loads_numpy_and_nothing_else() -> None:
    code = """
import sys, numpy
before = set(sys.modules)
import nst_rt
heavy = "torch onnxruntime openvino cv2 av PIL rich click onnx safetensors".split()
assert not [name for name in heavy if name in sys.modules]
assert len(set(sys.modules) - before) < 12, sorted(set(sys.modules) - before)
assert nst_rt.Stylizer.__name__ == "Stylizer"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_takes_little_memory() -> None:
    code = """
from pathlib import Path
import nst_rt
lines = Path("/proc/self/status").read_text().splitlines()
assert int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) < 40 * 1024
"""
    subprocess.run([sys.executable, "-c", code], check=True)


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
