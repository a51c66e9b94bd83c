"""The reader of ONNX files: agrees with the onnx package, overlooks nothing, survives anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from nst_rt.errors import ModelError
from nst_rt.model import check_model
from nst_rt.onnx_file import MAX_DEPTH, MAX_NODES, TensorSpec, schema, summarize
from nst_rt.onnx_file.protobuf import WireError

PATH = Path("model.onnx")
SETTINGS = settings(
    derandomize=True,
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def infos() -> list[onnx.ValueInfoProto]:
    shape = ("N", "H", "W", 3)
    return [helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name in "ab"]


def model_of(*nodes: onnx.NodeProto, **parts: object) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", infos()[:1], infos()[1:], **parts)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def external(location: str = "../secret") -> onnx.TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def identity() -> onnx.NodeProto:
    return helper.make_node("Identity", ["a"], ["b"])


def constant(tensor: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], value=tensor)


def sparse(tensor: onnx.TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=tensor, dims=[4])


def in_initializer(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return model_of(identity(), initializer=[tensor])


def in_sparse_initializer(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return model_of(identity(), sparse_initializer=[sparse(tensor)])


def in_constant(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return model_of(identity(), constant(tensor))


def in_sparse_constant(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return model_of(
        identity(), helper.make_node("Constant", [], ["c"], sparse_value=sparse(tensor))
    )


def in_branch(tensor: onnx.TensorProto) -> onnx.ModelProto:
    branch = helper.make_graph([constant(tensor)], "branch", [], [])
    return model_of(identity(), helper.make_node("If", ["a"], ["d"], then_branch=branch))


def in_function(tensor: onnx.TensorProto) -> onnx.ModelProto:
    opset = [helper.make_opsetid("", 18)]
    model = model_of(identity())
    model.functions.append(helper.make_function("", "F", [], ["c"], [constant(tensor)], opset))
    return model


def in_training(tensor: onnx.TensorProto) -> onnx.ModelProto:
    model = model_of(identity())
    model.training_info.add().initialization.initializer.append(tensor)
    return model


HIDING_PLACES = [
    in_initializer, in_sparse_initializer, in_constant, in_sparse_constant, in_branch,
    in_function, in_training,
]  # fmt: skip


def test_summary_agrees_with_the_onnx_package(model_path: Path) -> None:
    summary, model = summarize(model_path.read_bytes()), onnx.load(model_path)
    assert summary.opsets == {"": model.opset_import[0].version}
    assert summary.num_nodes == len(model.graph.node)
    assert summary.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert [str(spec) for spec in summary.inputs] == ["image uint8 N×H×W×3"]
    assert [str(spec) for spec in summary.outputs] == ["image_out uint8 N×H×W×3"]


def test_the_schema_agrees_with_the_onnx_package() -> None:
    nested = {
        "TypeProtoTensor": onnx.TypeProto.Tensor,
        "Dimension": onnx.TensorShapeProto.Dimension,
    }
    for name, ours in vars(schema).items():
        if not isinstance(ours, type):
            continue
        known = TensorProto if name == "DataType" else nested.get(name) or getattr(onnx, name)
        for field, number in vars(ours).items():
            if name == "DataType" and field.isupper():
                assert TensorProto.DataType.Value(field) == number
            elif field.isupper():
                assert known.DESCRIPTOR.fields_by_name[field.lower()].number == number, name


@pytest.mark.parametrize("hide", HIDING_PLACES)
def test_weights_in_other_files_are_found_wherever_they_are(hide) -> None:
    data = hide(external()).SerializeToString()
    assert summarize(data).external == ["w"]
    with pytest.raises(ModelError, match="keeps weights in other files"):
        check_model(PATH, data)


@pytest.mark.parametrize("hide", HIDING_PLACES)
def test_weights_that_are_not_finite_are_found_wherever_they_are(hide) -> None:
    tensor = numpy_helper.from_array(np.array([1, np.nan], np.float32), "w")
    assert summarize(hide(tensor).SerializeToString()).not_finite == ["w"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.0, 65504.0, -0.0])
@pytest.mark.parametrize(
    "kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE]
)
@pytest.mark.parametrize("raw", [True, False])
def test_every_way_of_writing_numbers_is_understood(kind: int, value: float, raw: bool) -> None:
    values = np.array([0.5, value, 3.0, 1e-7])
    if raw:
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        tensor = helper.make_tensor("w", kind, [4], values.astype(dtype).tobytes(), raw=True)
    else:
        tensor = helper.make_tensor("w", kind, [4], values)
    summary = summarize(in_initializer(tensor).SerializeToString())
    assert summary.not_finite == ([] if np.isfinite(value) else ["w"])


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8])
def test_whole_numbers_are_always_finite(kind: int) -> None:
    """Their bytes would be NaN if they were read as floats."""
    tensor = TensorProto(name="w", data_type=kind, dims=[2], raw_data=b"\xff" * 16)
    assert summarize(in_initializer(tensor).SerializeToString()).not_finite == []


def test_numbers_that_do_not_fit_their_type_are_refused() -> None:
    odd = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], raw_data=b"123")
    with pytest.raises(WireError, match="do not fit its type"):
        summarize(in_initializer(odd).SerializeToString())
    packed = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[1], int32_data=[300])
    data = in_initializer(packed).SerializeToString()
    assert data.count(b"\x2a\x02\xac\x02") == 1
    with pytest.raises(WireError, match="truncated"):
        summarize(data.replace(b"\x2a\x02\xac\x02", b"\x2a\x02\xac\x82"))


def test_custom_operators_in_functions_are_found() -> None:
    model = in_function(numpy_helper.from_array(np.ones(1, np.float32), "w"))
    model.functions[0].node[0].domain = "evil.ops"
    assert "evil.ops" in summarize(model.SerializeToString()).domains


def test_weights_are_no_inputs() -> None:
    model = in_initializer(numpy_helper.from_array(np.ones(1, np.float32), "w"))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]))
    summary = summarize(model.SerializeToString())
    assert [spec.name for spec in summary.inputs] == ["a"]


def test_unknown_and_negative_sizes_are_free() -> None:
    model = model_of(identity())
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_value, dims[1].dim_param = -1, ""
    spec = summarize(model.SerializeToString()).inputs[0]
    assert spec == TensorSpec("a", "uint8", (None, None, "W", 3))
    assert str(spec) == "a uint8 ?×?×W×3"


@pytest.mark.parametrize(("levels", "refused"), [(MAX_DEPTH, False), (MAX_DEPTH + 1, True)])
def test_graphs_in_graphs_are_bounded(levels: int, refused: bool) -> None:
    node = identity()
    for _ in range(levels):
        node = helper.make_node(
            "If", ["a"], ["b"], then_branch=helper.make_graph([node], "", [], [])
        )
    data = model_of(node).SerializeToString()
    if refused:
        with pytest.raises(WireError, match="graphs nested more than 16 deep"):
            summarize(data)
    else:
        assert summarize(data).num_nodes == levels + 1


def waiting_for_each_other() -> onnx.ModelProto:
    there, back = (helper.make_node("Identity", [one], [other]) for one, other in ("cd", "dc"))
    return model_of(identity(), there, back)


def waiting_through_a_branch() -> onnx.ModelProto:
    takes = helper.make_node("Identity", ["d"], ["e"])
    branch = helper.make_graph([takes], "branch", [], [])
    inside = helper.make_node("If", ["a"], ["c"], then_branch=branch)
    return model_of(identity(), inside, helper.make_node("Identity", ["c"], ["d"]))


def waiting_in_a_function() -> onnx.ModelProto:
    model = in_function(numpy_helper.from_array(np.ones(1, np.float32), "w"))
    model.functions[0].node.extend(waiting_for_each_other().graph.node)
    return model


def looping() -> onnx.ModelProto:
    body = helper.make_graph([], "body", [], [])
    return model_of(helper.make_node("Loop", ["a"], ["b"], body=body))


@pytest.mark.parametrize(
    "endless", [waiting_for_each_other, waiting_through_a_branch, waiting_in_a_function, looping]
)
def test_c10_what_an_engine_may_never_finish_is_refused(endless) -> None:
    with pytest.raises(ModelError, match="may never come to an end"):
        check_model(PATH, endless().SerializeToString())


def test_operators_need_not_stand_in_order() -> None:
    late = helper.make_node("Identity", ["c"], ["b"]), helper.make_node("Identity", ["a"], ["c"])
    assert summarize(model_of(*late).SerializeToString()).endless == []


def test_c10_more_operators_than_a_network_has_are_refused() -> None:
    data = model_of(*[identity()] * (MAX_NODES + 1)).SerializeToString()
    with pytest.raises(WireError, match="more than 10,000 operators"):
        summarize(data)


def test_names_that_engines_stumble_over_are_refused() -> None:
    data = model_of(helper.make_node("Identity", ["a"], ["strange"])).SerializeToString()
    with pytest.raises(WireError, match="not UTF-8"):
        summarize(data.replace(b"strange", b"str\xffnge"))


def test_a_file_needs_one_graph() -> None:
    no_graph = onnx.ModelProto(ir_version=9).SerializeToString()
    one = model_of(identity()).SerializeToString()
    for data in (no_graph, one + one):
        with pytest.raises(WireError, match="holds no graph"):
            summarize(data)


def only_model_errors(data: bytes) -> None:
    try:
        check_model(PATH, data)
    except ModelError as error:
        text = str(error)
    else:
        return
    assert text.isprintable()
    assert len(text) < 1000


@pytest.mark.parametrize("name", ["a\nb", "x" * 10**6, "\x1b[31mred"])
def test_names_from_a_file_are_fit_for_one_line(name: str) -> None:
    foreign = model_of(helper.make_node("F", ["a"], ["b"], domain=name))
    wide = model_of(identity())
    wide.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [name] * 9))
    later = model_of(identity())
    helper.set_model_props(later, {"nst_rt.schema": name})
    for model in (foreign, wide, later, in_constant(external())):
        model.graph.node[-1].name = name
        with pytest.raises(ModelError) as caught:
            check_model(PATH, model.SerializeToString())
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


@SETTINGS
@given(st.binary(max_size=600))
def test_random_bytes_raise_nothing_but_model_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        check_model(PATH, data)


@SETTINGS
@given(data=st.data())
def test_cut_and_changed_models_raise_nothing_but_model_error(
    model_path: Path, data: st.DataObject
) -> None:
    whole = bytearray(model_path.read_bytes())
    # weights are most of a file and any bytes do for them: look for trouble at both ends
    place = st.one_of(st.integers(0, 400), st.integers(len(whole) - 3000, len(whole) - 1))
    for where in data.draw(st.lists(place, max_size=4)):
        whole[where] = data.draw(st.integers(0, 255))
    only_model_errors(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    only_model_errors(bytes(whole))


@SETTINGS
@given(data=st.data())
def test_messages_of_the_right_form_raise_nothing_but_model_error(data: st.DataObject) -> None:
    """Well-formed protobuf with any field of any kind in any place gets past the wire format."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def message(depth: int) -> bytes:
        out = b""
        for number in data.draw(st.lists(st.integers(1, 25), max_size=4)):
            kind = data.draw(st.sampled_from([0, 2, 2, 2, 5]))
            out += varint(number << 3 | kind)
            if kind == 0:
                out += varint(data.draw(st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1))))
            elif kind == 5:
                out += data.draw(st.binary(min_size=4, max_size=4))
            else:
                nested = depth < 5 and data.draw(st.booleans())
                body = message(depth + 1) if nested else data.draw(st.binary(max_size=9))
                out += varint(len(body)) + body
        return out

    graph = message(0)
    only_model_errors(b"\x3a" + varint(len(graph)) + graph + message(0))
