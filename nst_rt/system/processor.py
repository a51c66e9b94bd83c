"""The processor: its name, and the arithmetic that it has instructions for."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
"""The Linux kernel's description of the processor."""
_BF16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}
_FP16 = {"avx512_fp16", "amx_fp16", "asimdhp"}


@dataclass(frozen=True)
class Processor:
    """A processor; `bf16` and `fp16` are None where the system does not report them."""

    name: str
    bf16: bool | None
    fp16: bool | None


def this_processor(file: Path = CPUINFO) -> Processor:
    """Return the processor of this machine."""
    facts = cpuinfo(file)
    name = facts.get("model name") or platform.processor() or platform.machine()
    instructions = instruction_sets(facts)
    if not instructions:
        return Processor(name, None, None)
    return Processor(name, bool(instructions & _BF16), bool(instructions & _FP16))


def cpuinfo(file: Path = CPUINFO) -> dict[str, str]:
    """Return the kernel's facts of the first core by their names; empty on other systems."""
    try:
        first = file.read_text(errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def instruction_sets(facts: Mapping[str, str]) -> set[str]:
    """Return the instruction sets among such facts; empty where they name none."""
    return set((facts.get("flags") or facts.get("Features") or "").split())  # x86 or Arm
