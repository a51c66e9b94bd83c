"""CUDA graphs: work that a stream was given once, launched as a whole from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.memory import Stream


class Graph:
    """A CUDA graph of the work that a call puts into a stream.

    Args:
        cuda: the stream's context.
        stream: this thread captures nothing from it yet.
        work: the call, whose work is captured and not done; it may raise, but not wait, allocate or
            free on the GPU.

    Raises:
        ProviderError: the driver refuses what `work` does.
    """

    def __init__(self, cuda: CudaContext, stream: Stream, work: Callable[[], None]) -> None:
        self._cuda = cuda
        driver = cuda.driver
        # other threads may allocate meanwhile
        alone = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        try:
            cuda.call(driver.cuStreamBeginCapture, stream.handle, alone)
            work()
        except BaseException:
            _, unfinished = driver.cuStreamEndCapture(stream.handle)
            driver.cuGraphDestroy(unfinished)
            raise
        captured = cuda.call(driver.cuStreamEndCapture, stream.handle)
        try:
            self._handle: Any = cuda.call(driver.cuGraphInstantiate, captured, 0)
        finally:
            driver.cuGraphDestroy(captured)
        cuda.finalize_with(self, driver.cuGraphExecDestroy, self._handle)

    def launch(self, stream: Stream) -> None:
        """Queue all of it in a stream; it reads what is in memory then."""
        self._cuda.call(self._cuda.driver.cuGraphLaunch, self._handle, stream.handle)
