"""Versions of what is installed, and builds of ONNX Runtime that lie over each other."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

PARTS = (
    "numpy", "pillow", "openvino", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx",
    "cuda-bindings", "onnx", "torch", "av", "opencv-python",
)  # fmt: skip
BUILDS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Packages that bring one and the same module `onnxruntime`."""


def versions(names: tuple[str, ...] = PARTS) -> dict[str, str]:
    """The version of each of these packages that is installed."""
    found = {name: _version(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def overlaid_builds() -> list[str]:
    """The builds of ONNX Runtime that are installed in one folder, so that one broke another."""
    folders: dict[str, list[str]] = {}
    for name in BUILDS:
        try:
            place = distribution(name).locate_file("onnxruntime")
        except Exception:  # absent, or its record is damaged
            continue
        folders.setdefault(str(place), []).append(name)
    return next((names for names in folders.values() if len(names) > 1), [])


def _version(name: str) -> str | None:
    try:
        return distribution(name).version or "unknown"
    except PackageNotFoundError:
        return None
    except Exception:  # a record without a version, or that is no text
        return "unknown"
