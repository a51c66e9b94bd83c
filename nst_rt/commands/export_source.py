"""Checks of the source of `nst-rt export`, before anything has to be installed for it."""

from __future__ import annotations

from pathlib import Path

from nst_rt import zoo
from nst_rt.engines.side_car import SUFFIX
from nst_rt.errors import ModelError
from nst_rt.model import file_of


def refuse_source(source: str, target: Path) -> None:
    """Refuse a source that nothing can be exported from. The exporter looks into folders itself.

    Raises:
        ModelError: it is absent, an engine, a model file where a checkpoint is needed, or another
            kind of file.
    """
    if zoo.find(source) or _is_folder(source):
        return
    path = file_of(source)
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=path) from error
    to_engine = target.suffix == SUFFIX
    if path.suffix == SUFFIX:
        origin = ".onnx file" if to_engine else "checkpoint"
        raise ModelError(
            "is an engine already" if to_engine else "is an engine, which becomes no model file",
            path=path,
            cure=f"give the {origin} or style that it was built from",
        )
    if path.suffix == ".onnx":
        if to_engine:
            return
        raise ModelError(
            "is a model file already",
            path=path,
            cure="give the checkpoint or style that it was exported from",
        )
    if head[8:] != b"{":  # the header of a safetensors file comes after its length
        kinds = "a .safetensors checkpoint, a .onnx file" if to_engine else "a .safetensors file"
        raise ModelError(
            "is no checkpoint, model file or style",
            path=path,
            cure=f"give {kinds} or a style's name",
        )


def _is_folder(source: str) -> bool:
    try:
        return Path(source).expanduser().is_dir()
    except (OSError, RuntimeError):  # a name too long, no such user
        return False
