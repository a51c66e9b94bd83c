"""Versions of installed packages, and builds of ONNX Runtime installed over each other."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

PARTS = (
    "numpy", "pillow", "openvino", "onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx",
    "cuda-bindings", "onnx", "torch", "av", "opencv-python",
)  # fmt: skip
BUILDS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Packages that install the same module, `onnxruntime`."""


def versions(names: tuple[str, ...] = PARTS) -> dict[str, str]:
    """Return the versions of those of these packages that are installed."""
    found = {name: _version(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def overlaid_builds() -> list[str]:
    """Return the builds of ONNX Runtime in one folder, where one has broken another."""
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
    except Exception:  # its record is not text, or has no version
        return "unknown"
