"""The command that builds an engine again is one that can be typed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt import zoo
from nst_rt.commands.export import export
from nst_rt.engines.rebuild_command import rebuild_command, size_error, steady_build_command
from nst_rt.engines.side_car import PORTABLE, EngineFacts
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from tests.nst_rt.engines.test_side_car import FACTS

ENGINE = Path("folder/my wave.engine")
CARD = zoo.cards()[0]
SHIPPED = replace(FACTS, model={"name": CARD.name}, onnx_sha256=CARD.files["fp16"].sha256)
STEADY = replace(
    SHIPPED,
    model={
        "name": CARD.name,
        "variant": "steady",
        "checkpoint_sha256": CARD.files["checkpoint"].sha256,
    },
    statistics=800,
)
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
        (replace(STEADY, onnx_sha256="c" * 64), f"{CARD.name} … --variant steady {SIZES}"),
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
    told = rebuild_command(ENGINE, facts)
    assert told == f"nst-rt export {command}".replace("…", "'folder/my wave.engine' --overwrite")
    assert shlex.split(told)[3] == str(ENGINE)
    known = {option for parameter in export.params for option in parameter.opts}
    assert {word for word in shlex.split(told) if word.startswith("--")} <= known


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (FACTS, f"CHECKPOINT … {SIZES}"),
        (SHIPPED, f"{CARD.name} … {SIZES}"),
        (replace(SHIPPED, precision="fp32"), f"{CARD.name} … --precision fp32 {SIZES}"),
        (PORTABLE_ENGINE, f"CHECKPOINT … {SIZES} --backend tensorrt-rtx"),
        (replace(FACTS, profiles=[SIZE]), "CHECKPOINT … --size 96x64"),
        (replace(FACTS, profiles=[BATCH]), "CHECKPOINT … --min 8x8 --opt 96x64 --max 96x64"),
    ],
)
def test_steady_engine_is_built_for_the_same_pictures_one_at_a_time(
    facts: EngineFacts, command: str
) -> None:
    told = steady_build_command(ENGINE, facts)
    expected = f"nst-rt export {command}"
    assert told == expected.replace("…", "'folder/my wave.engine' --variant steady")


def test_it_builds_for_other_pictures() -> None:
    error = size_error(ENGINE, FACTS, (100, 8), 3)
    assert str(error) == (
        f"{ENGINE}: takes pictures of 16x16 … 64x64, 1 at once, not of 8x100 in batches of 3; "
        "build it for them: nst-rt export MODEL.onnx 'folder/my wave.engine' --overwrite "
        "--min 8x16 --opt 64x64 --max 64x100 --batch 3"
    )
