"""Field numbers and data types of ONNX messages, named as in onnx.proto, of which these are a part.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (numbers never change there).
"""

from __future__ import annotations


class ModelProto:
    """A whole file."""

    GRAPH = 7
    OPSET_IMPORT = 8
    METADATA_PROPS = 14
    TRAINING_INFO = 20
    FUNCTIONS = 25


class OperatorSetIdProto:
    """The version of an operator set."""

    DOMAIN = 1
    VERSION = 2


class StringStringEntryProto:
    """One entry of metadata."""

    KEY = 1
    VALUE = 2


class TrainingInfoProto:
    """Graphs that a model was trained with."""

    INITIALIZATION = 1
    ALGORITHM = 2


class FunctionProto:
    """An operator that a file defines by others."""

    NODE = 7
    ATTRIBUTE_PROTO = 11


class GraphProto:
    """A network, or one inside an operator."""

    NODE = 1
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12
    SPARSE_INITIALIZER = 15


class NodeProto:
    """An operator."""

    INPUT = 1
    OUTPUT = 2
    OP_TYPE = 4
    ATTRIBUTE = 5
    DOMAIN = 7


class AttributeProto:
    """An argument of an operator."""

    T = 5
    G = 6
    TENSORS = 10
    GRAPHS = 11
    SPARSE_TENSOR = 22
    SPARSE_TENSORS = 23


class SparseTensorProto:
    """A tensor of which only some numbers are stored."""

    VALUES = 1
    INDICES = 2


class TensorProto:
    """A tensor, its numbers in one of several fields or in another file."""

    DATA_TYPE = 2
    FLOAT_DATA = 4
    INT32_DATA = 5
    NAME = 8
    RAW_DATA = 9
    DOUBLE_DATA = 10
    EXTERNAL_DATA = 13
    DATA_LOCATION = 14


class DataType:
    """Values of `TensorProto.DATA_TYPE` and `TypeProtoTensor.ELEM_TYPE`."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    BFLOAT16 = 16


class ValueInfoProto:
    """Name and type of an input or output."""

    NAME = 1
    TYPE = 2


class TypeProto:
    """A type, of which only tensors are read."""

    TENSOR_TYPE = 1


class TypeProtoTensor:
    """`TypeProto.Tensor`."""

    ELEM_TYPE = 1
    SHAPE = 2


class Dimension:
    """`TensorShapeProto.Dimension`."""

    DIM_VALUE = 1
    DIM_PARAM = 2
