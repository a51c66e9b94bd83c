"""Prints as JSON what a module of TensorRT's has: classes, methods with their arguments, members.

    python listing.py tensorrt

It runs in a process of the bindings' own and needs nothing but them. What functions take is read
from the first lines of their docstrings, where pybind11 writes it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from typing import Any

Signature = dict[str, Any]


def listing(name: str) -> dict[str, Any]:
    """Return version and public names of a module."""
    module = importlib.import_module(name)
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    return {
        "version": module.__version__,
        "classes": {key: _class(value) for key, value in public.items() if inspect.isclass(value)},
        "others": ["__version__"]
        + [key for key, value in public.items() if not inspect.isclass(value)],
    }


def _class(kind: type) -> dict[str, Any]:
    members = list(getattr(kind, "__members__", {}))
    found: dict[str, Any] = {"methods": {}, "properties": {}, "nested": {}, "members": members}
    for base in reversed(kind.__mro__):
        for key, value in vars(base).items():
            if base is object or (key.startswith("_") and key != "__init__"):
                continue
            if inspect.isclass(value):
                found["nested"][key] = _class(value)
            elif isinstance(value, property) or type(value).__name__ == "pybind11_static_property":
                found["properties"][key] = {
                    "type": _returned(getattr(value.fget, "__doc__", None) or ""),
                    "settable": value.fset is not None,
                }
            elif hasattr(type(value), "__members__"):  # Logger.ERROR stands for Severity.ERROR
                members.append(key)
            elif callable(getattr(kind, key)) and key not in members:
                found["methods"][key] = _signatures(key, getattr(kind, key).__doc__ or "")
    return found


def _signatures(name: str, text: str) -> list[Signature]:
    """Return every form in which a function may be called; none if its docstring has none."""
    lines = (re.sub(r"^\d+\. ", "", line.strip()) for line in text.splitlines())
    forms = [line for line in lines if line.startswith(f"{name}(") and "*args" not in line]
    return [_signature(line[len(name) :]) for line in forms]


def _signature(text: str) -> Signature:
    """Parse "(self: a.B, flags: int = 0) -> a.C"."""
    depth, parts = 0, [""]
    for place, char in enumerate(text):
        depth += char in "([<{"
        depth -= char in ")]}" or (char == ">" and text[place - 1] != "-")
        if depth == 0:
            break
        if depth == 1 and char == ",":
            parts.append("")
        elif place:
            parts[-1] += char
    arguments = [part.strip() for part in parts if part.strip() not in ("", "/", "*")]
    return {
        "arguments": [re.split("[:=]", argument)[0].strip() for argument in arguments],
        "optional": sum("=" in argument for argument in arguments),
        "returns": _returned(text[place:]),
    }


def _returned(text: str) -> str:
    """Return the last part of a type's name after the arrow, "" where there is none."""
    found = re.search(r"-> *([\w.:]+)", text)
    return re.split(r"[.:]", found[1])[-1] if found else ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(listing(sys.argv[1])))
