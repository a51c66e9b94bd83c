"""`nst-rt info`, and how refused models end a command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from nst_rt import zoo

from .conftest import save


def foreign(path: str, kind: int, *shape: int | str, inputs: int = 1) -> str:
    """Save a model that gives back its first input."""
    infos = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x0"], ["y"])],
        "g",
        infos,
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def test_facts_and_what_would_run_it(nst, model_path) -> None:
    facts = json.loads(nst("info", model_path, "--json").out)
    assert (facts["name"], facts["licence"], facts["opset"]) == ("thin", "unknown", 18)
    assert facts["provider"].startswith("OpenVINO")
    assert (facts["device"], facts["threads"] >= 1) == ("cpu", True)
    text = nst("info", model_path).out.decode()
    assert all(f"{key} " in text and str(facts[key]) in text for key in ("sha256", "provider"))


def test_shipped_style_is_found_by_name(nst) -> None:
    card = zoo.cards()[0]
    facts = json.loads(nst("info", card.name, "--json").out)
    assert (facts["sha256"], facts["title"]) == (card.sha256, card.title)


def test_machine_without_engines_still_shows_the_facts(nst, model_path, monkeypatch) -> None:
    for engine in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, engine, None)
    monkeypatch.setattr("nst_rt.sessions.choosing.find_spec", lambda name: None)
    ended = nst("info", model_path, "--json")
    facts = json.loads(ended.out)
    assert (ended.code, facts["name"], facts["provider"]) == (0, "thin", "none")
    assert 'pip install "nst-rt[cpu]"' in facts["problem"]


def test_what_a_file_says_of_itself_cannot_write_to_the_terminal(nst, model_path, folder) -> None:
    model = onnx.load(model_path)
    model.metadata_props.add(key="nst_rt.title", value="\x1b]0;owned\x07\nx")
    onnx.save(model, "odd.onnx")
    text = nst("info", "odd.onnx").out.decode()
    assert "\x1b" not in text
    assert r"\x1b]0;owned\x07\nx" in text


def web_page() -> str:
    Path("page.onnx").write_text("<!DOCTYPE html>")
    return "page.onnx"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (web_page, "not an ONNX file (looks like a web page)"),
        (lambda: "no-such", "no such model"),
        (lambda: foreign("c.onnx", TensorProto.FLOAT, 1, 1000), "not 1 picture in, 1 picture out"),
        (lambda: foreign("t.onnx", TensorProto.UINT8, "N", 4, 4, 3, inputs=2), "x0 uint8 N×4×4×3"),
        (lambda: foreign("f.onnx", TensorProto.FLOAT, 1, 3, "H", "W"), "--layout nhwc|nchw and"),
    ],
    ids=["c01-web-page", "absent", "c04-classifier", "c04-two-inputs", "c05-not-described"],
)
@pytest.mark.parametrize("command", ["info", "stylize"])
def test_refused_model_is_exit_4_and_one_line(nst, folder, command, make, says) -> None:
    save("a.png")
    model = make()
    arguments = ["info", model] if command == "info" else ["stylize", "a.png", "--style", model]
    ended = nst(*arguments)
    assert (ended.code, ended.out, len(ended.lines)) == (4, b"", 1)
    assert ended.err.startswith(f"nst-rt: {model}: ")
    assert says in ended.err
    assert not list(Path().glob("a-*"))


def test_foreign_model_that_is_described_paints(nst, folder) -> None:
    foreign("f.onnx", TensorProto.FLOAT, 1, 3, "H", "W")
    photo = save("a.png")
    described = ["--layout", "nchw", "--range", "255", "--style", "f.onnx"]
    ended = nst("stylize", "a.png", *described)
    assert (ended.code, ended.err) == (0, "")
    assert Path("a-f.png").stat().st_size > 0
    assert photo.exists()
