"""No engine sends telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAINT = """
import os, sys
forks = []
os.register_at_fork(before=lambda: forks.append(1))
import numpy as np
import nst_rt
stylizer = nst_rt.Stylizer(sys.argv[1], device="openvino", threads=1)
stylizer(np.zeros((16, 16, 3), np.uint8))
print(stylizer.info.provider.split()[0], "openvino_telemetry" in sys.modules, len(forks))
"""


def test_openvino_is_imported_without_its_telemetry(model_path, tmp_path: Path) -> None:
    """It would fork a process that holds our pipes, and leave a folder in the user's home."""
    variables = {name: value for name, value in os.environ.items() if name not in ("CI", "HOME")}
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", PAINT, str(model_path)],
        env={**variables, "HOME": str(tmp_path), "PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "OpenVINO False 0\n"
    assert list(tmp_path.iterdir()) == []
