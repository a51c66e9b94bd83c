"""Tensors in an ONNX file: where their numbers are, and whether all of them are finite."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nst_rt.onnx_file.protobuf import WireError, fields, text_of
from nst_rt.onnx_file.schema import DataType, TensorProto

_RAW = {
    DataType.FLOAT: "<f4", DataType.FLOAT16: "<f2", DataType.DOUBLE: "<f8",
    DataType.BFLOAT16: "<u2",
}  # fmt: skip
"""NumPy dtypes of the numbers in `raw_data`; bfloat16 as its bits."""
_LISTS = {DataType.FLOAT: TensorProto.FLOAT_DATA, DataType.DOUBLE: TensorProto.DOUBLE_DATA}
"""Fields that keep numbers of a data type one by one instead of as raw bytes."""
_VALUES = (
    TensorProto.RAW_DATA, TensorProto.FLOAT_DATA, TensorProto.INT32_DATA, TensorProto.DOUBLE_DATA,
)  # fmt: skip
"""Fields that may hold floating-point numbers."""


class Tensor(NamedTuple):
    """A tensor's name, whether its numbers are in another file, and whether they are finite."""

    name: str
    is_external: bool
    is_finite: bool


def read_tensor(message: memoryview) -> Tensor:
    """Read a `TensorProto`.

    Raises:
        WireError: damaged, or numbers that do not fit their type.
    """
    name, data_type, external = "", 0, False
    parts: list[tuple[int, memoryview]] = []
    for number, value in fields(message):
        if number == TensorProto.DATA_TYPE and isinstance(value, int):
            data_type = value
        elif number == TensorProto.NAME:
            name = text_of(value)
        elif number == TensorProto.EXTERNAL_DATA:
            external = True
        elif number == TensorProto.DATA_LOCATION and isinstance(value, int):
            external |= value != 0  # 0 is DEFAULT: in this file
        elif number in _VALUES and not isinstance(value, int):
            parts.append((number, value))
    return Tensor(name, external, all(_finite(data_type, *part) for part in parts))


def _finite(data_type: int, number: int, data: memoryview) -> bool:
    """Return whether one field of a tensor holds finite numbers; whole numbers always are."""
    if number == TensorProto.INT32_DATA and data_type in (DataType.FLOAT16, DataType.BFLOAT16):
        values = _packed_16_bits(data).view(_RAW[data_type])
    elif data_type in _RAW and number in (TensorProto.RAW_DATA, _LISTS.get(data_type)):
        values = _numbers(data, _RAW[data_type])
    else:
        return True
    if data_type == DataType.BFLOAT16:
        # the upper half of a float32: all exponent bits set is Inf or NaN
        return not bool(((values & 0x7F80) == 0x7F80).any())
    return bool(np.isfinite(values).all())


def _numbers(data: memoryview, dtype: str) -> NDArray[Any]:
    if len(data) % np.dtype(dtype).itemsize:
        raise WireError("a tensor's bytes do not fit its type")
    return np.frombuffer(data, dtype)


def _packed_16_bits(data: memoryview) -> NDArray[np.uint16]:
    """Return 16-bit numbers, each of which is a varint of one to three bytes."""
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
