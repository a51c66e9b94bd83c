"""The processor: its name, and the arithmetic that it has instructions for."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

_BF16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}
_FP16 = {"avx512_fp16", "amx_fp16", "asimdhp"}


@dataclass(frozen=True)
class Processor:
    """`bf16` and `fp16` are None where the system does not say."""

    name: str
    bf16: bool | None
    fp16: bool | None


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """What the kernel says of the first core."""
    facts: dict[str, str] = {}
    try:
        for line in cpuinfo.read_text(errors="replace").split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            facts[key.strip()] = value.strip()
    except OSError:
        pass
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    if not flags:
        return Processor(name, None, None)
    return Processor(name, bool(flags & _BF16), bool(flags & _FP16))
