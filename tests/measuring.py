"""Where coverage is measured: in this process, and in those over stand-ins for NVIDIA's libraries.

To begin costs a process a tenth of a second, and no other runs a line that needs a GPU.
"""

from __future__ import annotations

import os

BEGIN = "COVERAGE_PROCESS_START"
"""The environment variable that begins it."""
MEASURED = {BEGIN: os.environ.pop(BEGIN)} if BEGIN in os.environ else {}
"""Goes into the environment of a process that is measured, if this one is."""
