from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.gpu import ways
from benchmarks.gpu.device import Device
from benchmarks.gpu.ways import IN_FLIGHT, Style
from nst_rt import zoo
from nst_rt.model import read_model
from nst_train.network import NetworkConfig, StyleNetwork, paint
from tests.nst_export.centring import centre_on_a_part
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

CPU = Device(torch.device("cpu"))
STYLE = zoo.cards()[0].name


def test_torch_paints_as_the_network_does_from_everywhere() -> None:
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8)
    painter = ways.on_torch(network, torch.float32, CPU)
    way = ways.torch_way(painter, image, CPU)
    with torch.no_grad():
        expected = paint(network, torch.from_numpy(image))
    assert torch.equal(way.on_device(), expected)
    assert torch.equal(way.from_pageable(), expected)
    assert np.array_equal(way.run(), expected.numpy())


class Session:
    """Keeps pictures in flight as ours do, and counts them."""

    def __init__(self) -> None:
        self.in_flight = self.most = 0
        self.busy: set[int] = set()

    def pinned(self, *shape: int) -> np.ndarray:
        return np.zeros(shape, np.uint8)

    def submit(self, image: np.ndarray, out: np.ndarray | None = None) -> Submitted:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        return Submitted(self, None if out is None else id(out))


class Submitted:
    def __init__(self, session: Session, buffer: int | None) -> None:
        self.session, self.buffer = session, buffer
        assert buffer not in session.busy
        if buffer is not None:
            session.busy.add(buffer)

    def result(self) -> str:
        self.session.in_flight -= 1
        self.session.busy.discard(self.buffer or 0)
        return "painting"


@pytest.mark.parametrize("begin", [ways.from_pageable, ways.from_pinned])
def test_pictures_from_the_host_are_kept_in_flight(begin) -> None:
    """And no pinned buffer is written to while its picture is on the way."""
    session = Session()
    frame = begin(session, np.zeros((1, 16, 16, 3), np.uint8))
    painted = [frame() for _ in range(8)]
    assert painted[:2] == [None, None]
    assert painted[3:] == ["painting"] * 5
    assert session.most == IN_FLIGHT


def test_the_compiler_makes_graphs_of_one_size_each_painting_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def compile_(painter, **options):
        told.append(options)
        return lambda image: (told.append("paint"), painter(image))[1]

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: told.append("begin"))
    painter = ways.compiled(Style(STYLE, CPU, tmp_path), 16, 24)
    for _ in range(2):
        assert painter(torch.zeros((1, 16, 24, 3), dtype=torch.uint8)).shape == (1, 16, 24, 3)
    options, *calls = told
    assert options == {"mode": "reduce-overhead", "dynamic": False}
    assert calls == ["begin", "paint"] * 2


def test_fused_operators_and_forms_run_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    forms: list[tuple[object, ...]] = []
    monkeypatch.setattr(ways, "open_session", lambda *given: opened.append(given))
    monkeypatch.setattr(Style, "fused", lambda style: style.card.file("fp16"))
    monkeypatch.setattr(
        Style, "formed", lambda style, *form: (forms.append(form), style.card.file("fp16"))[1]
    )
    style = Style(STYLE, CPU, tmp_path)
    ways.fused_session(style, 32, 48)
    for maker in ways.FORM_MAKERS.values():
        maker.make(style, 32, 48)
    assert forms == [(name, 32, 48) for name in ways.FORMS]
    assert len(opened) == 1 + len(forms)
    assert {(model.name, options.device) for model, options in opened} == {(STYLE, "cuda")}


def test_models_that_are_written_say_what_they_compute_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By that a session lets tensor cores work."""
    centre_on_a_part(monkeypatch)
    style = Style(STYLE, CPU, tmp_path)
    nhwc = style.formed("thresholds, N×H×W×C", 32, 48)
    for path in (style.one_size(32, 48), nhwc, style.fused()):
        model = read_model(path)
        assert (model.flavour, model.name) == ("fp16", STYLE)
    assert read_model(nhwc).metadata["layout"] == "nhwc"
    assert model.inputs[0].shape[1:] == ("H", "W", 3)
    assert read_model(style.one_size(32, 48)).fixed_size == (32, 48)
    assert read_model(style.one_size(32, 48, "bf16")).flavour == "bf16"


def test_an_engine_computes_in_what_its_row_says(tmp_path: Path, monkeypatch) -> None:
    """Built by TensorRT-RTX, which needs no GPU for that."""
    opened = []
    monkeypatch.setattr(ways, "open_session", lambda model, options: opened.append(model))
    for flavour in ("fp16", "bf16"):
        ways.engine_session("tensorrt-rtx", flavour)(Style(STYLE, CPU, tmp_path), 32, 48)
    assert [model.flavour for model in opened] == ["fp16", "bf16"]
    assert {model.fixed_size for model in opened} == {(32, 48)}


def test_an_engine_that_was_built_is_opened_and_paints_from_the_host(
    engine_machine_of: Callable[[str], EngineMachine], tmp_path: Path
) -> None:
    """Over a stand-in of TensorRT-RTX's run time, which paints by copying."""
    machine = engine_machine_of(RTX)
    source = tmp_path / f"{STYLE}-48x32-fp16.onnx"
    source.touch()  # nothing is built where both are there
    target = tmp_path / f"{source.stem}-tensorrt-rtx.engine"
    stand_in_engine(target, machine, low=(1, 32, 48), high=(1, 32, 48))
    code = """
    import sys
    from pathlib import Path
    import numpy as np
    import torch
    from benchmarks.gpu.device import Device
    from benchmarks.gpu.ways import ENGINES, Style, from_pageable, from_pinned
    from nst_rt.engines.side_car import read_engine_facts
    from nst_rt.engines.trust import record_built

    target, style, way = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    record_built(target, read_engine_facts(target))
    style = Style(style, Device(torch.device("cpu")), target.parent)
    session = ENGINES[way](style, 32, 48)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)
    for begin in from_pageable, from_pinned:
        frame = begin(session, image)
        paintings = [frame() for _ in range(5)]
        print(sum(one is not None and bool((one == image).all()) for one in paintings))
    session.close()
    """
    way = "nst-rt, TensorRT-RTX engine of one size, fp16"
    ended = machine.run(code, target, STYLE, way)
    assert ended.out.split() == ["3", "2"], ended.err
