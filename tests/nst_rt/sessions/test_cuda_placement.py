"""Models with nodes that would compute pixels on the CPU are refused, and the nodes named."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.cuda.scripts import OPEN


@pytest.fixture
def stray(tmp_path: Path) -> Path:
    """A style of tangents, which ONNX Runtime has on the CPU alone."""
    doors = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ("N", "H", "W", 3))
        for name in ("image", "image_out")
    ]
    nodes = [helper.make_node("Cast", ["image"], ["x0"], "cast", to=TensorProto.FLOAT)]
    nodes += [
        helper.make_node("Tan", [f"x{index}"], [f"x{index + 1}"], f"bent{index}")
        for index in range(5)
    ]
    nodes.append(helper.make_node("Cast", ["x5"], ["image_out"], "back", to=TensorProto.UINT8))
    graph = helper.make_graph(nodes, "stray", doors[:1], doors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "stray.onnx")
    return tmp_path / "stray.onnx"


def test_nodes_that_would_leave_the_gpu_are_named(cuda_machine, stray) -> None:
    ended = cuda_machine.run("print(told(opened))", stray, before=OPEN)
    assert ended.out == (
        "ProviderError 5: 5 nodes would be computed on the CPU: Tan bent0, Tan bent1, Tan bent2 …; "
        "export the model with operators that ONNX Runtime has on CUDA, or choose cpu\n"
    ), ended.err


def test_session_counts_nodes_by_where_they_run(cuda_machine) -> None:
    """The arithmetic on a picture's size is all that a shipped style leaves on the CPU."""
    code = "print(dict(sorted(opened().nodes.items())))"
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    assert ended.out == "{'CPUExecutionProvider': 6, 'CUDAExecutionProvider': 73}\n", ended.err


def test_stylizer_info_and_doctor_tell_where_nodes_run(cuda_machine) -> None:
    code = """
    import sys
    from nst_rt.sessions import choosing
    from nst_rt import Stylizer
    from nst_rt.commands import main
    choosing._has_cuda = lambda: True
    with Stylizer("starry-night", device="cuda", precision="fp32") as stylizer:
        print(sum(stylizer.info.nodes.values()))
    with Stylizer("starry-night", device="onnxruntime") as stylizer:
        print(stylizer.info.nodes)
    for arguments in ["info", "starry-night"], ["doctor"]:
        try:
            main(arguments)
        except SystemExit:
            pass
    """
    ended = cuda_machine.run(code)
    assert ended.out.startswith("79\n{}\n"), ended.err
    lines = {line.split(" ", 1)[0]: line for line in ended.out.splitlines()}
    assert lines["placed"].endswith("CUDAExecutionProvider 73, CPUExecutionProvider 6")
    assert lines["cuda:"].endswith("fp16, 74 nodes on CUDA, 9 nodes on CPU")
