"""Importing the package is light."""

from __future__ import annotations

import subprocess
import sys


def test_import_loads_numpy_and_nothing_else() -> None:
    code = """
import sys, numpy
before = set(sys.modules)
import nst_rt
heavy = "torch onnxruntime openvino cv2 av PIL rich click onnx safetensors".split()
assert not [name for name in heavy if name in sys.modules]
assert len(set(sys.modules) - before) < 12, sorted(set(sys.modules) - before)
for name in ("Stylizer", "Picture"):
    assert getattr(nst_rt, name).__name__ == name
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_takes_little_memory() -> None:
    code = """
from pathlib import Path
import nst_rt
lines = Path("/proc/self/status").read_text().splitlines()
assert int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) < 40 * 1024
"""
    subprocess.run([sys.executable, "-c", code], check=True)
