"""A reader of ONNX files that needs no ONNX library.

It reads only the fields that decide whether a file may be given to an engine (`schema` names
them). It never follows a reference to another file and never recurses without bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from nst_rt.onnx_file.protobuf import WireError, fields, message_of, name_of, text_of
from nst_rt.onnx_file.schema import (
    AttributeProto,
    DataType,
    Dimension,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    SparseTensorProto,
    StringStringEntryProto,
    TrainingInfoProto,
    TypeProto,
    TypeProtoTensor,
    ValueInfoProto,
)
from nst_rt.onnx_file.tensor import read_tensor

MAX_DEPTH = 16
MAX_NODES = 10_000
"""More operators than any network that paints; engines take minutes to compile as many."""
_LOOPS = ("Loop", "Scan")
"""Operators that may run for ever."""
_DTYPES = {
    DataType.FLOAT: "float32", DataType.UINT8: "uint8", DataType.INT8: "int8",
    DataType.INT32: "int32", DataType.INT64: "int64", DataType.STRING: "string",
    DataType.BOOL: "bool", DataType.FLOAT16: "float16", DataType.DOUBLE: "float64",
    DataType.BFLOAT16: "bfloat16",
}  # fmt: skip
Names = set[str]
"""Names of tensors: what operators take and make."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype and shape of an input or output; a free dimension is a name or None."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'×'.join(str(size or '?') for size in self.shape)}"


@dataclass
class OnnxSummary:
    """What `summarize` found in one file."""

    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    """Domains of all operators."""
    external: list[str] = field(default_factory=list)
    """Tensors whose numbers are in other files."""
    not_finite: list[str] = field(default_factory=list)
    """Tensors that hold Inf or NaN."""
    endless: list[str] = field(default_factory=list)
    """Constructs that an engine may never finish: loops, operators in a circle."""
    num_nodes: int = 0


def summarize(data: bytes) -> OnnxSummary:
    """Summarize the bytes of a whole model.

    Raises:
        WireError: not protobuf, truncated, nested too deep, too many operators, or without a graph.
    """
    summary = OnnxSummary()
    graphs = 0
    for number, value in fields(memoryview(data)):
        if number == ModelProto.GRAPH:
            graphs += 1
            _read_graph(message_of(value), summary, depth=0)
        elif number == ModelProto.OPSET_IMPORT:
            _read_opset(message_of(value), summary)
        elif number == ModelProto.METADATA_PROPS:
            _read_metadata(message_of(value), summary)
        elif number == ModelProto.TRAINING_INFO:
            _read_training(message_of(value), summary)
        elif number == ModelProto.FUNCTIONS:
            _read_function(message_of(value), summary)
    if graphs != 1:
        raise WireError("holds no graph")
    return summary


def _read_opset(message: memoryview, summary: OnnxSummary) -> None:
    domain, version = "", 0
    for number, value in fields(message):
        if number == OperatorSetIdProto.DOMAIN:
            domain = text_of(value)
        elif number == OperatorSetIdProto.VERSION and isinstance(value, int):
            version = value
    summary.opsets[domain] = version


def _read_metadata(message: memoryview, summary: OnnxSummary) -> None:
    entry = {StringStringEntryProto.KEY: "", StringStringEntryProto.VALUE: ""}
    for number, value in fields(message):
        if number in entry:
            entry[number] = text_of(value)
    key, text = entry.values()
    summary.metadata[key] = text


def _read_training(message: memoryview, summary: OnnxSummary) -> None:
    """Read the graphs that a model was trained with: they are not run, but hold tensors."""
    for number, value in fields(message):
        if number in (TrainingInfoProto.INITIALIZATION, TrainingInfoProto.ALGORITHM):
            _read_graph(message_of(value), summary, depth=1)


def _read_function(message: memoryview, summary: OnnxSummary) -> None:
    """Read a function: an operator that the file itself defines by others."""
    nodes = []
    for number, value in fields(message):
        if number == FunctionProto.NODE:
            nodes.append(_read_node(message_of(value), summary, depth=0))
        elif number == FunctionProto.ATTRIBUTE_PROTO:
            _read_attribute(message_of(value), summary, depth=0)
    _find_circles(nodes, summary)


def _read_graph(message: memoryview, summary: OnnxSummary, depth: int) -> Names:
    """Read a graph, and return the names that it takes from the graph around it."""
    if depth > MAX_DEPTH:
        raise WireError(f"graphs nested more than {MAX_DEPTH} deep")
    initialized: Names = set()
    inputs: list[TensorSpec] = []
    nodes: list[tuple[Names, Names]] = []
    for number, value in fields(message):
        if number == GraphProto.NODE:
            nodes.append(_read_node(message_of(value), summary, depth))
        elif number == GraphProto.INITIALIZER:
            initialized.add(_read_tensor(message_of(value), summary))
        elif number == GraphProto.SPARSE_INITIALIZER:
            _read_sparse(message_of(value), summary)
        elif number == GraphProto.INPUT:
            inputs.append(_read_value_info(message_of(value)))
        elif number == GraphProto.OUTPUT and depth == 0:
            summary.outputs.append(_read_value_info(message_of(value)))
    _find_circles(nodes, summary)
    if depth == 0:
        summary.inputs += [spec for spec in inputs if spec.name not in initialized]
    used = {name for names, _ in nodes for name in names}
    made = {name for _, names in nodes for name in names}
    return used - made - initialized - {spec.name for spec in inputs}


def _find_circles(nodes: list[tuple[Names, Names]], summary: OnnxSummary) -> None:
    """Note operators that need each other's results: engines look for an order for ever."""
    maker = {name: index for index, (_, made) in enumerate(nodes) for name in made}
    needed = [{maker[name] for name in used if name in maker} for used, _ in nodes]
    try:
        TopologicalSorter(dict(enumerate(needed))).prepare()
    except CycleError:
        summary.endless.append("operators that wait for each other")


def _read_node(message: memoryview, summary: OnnxSummary, depth: int) -> tuple[Names, Names]:
    """Read an operator, and return the names that it and all inside it use, and that it makes."""
    summary.num_nodes += 1
    if summary.num_nodes > MAX_NODES:
        raise WireError(f"more than {MAX_NODES:,} operators")
    used: Names = set()
    made: Names = set()
    for number, value in fields(message):
        if number == NodeProto.INPUT:
            used.add(name_of(value))
        elif number == NodeProto.OUTPUT:
            made.add(name_of(value))
        elif number == NodeProto.OP_TYPE and name_of(value) in _LOOPS:
            summary.endless.append(name_of(value))
        elif number == NodeProto.DOMAIN:
            summary.domains.add(text_of(value))
        elif number == NodeProto.ATTRIBUTE:
            used |= _read_attribute(message_of(value), summary, depth)
    return used - {""}, made - {""}


def _read_attribute(message: memoryview, summary: OnnxSummary, depth: int) -> Names:
    """Read an attribute, and return the names that graphs in it take from the one around them."""
    used: Names = set()
    for number, value in fields(message):
        if number in (AttributeProto.T, AttributeProto.TENSORS):
            _read_tensor(message_of(value), summary)
        elif number in (AttributeProto.G, AttributeProto.GRAPHS):
            used |= _read_graph(message_of(value), summary, depth + 1)
        elif number in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
            _read_sparse(message_of(value), summary)
    return used


def _read_sparse(message: memoryview, summary: OnnxSummary) -> None:
    for number, value in fields(message):
        if number in (SparseTensorProto.VALUES, SparseTensorProto.INDICES):
            _read_tensor(message_of(value), summary)


def _read_tensor(message: memoryview, summary: OnnxSummary) -> str:
    """Read a tensor, and return its name."""
    tensor = read_tensor(message)
    if tensor.is_external:
        summary.external.append(tensor.name)
    if not tensor.is_finite:
        summary.not_finite.append(tensor.name)
    return tensor.name


def _read_value_info(message: memoryview) -> TensorSpec:
    name, dtype = "", "unknown"
    shape: tuple[int | str | None, ...] = ()
    for number, value in fields(message):
        if number == ValueInfoProto.NAME:
            name = text_of(value)
        elif number == ValueInfoProto.TYPE:
            for key, part in fields(message_of(value)):
                if key == TypeProto.TENSOR_TYPE:
                    dtype, shape = _read_tensor_type(message_of(part))
    return TensorSpec(name, dtype, shape)


def _read_tensor_type(message: memoryview) -> tuple[str, tuple[int | str | None, ...]]:
    dtype = "unknown"
    shape: tuple[int | str | None, ...] = ()
    for number, value in fields(message):
        if number == TypeProtoTensor.ELEM_TYPE and isinstance(value, int):
            dtype = _DTYPES.get(value, "unknown")
        elif number == TypeProtoTensor.SHAPE:
            shape = tuple(_dimension(message_of(part)) for _, part in fields(message_of(value)))
    return dtype, shape


def _dimension(message: memoryview) -> int | str | None:
    for number, value in fields(message):
        if number == Dimension.DIM_VALUE and isinstance(value, int):
            return value if value < 2**63 else None  # a negative one says nothing
        if number == Dimension.DIM_PARAM:
            return text_of(value) or None
    return None
