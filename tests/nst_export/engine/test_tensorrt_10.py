"""TensorRT 10's own calls through its real bindings, over the stand-in of ONNX Runtime's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cuda.machine import CudaMachine
from tests.tensorrt.bindings import VERSIONS, TensorRt
from tests.tensorrt.machine import EngineMachine

STRONGLY_TYPED = 2
"""The flag's bit in TensorRT 10."""


@pytest.fixture(params=[version for version in VERSIONS if version.startswith("10.")])
def machine(
    request: pytest.FixtureRequest,
    cuda_machine: CudaMachine,
    tensorrt_of: Callable[[str], TensorRt],
    tmp_path: Path,
) -> EngineMachine:
    library = tmp_path / "libnvinfer_plugin.so.10"  # the bindings want one, and nothing of it
    command = ["gcc", "-shared", f"-Wl,-soname,{library.name}", "-o", library]
    subprocess.run([*command, "-x", "c", "/dev/null"], check=True)
    site = tensorrt_of(request.param).site
    cuda = vars(replace(cuda_machine, scratch=tmp_path))
    return EngineMachine(**cuda, version=request.param, bindings=site, run_time=tmp_path)


def test_tensors_keep_the_types_that_the_file_gives_them(
    machine: EngineMachine, echo: Path
) -> None:
    """A network of weak types would be computed in whatever precision is fastest."""
    code = """
    import sys
    from pathlib import Path
    from nst_export.engine.backends import open_backend
    from nst_export.engine.network import parse
    from nst_rt.nvidia.tensorrt_log import collect_messages

    backend, data = open_backend("tensorrt"), Path(sys.argv[1]).read_bytes()
    with collect_messages() as messages:
        network = parse(backend.module, backend.builder(messages), data, messages, backend.title)
        print(backend.version, network.get_input(0).name, network.get_output(0).name)
    """
    ended = machine.run(code, echo, tensorrt=True)
    assert ended.out.split() == [machine.version, "image", "image_out"], ended.err
    made = [call for call in ended.calls if call.startswith("createNetworkV2")]
    assert made == [f"createNetworkV2 with flags {STRONGLY_TYPED}"]
