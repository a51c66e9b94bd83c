"""Pictures on their way through a GPU: they go up, are painted and come down on three streams."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import OutOfMemoryError, UsageError
from nst_rt.nvidia.device_array import LEGACY_STREAM, DeviceArray, device_array, same_kind
from nst_rt.nvidia.device_picture import DevicePicture
from nst_rt.nvidia.memory import DeviceBuffer, Event, Gpu, PinnedArray, Stream

BINDINGS_KEPT = 8
"""Pairs of the callers' own arrays that are remembered; a program works on a few in turn."""
Bound = TypeVar("Bound")
"""What an engine needs to paint from one place on the GPU to another."""
Shape = tuple[int, ...]


class InFlight(Generic[Bound]):
    """The pictures of one engine. Those of several callers, or several submitted by one, overlap.

    Their buffers are used again while the size stays the same.

    Args:
        gpu: where they are painted.
        scale: how many times larger a painting is.
        bind: makes ready to paint a picture of a shape (N×H×W×3), to a painting of a shape, from an
            address on the GPU to another.
        paint: begins to paint with what `bind` made, and what else `submit` was given, on the
            stream `compute`.
        compute: the stream in which it paints; by default a new one.
    """

    def __init__(
        self,
        gpu: Gpu,
        scale: int,
        bind: Callable[[Shape, Shape, int, int], Bound],
        paint: Callable[..., None],
        compute: Stream | None = None,
    ) -> None:
        self._gpu, self._scale, self._bind, self._paint = gpu, scale, bind, paint
        gpu.enter()
        self._up, self._down = Stream(gpu), Stream(gpu)
        self.compute = compute or Stream(gpu)
        self._lock = threading.Lock()
        self._idle: list[Frame[Bound]] = []
        self._bindings: dict[tuple[int, int, Shape], Bound] = {}

    def submit(
        self,
        image: NDArray[np.uint8],
        out: NDArray[np.uint8] | None = None,
        given: Sequence[Any] = (),
    ) -> Painting[Bound]:
        """Begin to paint uint8 N×H×W×3, C-contiguous.

        Args:
            image: may be changed at once; one in pinned memory goes up from where it is, and may be
                changed when the painting is there.
            out: where the painting goes, C-contiguous; into pinned memory it comes down by itself.
            given: what `paint` gets besides.

        Raises:
            UsageError: `out` has not the painting's shape.
        """
        painted = self._painted_shape(image.shape)
        if out is not None and not (out.shape == painted and out.dtype == np.uint8):
            raise UsageError(f"out is {out.dtype} {out.shape}", cure=f"give uint8 {painted}")
        with self._lock:
            self._gpu.enter()
            frame = self._frame(image.shape)
            source = PinnedArray.around(image)
            if source is None:
                source = frame.source
                source.array[...] = image
            target = None if out is None else PinnedArray.around(out)
            if target is None:
                target = frame.target
            self._up.upload(source, frame.image)
            frame.arrived.record(self._up)
            self.compute.wait(frame.arrived)
            self._paint(frame.bound, *given)
            frame.painted.record(self.compute)
            self._down.wait(frame.painted)
            self._down.download(frame.painting, target)
            frame.done.record(self._down)
        return Painting(frame, self._gpu, self._give_back, source, target, out)

    def paint_on_device(self, image: Any, painting: Any, stream: int) -> None:
        """Paint from GPU memory into GPU memory; nothing is copied, nobody waits.

        Args:
            image: uint8 N×H×W×3, C-contiguous, of any library whose arrays have
                `__cuda_array_interface__` (PyTorch, CuPy, Numba, JAX) or DLPack.
            painting: where it goes, of the painting's size.
            stream: handle of the caller's CUDA stream: what it was given before comes before the
                painting, what it is given later comes after.

        Raises:
            InputError: another dtype, shape or layout, or no memory of a GPU.
        """
        now = int(self.compute.handle)
        source = device_array(image, "the image", stream=now)
        expected = self._painted_shape(source.shape)
        target = device_array(painting, "the painting", stream=now, expected=expected)
        with self._lock:
            self._gpu.enter()
            self._paint_between([source], [target], Stream(self._gpu, stream))

    def place_of(self, array: Any) -> DeviceArray:
        """Where pictures lie in GPU memory that `paint_array` is to paint.

        Args:
            array: uint8 H×W×3 or N×H×W×3, C-contiguous, of any library whose arrays have
                `__cuda_array_interface__` or DLPack.

        Raises:
            InputError: another dtype, shape or layout, or no memory of a GPU.
        """
        return device_array(array, "the picture", stream=int(self.compute.handle), axes=(3, 4))

    def paint_array(self, array: Any, source: DeviceArray) -> Any:
        """Paint an array that lies at `source` into new GPU memory; no copies, nobody waits.

        Returns:
            An array of PyTorch or CuPy for one of theirs, in order in the stream in which the
            library works now; a `DevicePicture` for any other.
        """
        now = int(self.compute.handle)
        with self._lock:
            self._gpu.enter()
            shape = self._painted_shape(source.shape)
            result = same_kind(array, shape)
            if result is None:
                result = DevicePicture(self._gpu, shape, source, self.compute)
            target = device_array(result, "the painting", stream=now, axes=(3, 4))
            # what is lent is in order already, and what it becomes tells when it is done
            theirs = None if source.lent else Stream(self._gpu, source.stream or LEGACY_STREAM)
            try:
                self._paint_between(source.pictures(), target.pictures(), theirs)
            finally:
                if isinstance(result, DevicePicture):
                    result.painted()
            return result

    def _paint_between(
        self, sources: list[DeviceArray], targets: list[DeviceArray], theirs: Stream | None
    ) -> None:
        """Paint from place to place, between what was and what will be in the callers' stream."""
        if theirs:
            self.compute.wait(Event(self._gpu).record(theirs))
        try:
            for source, target in zip(sources, targets, strict=True):
                self._paint(self._binding(source, target))
        finally:  # what was begun goes on, whatever became of the rest
            if theirs:
                theirs.wait(Event(self._gpu).record(self.compute))

    def _binding(self, source: DeviceArray, target: DeviceArray) -> Bound:
        key = (source.address, target.address, source.shape)
        if key not in self._bindings:
            if len(self._bindings) == BINDINGS_KEPT:
                del self._bindings[next(iter(self._bindings))]
            self._bindings[key] = self._bind(
                source.shape, target.shape, source.address, target.address
            )
        return self._bindings[key]

    def release(
        self,
        free: Callable[[], object],
        shape: Shape,
        paint_last: Callable[[Bound], object],
    ) -> None:
        """Free as `close` does, then paint a picture of a shape in the way that is given."""
        self.close(free)
        with self._lock, suppress(OutOfMemoryError):
            self._gpu.enter()
            frame = self._new_frame(shape)
            paint_last(frame.bound)
            del frame  # its buffers had to be there till now

    def close(self, free: Callable[[], object] = lambda: None) -> None:
        """Free the buffers, as soon as the last picture is done, and what `free` does.

        Other threads begin no picture meanwhile.
        """
        with self._lock:
            self._idle.clear()
            self._bindings.clear()
            free()

    def _painted_shape(self, shape: Shape) -> Shape:
        *count, height, width, channels = shape
        return *count, height * self._scale, width * self._scale, channels

    def _frame(self, shape: Shape) -> Frame[Bound]:
        """Idle buffers of that shape, or new ones in place of those of another shape."""
        if self._idle and self._idle[-1].shape != shape:
            self._idle.clear()
        return self._idle.pop() if self._idle else self._new_frame(shape)

    def _new_frame(self, shape: Shape) -> Frame[Bound]:
        frame: Frame[Bound] = Frame(self._gpu, shape, self._painted_shape(shape))
        addresses = int(frame.image.address), int(frame.painting.address)
        frame.bound = self._bind(shape, frame.painted_shape, *addresses)
        return frame

    def _give_back(self, frame: Frame[Bound]) -> None:
        with self._lock:
            self._idle.append(frame)


class Frame(Generic[Bound]):
    """The buffers of one picture on its way, and how far it is."""

    bound: Bound

    def __init__(self, gpu: Gpu, shape: Shape, painted_shape: Shape) -> None:
        self._gpu, self.shape, self.painted_shape = gpu, shape, painted_shape
        self.image = DeviceBuffer(gpu, math.prod(shape))
        self.painting = DeviceBuffer(gpu, math.prod(self.painted_shape))
        self.arrived, self.painted, self.done = (Event(gpu) for _ in range(3))

    @cached_property
    def source(self) -> PinnedArray:
        """Where pictures of the callers' own memory wait; not needed for those in pinned memory."""
        return PinnedArray(self._gpu, self.shape)

    @cached_property
    def target(self) -> PinnedArray:
        return PinnedArray(self._gpu, self.painted_shape)


class Painting(Generic[Bound]):
    """A picture that is being painted."""

    def __init__(
        self,
        frame: Frame[Bound],
        gpu: Gpu,
        give_back: Callable[[Frame[Bound]], None],
        source: PinnedArray,
        target: PinnedArray,
        out: NDArray[np.uint8] | None,
    ) -> None:
        self._frame, self._gpu, self._give_back = frame, gpu, give_back
        self._source, self._target, self._out = source, target, out

    def result(self, read: Callable[[Bound], object] = lambda bound: None) -> NDArray[np.uint8]:
        """Wait for the painting, uint8 N×H×W×3: `out`, or a new array. To be asked for once.

        `read` may read what else came of it from what it was painted with.
        """
        self._gpu.enter()
        self._frame.done.synchronize()
        painting = self._target.array
        if self._out is None:
            painting = painting.copy()
        elif painting is not self._out:
            self._out[...] = painting
            painting = self._out
        read(self._frame.bound)
        self._give_back(self._frame)
        del self._frame, self._source, self._target, self._give_back
        return painting
