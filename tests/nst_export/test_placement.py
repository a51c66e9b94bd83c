"""Exported models can stay on the GPU; the list behind that is compared with ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import defs, helper

from nst_export import exporter
from nst_export.builder import OPSET, OPSET_OF_BFLOAT
from nst_export.forms import FORMS
from nst_export.graph import style_graph
from nst_export.half import half_graph
from nst_export.placement import ON_CUDA, refuse_pixels_on_cpu
from nst_rt.errors import ModelError
from nst_rt.sessions.placement import SHAPE_OPERATORS

KERNELS = """
    import json
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import get_all_opkernel_def

    print(json.dumps([
        (kernel.op_name, kernel.version_range, types)
        for kernel in get_all_opkernel_def()
        if kernel.provider == "CUDAExecutionProvider" and kernel.domain == ""
        for name, types in kernel.type_constraints.items()
        if name in ("T", "T1")
    ]))
"""
NO_END = 2**31 - 1


def test_cuda_has_the_operators_of_pixels_in_both_arithmetics(cuda_machine) -> None:
    ended = cuda_machine.run(KERNELS, tensorrt=True)  # it lists all providers or fails
    types: dict[str, set[str]] = {name: set() for name in ON_CUDA}
    for name, (first, last), some in json.loads(ended.out.splitlines()[-1]):
        if name in ON_CUDA:
            version = defs.get_schema(name, OPSET).since_version
            # without an end a kernel is for no other version than that with which it begins
            if first == version or first < version <= last < NO_END:
                types[name].update(some)
    both = {"tensor(float)", "tensor(float16)"}
    assert [name for name, some in types.items() if not both <= some] == []


def test_all_graphs_are_free_of_other_operators_and_need_those(network) -> None:
    graphs = [half_graph(network, {}, form) for form in FORMS.values()]
    variants = ("plain", "stats", "apply", "steady")
    graphs += [style_graph(network, {}, variant=variant) for variant in variants]
    for graph in graphs:
        refuse_pixels_on_cpu(graph)
    used = {node.op_type for graph in graphs for node in graph.graph.node}
    assert used >= ON_CUDA
    assert ON_CUDA.isdisjoint(SHAPE_OPERATORS)


def test_graph_that_would_leave_the_gpu_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bent(*arguments, **options):
        graph = style_graph(*arguments, **options)
        graph.graph.node.extend(
            helper.make_node(kind, ["image_padded"], [kind]) for kind in ("Tan", "Det")
        )
        return graph

    monkeypatch.setattr(exporter, "style_graph", bent)
    with pytest.raises(ModelError, match="CUDA would compute Det, Tan on the CPU; write the graph"):
        exporter.export_style(checkpoint, tmp_path / "bent.onnx")
    assert not (tmp_path / "bent.onnx").exists()


def test_opset_of_which_cuda_has_less_is_refused(network) -> None:
    graph = style_graph(network, {})
    graph.opset_import[0].version = OPSET_OF_BFLOAT
    with pytest.raises(ModelError, match="of opset 22, of which CUDA has not all operators"):
        refuse_pixels_on_cpu(graph)
