"""What the runtime must know of an ONNX file, read without any ONNX library.

Just the fields that decide whether a file may be given to an engine. The reader never follows a
reference to another file and never recurses without bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.protobuf import WireError, fields, message_of, name_of, text_of

MAX_DEPTH = 16
MAX_NODES = 10_000
"""More operators than any network that paints; engines take minutes to compile as many."""
_LOOPS = ("Loop", "Scan")
_FLOAT, _UINT8, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 2, 10, 11, 16
_DTYPES = {
    _FLOAT: "float32", _UINT8: "uint8", 3: "int8", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    _FLOAT16: "float16", _DOUBLE: "float64", _BFLOAT16: "bfloat16",
}  # fmt: skip
_RAW = {_FLOAT: "<f4", _FLOAT16: "<f2", _DOUBLE: "<f8", _BFLOAT16: "<u2"}
_LISTS = {_FLOAT: 4, _DOUBLE: 10}
"""The fields that keep numbers of a type one by one instead of as raw bytes."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype and shape of an input or output; a free dimension is its name or None."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'×'.join(str(size or '?') for size in self.shape)}"


@dataclass
class OnnxSummary:
    """The facts of one file."""

    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    external: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)
    endless: list[str] = field(default_factory=list)
    """What an engine may never come to the end of."""
    num_nodes: int = 0


def summarize(data: bytes) -> OnnxSummary:
    """Read a whole model.

    Raises:
        WireError: not protobuf, truncated, nested too deep, too many operators, or without a graph.
    """
    summary = OnnxSummary()
    graphs = 0
    for number, value in fields(memoryview(data)):
        if number == 7:
            graphs += 1
            _read_graph(message_of(value), summary, depth=0)
        elif number == 8:
            _read_opset(message_of(value), summary)
        elif number == 14:
            pair = {key: text_of(part) for key, part in fields(message_of(value)) if key in (1, 2)}
            summary.metadata[pair.get(1, "")] = pair.get(2, "")
        elif number == 20:
            _read_training(message_of(value), summary)
        elif number == 25:
            _read_function(message_of(value), summary)
    if graphs != 1:
        raise WireError("holds no graph")
    return summary


def _read_opset(message: memoryview, summary: OnnxSummary) -> None:
    domain, version = "", 0
    for number, value in fields(message):
        if number == 1:
            domain = text_of(value)
        elif number == 2 and isinstance(value, int):
            version = value
    summary.opsets[domain] = version


def _read_training(message: memoryview, summary: OnnxSummary) -> None:
    """How a model was trained: graphs that are not run, but hold tensors."""
    for number, value in fields(message):
        if number in (1, 2):
            _read_graph(message_of(value), summary, depth=1)


def _read_function(message: memoryview, summary: OnnxSummary) -> None:
    """An operator made of others, which the file brings along."""
    nodes = []
    for number, value in fields(message):
        if number == 7:
            nodes.append(_read_node(message_of(value), summary, depth=0))
        elif number == 11:
            _read_attribute(message_of(value), summary, depth=0)
    _find_circles(nodes, summary)


def _read_graph(message: memoryview, summary: OnnxSummary, depth: int) -> set[str]:
    """The names that a graph uses and does not make: a graph inside another takes them from it."""
    if depth > MAX_DEPTH:
        raise WireError(f"graphs nested more than {MAX_DEPTH} deep")
    initialized: set[str] = set()
    inputs: list[TensorSpec] = []
    nodes: list[tuple[set[str], set[str]]] = []
    for number, value in fields(message):
        if number == 1:
            nodes.append(_read_node(message_of(value), summary, depth))
        elif number == 5:
            initialized.add(_read_tensor(message_of(value), summary))
        elif number == 15:
            _read_sparse(message_of(value), summary)
        elif number == 11:
            inputs.append(_read_value_info(message_of(value)))
        elif number == 12 and depth == 0:
            summary.outputs.append(_read_value_info(message_of(value)))
    _find_circles(nodes, summary)
    if depth == 0:
        summary.inputs += [spec for spec in inputs if spec.name not in initialized]
    used = {name for names, _ in nodes for name in names}
    made = {name for _, names in nodes for name in names}
    return used - made - initialized - {spec.name for spec in inputs}


def _find_circles(nodes: list[tuple[set[str], set[str]]], summary: OnnxSummary) -> None:
    """Tell of operators that need each other's results: engines look for an order for ever."""
    maker = {name: index for index, (_, made) in enumerate(nodes) for name in made}
    needed = [{maker[name] for name in used if name in maker} for used, _ in nodes]
    try:
        TopologicalSorter(dict(enumerate(needed))).prepare()
    except CycleError:
        summary.endless.append("operators that wait for each other")


def _read_node(message: memoryview, summary: OnnxSummary, depth: int) -> tuple[set[str], set[str]]:
    """The names that an operator uses, with all that is inside it, and those that it makes."""
    summary.num_nodes += 1
    if summary.num_nodes > MAX_NODES:
        raise WireError(f"more than {MAX_NODES:,} operators")
    used: set[str] = set()
    made: set[str] = set()
    for number, value in fields(message):
        if number == 1:
            used.add(name_of(value))
        elif number == 2:
            made.add(name_of(value))
        elif number == 4 and name_of(value) in _LOOPS:
            summary.endless.append(name_of(value))
        elif number == 7:
            summary.domains.add(text_of(value))
        elif number == 5:
            used |= _read_attribute(message_of(value), summary, depth)
    return used - {""}, made - {""}


def _read_attribute(message: memoryview, summary: OnnxSummary, depth: int) -> set[str]:
    """The names that graphs in an attribute take from the one around them."""
    used: set[str] = set()
    for number, value in fields(message):
        if number in (5, 10):
            _read_tensor(message_of(value), summary)
        elif number in (6, 11):
            used |= _read_graph(message_of(value), summary, depth + 1)
        elif number in (22, 23):
            _read_sparse(message_of(value), summary)
    return used


def _read_sparse(message: memoryview, summary: OnnxSummary) -> None:
    """A sparse tensor: one of values, one of indices."""
    for number, value in fields(message):
        if number in (1, 2):
            _read_tensor(message_of(value), summary)


def _read_tensor(message: memoryview, summary: OnnxSummary) -> str:
    name, kind, location = "", 0, 0
    raw: list[tuple[int, memoryview]] = []
    for number, value in fields(message):
        if number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = text_of(value)
        elif number == 13:
            location = 1
        elif number == 14 and isinstance(value, int):
            location = max(location, value)
        elif number in (4, 5, 9, 10) and not isinstance(value, int):
            raw.append((number, value))
    if location:
        summary.external.append(name)
    if not all(_finite(kind, number, part) for number, part in raw):
        summary.not_finite.append(name)
    return name


def _finite(kind: int, number: int, data: memoryview) -> bool:
    """Whether the numbers of one field of a tensor are finite; those of other kinds always are."""
    if number == 5 and kind in (_FLOAT16, _BFLOAT16):
        values = _packed_16_bits(data).view(_RAW[kind])
    elif kind in _RAW and number in (9, _LISTS.get(kind)):
        values = _numbers(data, _RAW[kind])
    else:
        return True
    if kind == _BFLOAT16:  # the upper half of a float32: all exponent bits set is Inf or NaN
        return not bool(((values & 0x7F80) == 0x7F80).any())
    return bool(np.isfinite(values).all())


def _numbers(data: memoryview, dtype: str) -> NDArray[Any]:
    if len(data) % np.dtype(dtype).itemsize:
        raise WireError("a tensor's bytes do not fit its type")
    return np.frombuffer(data, dtype)


def _packed_16_bits(data: memoryview) -> NDArray[np.uint16]:
    """Sixteen-bit numbers, each written as a varint of one to three bytes."""
    groups = np.frombuffer(data, np.uint8)
    last = np.flatnonzero(groups < 0x80)
    if groups.size and (not last.size or last[-1] + 1 != groups.size):
        raise WireError("truncated")
    first = np.concatenate([np.zeros(1, np.int64), last + 1])[: last.size]
    values = np.zeros(last.size, np.uint16)
    for step in range(3):
        inside = np.flatnonzero(first + step <= last)
        group = groups[first[inside] + step].astype(np.uint16)
        values[inside] |= (group & 0x7F) << (7 * step)
    return values


def _read_value_info(message: memoryview) -> TensorSpec:
    name, dtype = "", "unknown"
    shape: tuple[int | str | None, ...] = ()
    for number, value in fields(message):
        if number == 1:
            name = text_of(value)
        elif number == 2:
            for key, part in fields(message_of(value)):
                if key == 1:
                    dtype, shape = _read_tensor_type(message_of(part))
    return TensorSpec(name, dtype, shape)


def _read_tensor_type(message: memoryview) -> tuple[str, tuple[int | str | None, ...]]:
    dtype = "unknown"
    shape: tuple[int | str | None, ...] = ()
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            dtype = _DTYPES.get(value, "unknown")
        elif number == 2:
            shape = tuple(_dimension(message_of(part)) for _, part in fields(message_of(value)))
    return dtype, shape


def _dimension(message: memoryview) -> int | str | None:
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            return value if value < 2**63 else None  # a negative one says nothing
        if number == 2:
            return text_of(value) or None
    return None
