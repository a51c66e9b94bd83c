"""What a form costs is counted from what ONNX Runtime really runs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cuda_forms import bytes_of, count
from nst_export.forms import FORMS
from nst_export.half import half_graph

PICTURE = {"float16": [1, 4, 10, 10]}
CHANNELS = {"float16": [4]}


def node(kind: str, *inputs: dict[str, list[int]]) -> dict[str, object]:
    return {"op_name": kind, "input_type_shape": inputs, "output_type_shape": [PICTURE]}


def test_passes_over_pixels_are_counted() -> None:
    assert bytes_of(node("Relu", PICTURE)) == 2 * 800
    assert bytes_of(node("Reshape", PICTURE)) == 0
    assert bytes_of(node("InstanceNormalization", PICTURE, CHANNELS)) == 3 * 800 + 8
    assert bytes_of(node("Conv", PICTURE, CHANNELS)) == 2 * 800 + 8
    assert bytes_of(node("Conv", PICTURE, CHANNELS, CHANNELS)) == 4 * 800 + 16


def test_forms_are_told_apart(cuda_machine, network, tmp_path: Path) -> None:
    def counted(name: str, nhwc: bool = False) -> dict[str, int]:
        model = tmp_path / "form.onnx"
        model.write_bytes(half_graph(network, {}, FORMS[name]).SerializeToString())
        return count(cuda_machine, model, nhwc, (256, 512))

    shipped, biases, mixed = map(counted, ("shipped", "with all biases", "mixed"))
    assert mixed["MB"] < shipped["MB"] < biases["MB"]
    assert biases["launches"] == shipped["launches"] + 7  # of eight convolutions one keeps its own
    assert mixed["launches"] > shipped["launches"]
    across = counted("thresholds, N×H×W×C", nhwc=True)
    assert across["off the GPU"] == shipped["off the GPU"] == 0
    assert across["pictures transposed"] < counted("shipped", nhwc=True)["pictures transposed"]
