"""Operators for a GPU that ONNX Runtime has not: what lies between two convolutions, in one.

`sources/` holds them in CUDA C++, and the same arithmetic in plain C++ for the CPU. They are built
where a model needs them that was exported as the variant "fused".
"""

from nst_rt.ops.building import build_library

__all__ = ["build_library"]
