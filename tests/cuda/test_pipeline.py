"""ONNX Runtime and cuda-python share a stream: copies, runs and graphs follow one another on it."""

from __future__ import annotations

import pytest

from tests.cuda.scripts import DRIVER

PIPELINE = (
    DRIVER
    + """
    import numpy as np
    import onnxruntime

    stream = ok(driver.cuStreamCreate(1))
    model, graph, waits = sys.argv[1], sys.argv[2], sys.argv[3] == "waits"
    options = {"user_compute_stream": str(int(stream)), "enable_cuda_graph": graph}
    session = onnxruntime.InferenceSession(
        model, providers=[("CUDAExecutionProvider", options)], enable_fallback=0
    )
    shape, count = (1, 20, 30, 3), 1800
    pinned = [ok(driver.cuMemHostAlloc(count, 0)) for _ in range(2)]
    source, target = (
        np.frombuffer((ctypes.c_uint8 * count).from_address(place), np.uint8).reshape(shape)
        for place in pinned
    )
    device = [ok(driver.cuMemAlloc(count)) for _ in range(2)]
    binding = session.io_binding()
    binding.bind_input("image", "cuda", 0, np.uint8, shape, int(device[0]))
    binding.bind_output("image_out", "cuda", 0, np.uint8, shape, int(device[1]))
    run = onnxruntime.RunOptions()
    run.add_run_config_entry("disable_synchronize_execution_providers", "1")
    target[:] = 0
    for number in range(1, 5):
        source[:] = number
        ok(driver.cuMemcpyHtoDAsync(device[0], pinned[0], count, stream))
        session.run_with_iobinding(binding, run)
        ok(driver.cuMemcpyDtoHAsync(pinned[1], device[1], count, stream))
        if waits:
            ok(driver.cuStreamSynchronize(stream))
        print(target.min(), target.max())
"""
)


@pytest.mark.parametrize("graph", ["0", "1"], ids=["run", "graph"])
@pytest.mark.parametrize("lazy", [0, 1])
def test_pictures_pass_through_one_stream(cuda_machine, echo, graph, lazy) -> None:
    ended = cuda_machine.run(PIPELINE, echo, graph, "waits", lazy=lazy)
    assert ended.out.splitlines() == ["1 1", "2 2", "3 3", "4 4"], ended.err
    assert ended.count("cudaGraphLaunch") == (4 if graph == "1" else 0)


def test_whoever_does_not_wait_reads_what_was_there_before(cuda_machine, echo) -> None:
    ended = cuda_machine.run(PIPELINE, echo, "0", "hurries", lazy=1)
    assert ended.out.splitlines() == ["0 0"] * 4, ended.err
    ended = cuda_machine.run(PIPELINE, echo, "0", "hurries", lazy=0)
    assert ended.out.splitlines() == ["1 1", "2 2", "3 3", "4 4"], ended.err
