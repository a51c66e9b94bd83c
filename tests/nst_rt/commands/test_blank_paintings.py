"""What comes out in one colour is painted again in float32, or is an error; it is never saved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import nst_rt.painting.painter
from nst_rt import ModelError, Stylizer, zoo
from tests.cuda.scripts import OPEN


@pytest.fixture(scope="module")
def black(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that paints everything black."""
    doors = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ("N", "H", "W", 3))
        for name in ("image", "image_out")
    ]
    node = helper.make_node("Sub", ["image", "image"], ["image_out"])
    graph = helper.make_graph([node], "black", doors[:1], doors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {"nst_rt.schema": "1", "nst_rt.kind": "style", "nst_rt.scale": "1"}
    helper.set_model_props(model, metadata | {"nst_rt.flavour": "fp16"})
    path = tmp_path_factory.mktemp("models") / "black.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def half_broken(black, tmp_path: Path, monkeypatch) -> None:
    """The Starry Night with a file in half precision that overflows, taken by default."""
    zoo.cards()  # they are read once, of where they are
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    for kind in ("fp32", "steady"):
        name = "starry-night" + zoo.FILES[kind]
        shutil.copy(Path(zoo.__file__).parent / name, tmp_path / name)
    shutil.copy(black, tmp_path / "starry-night.fp16.onnx")
    monkeypatch.setattr(
        nst_rt.painting.painter, "preferred_flavour", lambda device, precision: "fp16"
    )


def test_shipped_styles_go_on_in_float32(half_broken, photo, monkeypatch, caplog) -> None:
    with Stylizer("starry-night", device="cpu", threads=1, verify=False) as stylizer:
        assert stylizer.info.flavour == "fp16"
        paintings = [stylizer(photo), stylizer(photo[::-1], size=100)]
        assert stylizer.info.flavour == "fp32"
    told = "half precision painted one colour, from now on float32 paints"
    assert sum(told in message for message in caplog.messages) == 1
    assert stylizer.info.flavour == "fp32"
    monkeypatch.undo()
    with Stylizer("starry-night", device="cpu", threads=1, precision="fp32") as stylizer:
        assert (stylizer(photo) == paintings[0]).all()
        assert (stylizer(photo[::-1], size=100) == paintings[1]).all()


def test_what_was_asked_for_by_name_is_not_left(cuda_machine) -> None:
    code = """
    from nst_rt import Stylizer
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    stylizer = Stylizer("starry-night", device="cuda", precision="fp16")
    print(told(lambda: stylizer(photo)))
    """
    ended = cuda_machine.run(code, before=OPEN)  # whose kernels compute nothing
    assert ended.out.startswith("ModelError 4: "), ended.err
    assert ended.out.rstrip().endswith(
        "paints it in one colour, as arithmetic that overflows does; "
        "choose precision fp32 (--precision fp32), or export the style in fp32"
    )


def test_black_painting_is_not_saved(nst, black, photo, tmp_path: Path) -> None:
    photos = [tmp_path / name for name in ("a.png", "b.png")]
    Image.fromarray(photo).save(photos[0])
    Image.fromarray(np.full_like(photo, 200)).save(photos[1])
    ended = nst("stylize", *photos, "-o", tmp_path / "out", "--style", black)
    assert ended.code == 4
    assert "paints it in one colour" in ended.err
    assert not list((tmp_path / "out").glob("a*"))


def test_flat_photos_may_be_painted_black(black, photo) -> None:
    with Stylizer(black, threads=1) as stylizer:
        assert not stylizer(np.full_like(photo, 200)).any()
        with pytest.raises(ModelError, match="paints it in one colour"):
            stylizer(photo)
