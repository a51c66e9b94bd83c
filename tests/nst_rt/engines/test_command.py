"""The command that builds an engine again is one that can be typed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt import zoo
from nst_rt.commands.export import export
from nst_rt.engines.command import outside, rebuild
from nst_rt.engines.side_car import PORTABLE, EngineFacts
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from tests.nst_rt.engines.test_side_car import FACTS

ENGINE = Path("folder/my wave.engine")
CARD = zoo.cards()[0]
SHIPPED = replace(FACTS, model={"name": CARD.name}, onnx_sha256=CARD.files["fp16"].sha256)
SIZES = "--min 16x16 --opt 64x64 --max 64x64"
PORTABLE_ENGINE = replace(
    FACTS, backend="tensorrt-rtx", gpu=PORTABLE, compute_capabilities=list(PORTABLE_TO)
)
SIZE = {"min": [1, 64, 96, 3], "opt": [1, 64, 96, 3], "max": [1, 64, 96, 3]}
BATCH = {"min": [1, 8, 8, 3], "opt": [4, 64, 96, 3], "max": [4, 64, 96, 3]}


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (FACTS, f"MODEL.onnx … {SIZES}"),
        (SHIPPED, f"{CARD.name} … {SIZES}"),
        (replace(SHIPPED, precision="fp32"), f"{CARD.name} … --precision fp32 {SIZES}"),
        (replace(FACTS, precision="fp32"), f"MODEL.onnx … {SIZES}"),
        (replace(SHIPPED, onnx_sha256="c" * 64), f"MODEL.onnx … {SIZES}"),
        (replace(FACTS, profiles=[SIZE]), "MODEL.onnx … --size 96x64"),
        (PORTABLE_ENGINE, f"MODEL.onnx … {SIZES} --backend tensorrt-rtx"),
        (
            replace(PORTABLE_ENGINE, compute_capabilities=["7.5", "8.9"]),
            f"MODEL.onnx … {SIZES} --backend tensorrt-rtx "
            "--compute-capability 7.5 --compute-capability 8.9",
        ),
        (
            replace(FACTS, profiles=[BATCH]),
            "MODEL.onnx … --min 8x8 --opt 96x64 --max 96x64 --batch 4",
        ),
    ],
)
def test_it_builds_the_same(facts: EngineFacts, command: str) -> None:
    told = rebuild(ENGINE, facts)
    assert told == f"nst-rt export {command}".replace("…", "'folder/my wave.engine' --overwrite")
    assert shlex.split(told)[3] == str(ENGINE)
    known = {option for parameter in export.params for option in parameter.opts}
    assert {word for word in shlex.split(told) if word.startswith("--")} <= known


def test_it_builds_for_other_pictures() -> None:
    error = outside(ENGINE, FACTS, (100, 8), 3)
    assert str(error) == (
        f"{ENGINE}: takes pictures of 16x16 … 64x64, 1 at once, not of 8x100 in batches of 3; "
        "build it for them: nst-rt export MODEL.onnx 'folder/my wave.engine' --overwrite "
        "--min 8x16 --opt 64x64 --max 64x100 --batch 3"
    )
