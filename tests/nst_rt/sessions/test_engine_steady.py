"""Statistics are uploaded to an engine and downloaded with their pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cuda.scripts import OPEN
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

EngineMachineOf = Callable[[str], EngineMachine]
LAZY = pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])


def steady_engine(folder: Path, machine: EngineMachine, **changes) -> Path:
    given = {"high": (1, 64, 96), "channels": 5} | changes
    return stand_in_engine(folder / "echo.steady.engine", machine, **given)


@LAZY
@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_statistics_go_with_their_picture(
    engine_machine_of: EngineMachineOf, tmp_path: Path, version: str, lazy: int
) -> None:
    """Also when several threads paint, and when a graph is replayed."""
    machine = engine_machine_of(version)
    code = """
    session = opened(trust_engine=True)

    def holds(number):
        image = np.full((1, 20, 30, 3), number, np.uint8)
        statistics = np.full((1, 2, 5), number, np.float32)
        given = {"statistics": statistics, "keep": np.ones(1, np.float32)}
        painting, further = session.run_all(image, **given)
        return (painting == number).all() and (further["statistics_out"] == number).all()

    with ThreadPoolExecutor(4) as threads:
        print(all(threads.map(holds, range(20))))
    painting, further = session.run_all(picture)
    used_then = further["statistics_out"]
    print((painting == picture).all(), used_then.shape, used_then.any())
    print(told(lambda: session.run_all(picture, keep=np.ones(2, np.float32))))
    session.close()
    print(used())
    """
    ended = machine.run(code, steady_engine(tmp_path, machine), before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == [
        "True", "True (1, 2, 5) False", "UsageError 2: keep is 2; give 1", "0",
    ], ended.err  # fmt: skip
    assert ended.count("cuGraphLaunch") > (-1 if version == RTX else 5)
