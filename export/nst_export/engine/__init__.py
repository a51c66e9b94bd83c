"""Engines: a model file compiled by TensorRT or TensorRT-RTX, with a side-car of its identity."""

from nst_export.engine.building import BuiltEngine, build_engine
from nst_export.engine.options import EngineOptions
from nst_export.engine.profiles import Profile

__all__ = ["BuiltEngine", "EngineOptions", "Profile", "build_engine"]
