"""A model file as TensorRT's own network, and its checks before it is compiled."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nst_export.engine.messages import refusal
from nst_export.engine.profiles import Profile, Shape
from nst_rt.errors import ModelError, NstError, UsageError
from nst_rt.nvidia.tensorrt_log import Messages, strip_locations
from nst_rt.sizes import size_text

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)

MOST_NUMBERS = 2_000_000_000
"""Most numbers in one tensor: just below 2³¹ the builder plans too little memory, silently."""
_PRECISIONS = {"FP8": "fp8", "INT8": "int8", "BF16": "bf16", "HALF": "fp16", "FLOAT": "fp32"}
"""TensorRT's names of precisions and ours; of several the first counts."""


def parse(
    trt: ModuleType, builder: trt.Builder, data: bytes, messages: Messages, name: str
) -> trt.INetworkDefinition:
    """Read an ONNX model. Every tensor keeps the type that the file gives it.

    Raises:
        ModelError: not ONNX, or something in it is unknown to the library called `name`.
    """
    flag = trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED  # by name: its number differs
    network = builder.create_network(1 << int(flag))
    parser = trt.OnnxParser(network, builder.logger)
    if not parser.parse(data):
        raise _unreadable(parser, messages, name)
    if network.num_outputs == 0:  # bytes that mean nothing are read without an error
        raise ModelError("is no ONNX file", cure="give a model file")
    return network


def precision_of(trt: ModuleType, network: trt.INetworkDefinition) -> str:
    """Return the precision of a network: that of its convolutions."""
    kinds = (trt.LayerType.CONVOLUTION, trt.LayerType.DECONVOLUTION, trt.LayerType.QUANTIZE)
    found = {layer.get_output(0).dtype.name for layer in _layers(network) if layer.type in kinds}
    return next((ours for theirs, ours in _PRECISIONS.items() if theirs in found), "fp32")


def fixed_shape(network: trt.INetworkDefinition) -> Shape | None:
    """Return the shape of the pictures of a fixed-size network, None if it takes others too."""
    shape = tuple(network.get_input(0).shape)
    return None if -1 in shape else shape


def check_sizes(
    trt: ModuleType, network: trt.INetworkDefinition, profile: Profile, scale: int, path: Path
) -> None:
    """Check the smallest and the largest picture of a profile on the shapes of a network.

    The builder itself accepts sizes at which its engine is wrong: pictures smaller than the
    reflection at their edge, and tensors that have more numbers than it counts.

    Args:
        trt: the library.
        network: one that is not compiled afterwards: it keeps the shapes.
        profile: gives the shapes.
        scale: output pixels per input pixel, along a side.
        path: of the model file.

    Raises:
        UsageError: a size is too small or too large.
        ModelError: the output is not the picture that it should be.
    """
    shapes, of_one_size = profile.shapes(), profile.min == profile.max
    larger = "raise the size" if of_one_size else "raise smallest (--min)"
    smaller = "lower the size" if of_one_size else "lower largest (--max)"
    for name in ("max",) if of_one_size else ("min", "max"):
        batch, height, width, _ = shapes[name]
        network.get_input(0).shape = shapes[name]
        size = size_text((height, width))
        pictures = f"pictures of {size}" if of_one_size else f"--{name} {size}"
        asked = f"{pictures} and --batch {batch} do not work"
        try:
            numbers = max(_numbers(trt, layer) for layer in _layers(network))
            given = tuple(network.get_output(0).shape)
        except _MisfitError as misfit:
            raise UsageError(f"{asked} ({misfit})", path=path, cure=larger) from misfit
        except RuntimeError as error:
            cure = larger if of_one_size or name == "min" else f"{smaller} or batch (--batch)"
            what = f"{asked} (the network does not take such pictures: {error})"
            raise UsageError(what, path=path, cure=cure) from error
        if numbers > MOST_NUMBERS:
            side = math.sqrt(MOST_NUMBERS / numbers)
            most = size_text((int(height * side) // 16 * 16, int(width * side) // 16 * 16))
            raise UsageError(
                f"{asked} (a tensor would have {numbers:,} numbers; at most {MOST_NUMBERS:,} work)",
                path=path,
                cure=f"{smaller} to about {most}"
                + (", or lower batch (--batch)" if batch > 1 else ""),
            )
        expected = (batch, height * scale, width * scale, 3)
        if given != expected:
            raise ModelError(f"gives {given} where {expected} belongs", path=path)


class _MisfitError(Exception):
    """A layer does not work at a size."""


def _numbers(trt: ModuleType, layer: trt.ILayer) -> int:
    """Return how many numbers the largest tensor has that a layer makes."""
    shapes = [tuple(layer.get_output(index).shape) for index in range(layer.num_outputs)]
    if layer.type == trt.LayerType.SLICE and _reflects(trt, layer):
        before, after = tuple(layer.get_input(0).shape), tuple(layer.get_output(0).shape)
        for one, other in zip(before, after, strict=True):
            if other > max(one, 3 * one - 2):  # all but the edge itself, on either side
                logger.debug("%s makes %s of %s", layer.name, after, before)
                raise _MisfitError("the network mirrors more of the edge than there is picture")
    return max(map(math.prod, shapes))


def _reflects(trt: ModuleType, layer: trt.ILayer) -> bool:
    layer.__class__ = trt.ISliceLayer  # the way to a layer's own properties
    mode = layer.mode
    return bool(mode == trt.SampleMode.REFLECT)


def _layers(network: trt.INetworkDefinition) -> Iterator[trt.ILayer]:
    for index in range(network.num_layers):
        yield network.get_layer(index)


def _errors(parser: trt.OnnxParser) -> Iterator[trt.ParserError]:
    for index in range(parser.num_errors):
        yield parser.get_error(index)


def _unreadable(parser: trt.OnnxParser, messages: Messages, name: str) -> NstError:
    """Return the error for the first node that the parser did not take, or for the whole file."""
    for error in _errors(parser):
        if error.node_operator():
            return _refused(error, name)
    return refusal(messages, name)


def _refused(error: trt.ParserError, name: str) -> NstError:
    at = f"operator {error.node_operator()} of node {error.node_name() or error.node()}"
    if "Plugin not found" in error.desc():
        return ModelError(f"{name} knows no {at}", cure="export it with standard operators")
    known = refusal(Messages([error.desc()]), name)
    if not known.what.startswith(f"{name} cannot build it"):
        return type(known)(f"{known.what} ({at})", cure=known.cure)
    reason = strip_locations(error.desc()).partition("\n")[0]
    return ModelError(
        f"{name} does not take {at} ({reason})",
        cure="export it without, or run the .onnx file itself",
    )
