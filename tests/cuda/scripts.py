"""Scripts that go before those of tests which run on a `CudaMachine`."""

from __future__ import annotations

OPEN = """
    import ctypes, gc, os, sys
    from concurrent.futures import ThreadPoolExecutor
    import numpy as np
    from nst_rt.errors import NstError
    from nst_rt.model import read_model
    from nst_rt.sessions import SessionOptions, open_session

    def opened(**options):
        return open_session(read_model(sys.argv[1]), SessionOptions(device="cuda", **options))

    def told(action):
        try:
            return action()
        except NstError as error:
            return f"{type(error).__name__} {error.exit_code}: {error}"

    def used():
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        ctypes.CDLL("libcuda.so.1").cuMemGetInfo(ctypes.byref(free), ctypes.byref(total))
        return total.value - free.value

    def resident():
        gc.collect()
        pages = open("/proc/self/statm").read().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def black(height, width):
        return np.zeros((1, height, width, 3), np.uint8)

    picture = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8)
"""
"""Opens the model that is the first argument on CUDA, and tells errors in a line."""

DRIVER = """
    import ctypes, sys
    from cuda.bindings import driver

    def ok(answer):
        code, *values = answer
        assert int(code) == 0, code
        return values[0] if values else None

    ok(driver.cuInit(0))
    ok(driver.cuCtxSetCurrent(ok(driver.cuDevicePrimaryCtxRetain(0))))
"""
"""Enters the first GPU's primary context; `ok` asserts that a call of the driver succeeded."""

ON_DEVICE = """
    from nst_rt.nvidia.context import CudaContext
    from nst_rt.nvidia.memory import DeviceBuffer, PinnedArray, Stream

    class OnDevice:
        def __init__(self, shape, typestr="|u1", strides=None):
            self.buffer = DeviceBuffer(cuda, int(np.prod(shape)))
            self.__cuda_array_interface__ = {
                "shape": shape, "typestr": typestr, "strides": strides,
                "data": (int(self.buffer.address), False), "version": 3,
            }

    cuda = CudaContext()
    cuda.make_current()
"""
"""Goes after `OPEN`: arrays in GPU memory, as another library would have them."""
