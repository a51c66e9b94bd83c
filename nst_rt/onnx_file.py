"""What the runtime must know of an ONNX file, read without any ONNX library.

A reader of the protobuf wire format, of just the fields that decide whether a file may be given to
an engine. It never follows a reference to another file and never recurses without bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_DEPTH = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT, _UINT8, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 2, 10, 11, 16
_DTYPES = {
    _FLOAT: "float32", _UINT8: "uint8", 3: "int8", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    _FLOAT16: "float16", _DOUBLE: "float64", _BFLOAT16: "bfloat16",
}  # fmt: skip
_RAW = {_FLOAT: "<f4", _FLOAT16: "<f2", _DOUBLE: "<f8", _BFLOAT16: "<u2"}
_LISTS = {_FLOAT: 4, _DOUBLE: 10}
"""The fields that keep numbers of a type one by one instead of as raw bytes."""


class WireError(ValueError):
    """The bytes are no protobuf message, or end before it does."""


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
    num_nodes: int = 0


def summarize(data: bytes) -> OnnxSummary:
    """Read a whole model.

    Raises:
        WireError: not protobuf, truncated, nested too deep, or without a graph.
    """
    summary = OnnxSummary()
    graphs = 0
    for number, value in _fields(memoryview(data)):
        if number == 7:
            graphs += 1
            _read_graph(_message(value), summary, depth=0)
        elif number == 8:
            _read_opset(_message(value), summary)
        elif number == 14:
            pair = {key: _text(part) for key, part in _fields(_message(value)) if key in (1, 2)}
            summary.metadata[pair.get(1, "")] = pair.get(2, "")
        elif number == 20:
            _read_training(_message(value), summary)
        elif number == 25:
            _read_function(_message(value), summary)
    if graphs != 1:
        raise WireError("holds no graph")
    return summary


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of every field; length-delimited values are views, not copies."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise WireError("not a protobuf message")
        if number == 0:
            raise WireError("not a protobuf message")
        if position + size > end:
            raise WireError(f"truncated: {position + size - end:,} bytes are missing")
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise WireError("truncated")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise WireError("not a protobuf message")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise WireError("not an ONNX model")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")


def _read_opset(message: memoryview, summary: OnnxSummary) -> None:
    domain, version = "", 0
    for number, value in _fields(message):
        if number == 1:
            domain = _text(value)
        elif number == 2 and isinstance(value, int):
            version = value
    summary.opsets[domain] = version


def _read_training(message: memoryview, summary: OnnxSummary) -> None:
    """How a model was trained: graphs that are not run, but hold tensors."""
    for number, value in _fields(message):
        if number in (1, 2):
            _read_graph(_message(value), summary, depth=1)


def _read_function(message: memoryview, summary: OnnxSummary) -> None:
    """An operator made of others, which the file brings along."""
    for number, value in _fields(message):
        if number == 7:
            _read_node(_message(value), summary, depth=0)
        elif number == 11:
            _read_attribute(_message(value), summary, depth=0)


def _read_graph(message: memoryview, summary: OnnxSummary, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError(f"graphs nested more than {MAX_DEPTH} deep")
    initialized: set[str] = set()
    inputs: list[TensorSpec] = []
    for number, value in _fields(message):
        if number == 1:
            _read_node(_message(value), summary, depth)
        elif number == 5:
            initialized.add(_read_tensor(_message(value), summary))
        elif number == 15:
            _read_sparse(_message(value), summary)
        elif number == 11 and depth == 0:
            inputs.append(_read_value_info(_message(value)))
        elif number == 12 and depth == 0:
            summary.outputs.append(_read_value_info(_message(value)))
    summary.inputs += [spec for spec in inputs if spec.name not in initialized]


def _read_node(message: memoryview, summary: OnnxSummary, depth: int) -> None:
    summary.num_nodes += 1
    for number, value in _fields(message):
        if number == 7:
            summary.domains.add(_text(value))
        elif number == 5:
            _read_attribute(_message(value), summary, depth)


def _read_attribute(message: memoryview, summary: OnnxSummary, depth: int) -> None:
    for number, value in _fields(message):
        if number in (5, 10):
            _read_tensor(_message(value), summary)
        elif number in (6, 11):
            _read_graph(_message(value), summary, depth + 1)
        elif number in (22, 23):
            _read_sparse(_message(value), summary)


def _read_sparse(message: memoryview, summary: OnnxSummary) -> None:
    """A sparse tensor: one of values, one of indices."""
    for number, value in _fields(message):
        if number in (1, 2):
            _read_tensor(_message(value), summary)


def _read_tensor(message: memoryview, summary: OnnxSummary) -> str:
    name, kind, location = "", 0, 0
    raw: list[tuple[int, memoryview]] = []
    for number, value in _fields(message):
        if number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = _text(value)
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
    for number, value in _fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for key, part in _fields(_message(value)):
                if key == 1:
                    dtype, shape = _read_tensor_type(_message(part))
    return TensorSpec(name, dtype, shape)


def _read_tensor_type(message: memoryview) -> tuple[str, tuple[int | str | None, ...]]:
    dtype = "unknown"
    shape: tuple[int | str | None, ...] = ()
    for number, value in _fields(message):
        if number == 1 and isinstance(value, int):
            dtype = _DTYPES.get(value, "unknown")
        elif number == 2:
            shape = tuple(_dimension(_message(part)) for _, part in _fields(_message(value)))
    return dtype, shape


def _dimension(message: memoryview) -> int | str | None:
    for number, value in _fields(message):
        if number == 1 and isinstance(value, int):
            return value if value < 2**63 else None  # a negative one says nothing
        if number == 2:
            return _text(value) or None
    return None
