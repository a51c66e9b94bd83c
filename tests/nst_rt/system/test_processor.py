"""The processor's arithmetic is read from the kernel's flags, and unknown where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_rt.system.processor import Processor, this_processor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "model name\t: Fast 9\nflags\t: avx512f amx_bf16\n\nmodel name\t: Other\n",
            Processor("Fast 9", bf16=True, fp16=False),
        ),
        ("model name\t: Old\nflags\t: sse2\n", Processor("Old", bf16=False, fp16=False)),
        ("model name\t: Arm\nFeatures\t: asimdhp bf16\n", Processor("Arm", bf16=True, fp16=True)),
        ("model name\t: Odd\n", Processor("Odd", bf16=None, fp16=None)),
    ],
)
def test_flags(text, expected, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert this_processor(tmp_path / "cpuinfo") == expected


def test_system_without_the_file_still_has_a_name(tmp_path: Path) -> None:
    processor = this_processor(tmp_path / "absent")
    assert processor.name
    assert (processor.bf16, processor.fp16) == (None, None)
