"""Forms of the half-precision graph, which paint the same picture.

ONNX Runtime fuses nothing on CUDA: each operator reads and writes all of its pixels, and the bias
of a convolution is an operator too. The forms differ in how many bytes they move and how many
kernels they launch; `python -m benchmarks.cuda_forms` counts both
(docs/decisions/0017-cuda-forms.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nst_export.folds import LAST_STRIDE


@dataclass(frozen=True)
class Form:
    """Choices that a graph may differ in.

    Attributes:
        norm: "operators" are InstanceNormalization and Relu. "thresholds" is the maximum of a
            convolution's output and one number per channel, the rest of the normalization going
            into the next kernel; where it cannot, BatchNormalization with statistics of this
            picture, which "mixed" leaves to InstanceNormalization.
        layout: in which ONNX Runtime is to keep features. All of a graph of thresholds can be
            N×H×W×C, as tensor cores want it; InstanceNormalization cannot.
        upsampling: a transposed convolution, or nearest upsampling and a convolution.
        last_stride: of the last convolution, which yields blocks of so many pixels a side.
        biases: those of convolutions too that a normalization takes off again.
    """

    norm: Literal["operators", "thresholds", "mixed"] = "operators"
    layout: Literal["nchw", "nhwc"] = "nchw"
    upsampling: Literal["transposed", "resize"] = "transposed"
    last_stride: int = LAST_STRIDE
    biases: bool = False

    def __post_init__(self) -> None:
        if self.upsampling == "resize" and self.norm != "operators":
            raise ValueError("upsampling by resizing goes with the operators of normalization")
        if self.layout == "nhwc" and self.norm != "thresholds":
            raise ValueError("features N×H×W×C go with thresholds")


SHIPPED = Form()
"""The form with the fewest bytes among those that paint several pictures at once."""
FORMS = {
    "shipped": SHIPPED,
    "with all biases": Form(biases=True),
    "resized": Form(upsampling="resize"),
    "last in blocks of 4": Form(last_stride=4),
    "last pixel by pixel": Form(last_stride=1),
    "mixed": Form("mixed"),
    "thresholds": Form("thresholds"),
    "thresholds, N×H×W×C": Form("thresholds", "nhwc"),
}
"""Forms to measure on a GPU. Those with thresholds take one picture at a time, flat ones badly."""
