"""Pictures of any kind: the painting is of the same kind, other objects are refused with a cure."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_rt import Stylizer
from nst_rt.errors import InputError, LimitError, OutputError, UsageError
from nst_rt.images.formats import WRITTEN_FORMATS, Format
from tests.nst_rt.inputs import one_node_model, png


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


def test_painting_goes_into_out(stylizer, photo, painting) -> None:
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
    shifted = np.stack([photo, photo[::-1], photo])
    expected = stylizer(shifted[:2])
    stylizer(shifted[:2], out=shifted[1:])
    assert (shifted[1:] == expected).all()
    over = photo.copy()
    assert stylizer(over, out=over) is over
    assert (over == painting).all()


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


def test_output_path_is_not_replaced_unasked(stylizer, photo, tmp_path: Path) -> None:
    path, target = tmp_path / "photo.png", tmp_path / "out" / "painting.jpg"
    path.write_bytes(png(photo))
    stylizer(path, output=target)
    with pytest.raises(UsageError, match="exists already"):
        stylizer(path, output=target)
    assert stylizer(path, output=target, overwrite=True) == target
    with pytest.raises(OutputError, match="no picture format"):
        stylizer(path, output=tmp_path / "painting.doc")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_output_that_is_no_file_is_not_replaced(stylizer, photo, tmp_path: Path, make) -> None:
    path, target = tmp_path / "photo.png", tmp_path / "painting.png"
    path.write_bytes(png(photo))
    make(target)
    with pytest.raises(OutputError, match=r"painting\.png: is neither a file nor a link"):
        stylizer(path, output=target, overwrite=True)
    assert not target.is_file()


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
    monkeypatch.setitem(WRITTEN_FORMATS, "PNG", Format("PNG", (".png",), longest_side=1))
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


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda photo: 7, "got int$"),
        (lambda photo: [photo, photo], "got list; call it once per picture, or stack them N×H×W×3"),
        (lambda photo: io.BytesIO(png(photo)), r"got BytesIO; pass its bytes: file.read\(\)"),
        (torch.from_numpy, "got Tensor; pass numpy.asarray of it"),
        (memoryview, "got memoryview; pass numpy.asarray of it"),
    ],
)
def test_other_things_are_refused_with_the_way_in(stylizer, photo, make, says) -> None:
    with pytest.raises(InputError, match=f"expected an array, PIL image, bytes or path, {says}"):
        stylizer(make(photo))


def test_array_is_no_decoded_picture(stylizer, photo) -> None:
    with pytest.raises(InputError, match="a decoded Picture, got ndarray; call the Stylizer its"):
        stylizer.paint(photo)


@pytest.mark.parametrize("name", ["", ".", "/", "a\0.jpg", "\ud800.jpg"])
def test_paths_that_no_file_has_are_refused(stylizer, name: str) -> None:
    with pytest.raises(UsageError, match=r"picture is .*, which no file is called"):
        stylizer(name)
    with pytest.raises(UsageError, match=r"output is .*, which no file is called"):
        stylizer("photo.jpg", output=name)
