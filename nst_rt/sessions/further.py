"""What a model takes beside a picture and gives beside a painting: statistics of a steady one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import UsageError
from nst_rt.model import ModelFile
from nst_rt.onnx_file import TensorSpec

Numbers = NDArray[np.float32]
Shape = tuple[int, ...]


def further_inputs(model: ModelFile, count: int, given: dict[str, Numbers]) -> list[Numbers]:
    """The model's inputs after the picture, in its order; zeros for those that are not given.

    A steady model then keeps nothing and paints as the plain one.

    Args:
        model: which says their names and shapes.
        count: pictures in the batch.
        given: by name.

    Raises:
        UsageError: of another name or shape than the model takes.
    """
    specs = {spec.name: spec for spec in model.inputs[1:]}
    unknown = sorted(given.keys() - specs)
    if unknown:
        takes = ", ".join(specs) or "a picture alone"
        raise UsageError(f"the model takes no {', '.join(unknown)}", cure=f"it takes {takes}")
    return [_checked(spec, count, given.get(name)) for name, spec in specs.items()]


def further_shapes(model: ModelFile, count: int) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Shapes of the model's inputs after the picture and of its outputs after the painting."""
    ends = (model.inputs[1:], model.outputs[1:])
    given, told = ({spec.name: _shape(spec, count) for spec in end} for end in ends)
    return given, told


def further_outputs(model: ModelFile, count: int) -> dict[str, Numbers]:
    """Room for the model's outputs after the painting, in its order."""
    _, told = further_shapes(model, count)
    return {name: np.empty(shape, np.float32) for name, shape in told.items()}


def _checked(spec: TensorSpec, count: int, given: Numbers | None) -> Numbers:
    shape = _shape(spec, count)
    if given is None:
        return np.zeros(shape, np.float32)
    if np.shape(given) != shape:
        came, wanted = ("×".join(map(str, size)) for size in (np.shape(given), shape))
        raise UsageError(f"{spec.name} is {came or 'one number'}", cure=f"give {wanted}")
    return np.array(given, np.float32, order="C")  # a copy: some engines refuse read-only memory


def _shape(spec: TensorSpec, count: int) -> Shape:
    return tuple(size if isinstance(size, int) else count for size in spec.shape)
