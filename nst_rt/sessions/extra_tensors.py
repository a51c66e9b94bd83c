"""A model's inputs after the picture and outputs after the painting: a steady model's statistics.

All are float32. Their first dimension is the number of pictures in the batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import UsageError
from nst_rt.model import ModelFile
from nst_rt.onnx_file import TensorSpec

FloatArray = NDArray[np.float32]
Shape = tuple[int, ...]


def extra_inputs(model: ModelFile, count: int, values: dict[str, FloatArray]) -> list[FloatArray]:
    """Return the model's extra inputs in its order; those without a value are zeros.

    A steady model then keeps nothing and paints as the plain one.

    Args:
        model: declares their names and shapes.
        count: pictures in the batch.
        values: by name.

    Raises:
        UsageError: a name or shape that the model does not declare.
    """
    specs = {spec.name: spec for spec in model.inputs[1:]}
    unknown = sorted(values.keys() - specs)
    if unknown:
        takes = ", ".join(specs) or "a picture alone"
        raise UsageError(f"the model takes no {', '.join(unknown)}", cure=f"it takes {takes}")
    return [_checked(spec, count, values.get(name)) for name, spec in specs.items()]


def extra_shapes(model: ModelFile, count: int) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return the shapes of the model's extra inputs and of its extra outputs, by name."""
    ends = (model.inputs[1:], model.outputs[1:])
    inputs, outputs = ({spec.name: _shape(spec, count) for spec in end} for end in ends)
    return inputs, outputs


def empty_extra_outputs(model: ModelFile, count: int) -> dict[str, FloatArray]:
    """Return uninitialized arrays for the model's extra outputs, in its order."""
    _, outputs = extra_shapes(model, count)
    return {name: np.empty(shape, np.float32) for name, shape in outputs.items()}


def _checked(spec: TensorSpec, count: int, value: FloatArray | None) -> FloatArray:
    shape = _shape(spec, count)
    if value is None:
        return np.zeros(shape, np.float32)
    if np.shape(value) != shape:
        came, wanted = ("×".join(map(str, size)) for size in (np.shape(value), shape))
        raise UsageError(f"{spec.name} is {came or 'one number'}", cure=f"give {wanted}")
    return np.array(value, np.float32, order="C")  # a copy: some engines refuse read-only memory


def _shape(spec: TensorSpec, count: int) -> Shape:
    return tuple(size if isinstance(size, int) else count for size in spec.shape)
