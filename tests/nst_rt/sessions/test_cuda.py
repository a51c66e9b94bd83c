"""ONNX Runtime on CUDA, over stand-ins for NVIDIA's libraries: placement and plumbing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt import zoo
from tests.cuda.scripts import OPEN


def test_shipped_models_compute_on_the_gpu_alone(cuda_machine) -> None:
    """Nodes on the CPU compute with the picture's size: a few numbers, never pixels."""
    code = """
    import sys, tempfile
    from pathlib import Path
    import onnx
    import onnxruntime

    for model in sys.argv[1:]:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.optimized_model_filepath = str(Path(tempfile.mkdtemp(), "optimized.onnx"))
        session = onnxruntime.InferenceSession(
            model, options, providers=["CUDAExecutionProvider"], enable_fallback=0
        )
        nodes = onnx.load(options.optimized_model_filepath).graph.node
        copies = sum(node.op_type.startswith("Memcpy") for node in nodes)
        assigned = session.get_provider_graph_assignment_info()
        off = [part for part in assigned if part.ep_name != "CUDAExecutionProvider"]
        print(copies, *(node.name for part in off for node in part.get_nodes()))
    """
    sizes = "size_raised size_counted size_multiple size_padded size_lacking image_pads"
    allowed = {
        "fp32": f"0 {sizes}",
        "fp16": f"0 {sizes} paint_blocks paint_split paint_shape",
        # what a channel's pixels count is copied to the GPU
        "steady": f"3 {sizes} size_real pixels0 pixels1 pixels2",
    }
    models = [card.file(kind) for card in zoo.cards() for kind in allowed]
    ended = cuda_machine.run(code, *models)
    assert ended.out.splitlines() == list(allowed.values()) * len(zoo.cards()), ended.err


def test_session_says_what_it_is(cuda_machine) -> None:
    code = """
    session = opened()
    print(session.device, session.precision, session.provider.split()[-1])
    print(session.run(picture).shape, session.run(np.concatenate([picture] * 3)).shape)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    expected = ["cuda fp32 CUDAExecutionProvider", "(1, 20, 30, 3) (3, 20, 30, 3)"]
    assert ended.out.splitlines() == expected, ended.err


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_pictures_come_back_whole_and_to_whom_they_belong(cuda_machine, echo, lazy) -> None:
    code = """
    session = opened()
    pictures = [np.roll(picture, shift, axis=2)[:, : 20 - shift % 3].copy() for shift in range(16)]
    kept = [one.copy() for one in pictures]
    alone = [session.run(one) for one in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(session.run, pictures))
    print(all((a == b).all() for a, b in zip(alone + together, kept * 2)))
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=lazy)
    assert ended.out == "True\n", ended.err


def test_auto_takes_the_gpu_and_says_so(cuda_machine) -> None:
    code = """
    import logging
    from nst_rt.sessions import choosing
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    choosing._has_cuda = lambda: True
    print(open_session(read_model(sys.argv[1])).device)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    told, device = ended.out.splitlines()
    assert device == "cuda", ended.err
    assert "CUDAExecutionProvider, fp32" in told


def test_auto_paints_on_the_cpu_where_the_gpu_fails_and_says_why(cuda_machine) -> None:
    code = """
    import logging
    from nst_rt.sessions import choosing
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    choosing._has_cuda = lambda: True
    print(open_session(read_model(sys.argv[1])).device)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN, devices=0)
    told, device = ended.out.splitlines()
    assert device == "cpu", ended.err
    assert told.startswith("the GPU is not used, the CPU paints: ")


def test_standard_output_carries_the_painting_alone(cuda_machine, echo, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)).save(photo)
    code = """
    import sys
    from nst_rt.commands import main
    photo, painting, style = sys.argv[1:]
    main(["stylize", photo, "-o", painting, "--style", style, "--device", "cuda", "--json"])
    """
    ended = cuda_machine.run(code, photo, tmp_path / "painting.png", echo)
    assert (ended.code, ended.err) == (0, "")
    record, _ = map(json.loads, ended.out.splitlines())
    assert (record["width"], record["height"]) == (30, 20)
    painted = np.asarray(Image.open(tmp_path / "painting.png"))
    assert (painted == np.asarray(Image.open(photo))).all()


def test_shipped_styles_are_painted_in_half_precision_unless_asked_otherwise(cuda_machine) -> None:
    code = """
    import sys
    from nst_rt.sessions import choosing
    from nst_rt import Stylizer
    choosing._has_cuda = lambda: True
    for options in {"device": "cuda"}, {}, {"precision": "fp32"}, {"device": "cpu"}:
        with Stylizer("starry-night", **options) as stylizer:
            print(stylizer.info.device, stylizer.info.flavour)
    """
    ended = cuda_machine.run(code)
    assert ended.out.splitlines() == ["cuda fp16", "cuda fp16", "cuda fp32", "cpu fp32"], ended.err
