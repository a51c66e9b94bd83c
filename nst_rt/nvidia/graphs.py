"""CUDA graphs: work that a stream was given once, launched as one from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nst_rt.nvidia.memory import Gpu, Stream


class Graph:
    """What `work` puts into a stream, captured instead of done.

    Args:
        gpu: of the stream.
        stream: has nothing of this thread captured yet.
        work: may not wait, allocate or free on the GPU; it may raise.

    Raises:
        ProviderError: the driver refuses what `work` does.
    """

    def __init__(self, gpu: Gpu, stream: Stream, work: Callable[[], None]) -> None:
        self._gpu = gpu
        driver = gpu.driver
        # other threads may allocate meanwhile
        alone = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        try:
            gpu.call(driver.cuStreamBeginCapture, stream.handle, alone)
            work()
        except BaseException:
            _, unfinished = driver.cuStreamEndCapture(stream.handle)
            driver.cuGraphDestroy(unfinished)
            raise
        captured = gpu.call(driver.cuStreamEndCapture, stream.handle)
        try:
            self._handle: Any = gpu.call(driver.cuGraphInstantiate, captured, 0)
        finally:
            driver.cuGraphDestroy(captured)
        gpu.free_with(self, driver.cuGraphExecDestroy, self._handle)

    def launch(self, stream: Stream) -> None:
        """Have all of it done in a stream, with what is in memory then."""
        self._gpu.call(self._gpu.driver.cuGraphLaunch, self._handle, stream.handle)
