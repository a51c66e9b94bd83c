"""The model file: finding, checking and describing it."""

from nst_rt.model.checking import OPERATORS, PREFIX, SCHEMA, check_model
from nst_rt.model.file import Adaptation, Layout, ModelFile
from nst_rt.model.reading import file_of, model_hash, read_model, shipped_style, style_name

__all__ = [
    "OPERATORS",
    "PREFIX",
    "SCHEMA",
    "Adaptation",
    "Layout",
    "ModelFile",
    "check_model",
    "file_of",
    "model_hash",
    "read_model",
    "shipped_style",
    "style_name",
]
