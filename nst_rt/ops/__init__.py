"""Operators for GPUs that ONNX Runtime lacks: each fuses all that lies between two convolutions.

`sources/` holds them in CUDA C++, and the same arithmetic in plain C++ for the CPU. They are built
for models that were exported as the variant "fused".
"""

from nst_rt.ops.building import build_library

__all__ = ["build_library"]
