"""Native engines paint like any other session, over the real bindings of each version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cuda.scripts import OPEN
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

NEWEST = VERSIONS[-1]
EngineMachineOf = Callable[[str], EngineMachine]


@pytest.fixture
def machine(engine_machine_of: EngineMachineOf) -> EngineMachine:
    return engine_machine_of(NEWEST)


@pytest.fixture
def engine(machine: EngineMachine, tmp_path: Path) -> Path:
    return stand_in_engine(tmp_path / "echo.engine", machine)


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_pictures_in_flight_keep_their_pixels(
    engine_machine_of: EngineMachineOf, tmp_path: Path, version: str, lazy: int
) -> None:
    machine = engine_machine_of(version)
    code = """
    session = opened(trust_engine=True)
    image, paintings = picture.copy(), []
    for number in range(5):
        image[:] = number
        paintings.append(session.submit(image))
    image[:] = 99
    print(*(int(painting.result().max()) for painting in reversed(paintings)))
    for _ in range(2):
        print(*(int(session.run(np.full_like(image, number)).min()) for number in range(5)))
    print(session.provider, session.device, session.precision)
    session.close()
    print(used())
    """
    ended = machine.run(
        code, stand_in_engine(tmp_path / "e.engine", machine), before=OPEN, lazy=lazy
    )
    title = "TensorRT-RTX" if version == RTX else "TensorRT"
    assert ended.out.splitlines() == [
        "4 3 2 1 0", "0 1 2 3 4", "0 1 2 3 4", f"{title} {version} cuda fp16", "0",
    ], ended.err  # fmt: skip
    assert ended.count("cuGraphLaunch") == (0 if version == RTX else 10)
    assert ended.count("cuGraphInstantiate") == (0 if version == RTX else 1)
