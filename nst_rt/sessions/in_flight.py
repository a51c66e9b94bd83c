"""Pictures on their way through a GPU: upload, painting and download on three streams."""

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
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.device_array import LEGACY_STREAM, DeviceArray, device_array, new_like
from nst_rt.nvidia.device_picture import DevicePicture
from nst_rt.nvidia.memory import DeviceBuffer, Event, PinnedArray, Stream

PICTURES_IN_FLIGHT = 3
"""Number of pictures with which a GPU always has one to upload, one to paint and one to
download."""
ARRAY_PAIRS_KEPT = 8
"""Number of pairs of callers' arrays whose bindings are remembered: a program uses a few in
turn."""
Binding = TypeVar("Binding")
"""An engine's object that paints from one address on the GPU to another."""
Shape = tuple[int, ...]


class InFlight(Generic[Binding]):
    """All pictures of one engine; those submitted before others are done overlap with them.

    Buffers are reused as long as pictures have the same shape.

    Args:
        cuda: the context of the GPU that paints.
        scale: output pixels per input pixel, along one side.
        bind: makes the binding for a picture's shape (N×H×W×3), its painting's shape and their
            addresses on the GPU.
        paint: launches the painting of a binding, with the extra inputs that `submit` was given,
            on the stream `compute`.
        compute: the stream on which pictures are painted; by default a new one.
    """

    def __init__(
        self,
        cuda: CudaContext,
        scale: int,
        bind: Callable[[Shape, Shape, int, int], Binding],
        paint: Callable[..., None],
        compute: Stream | None = None,
    ) -> None:
        self._cuda, self._scale, self._bind, self._paint = cuda, scale, bind, paint
        cuda.make_current()
        self._up, self._down = Stream(cuda), Stream(cuda)
        self.compute = compute or Stream(cuda)
        self._lock = threading.Lock()
        self._idle: list[Slot[Binding]] = []
        self._bindings: dict[tuple[int, int, Shape], Binding] = {}

    def submit(
        self,
        image: NDArray[np.uint8],
        out: NDArray[np.uint8] | None = None,
        extra: Sequence[Any] = (),
    ) -> PendingPainting[Binding]:
        """Begin to paint uint8 N×H×W×3, C-contiguous.

        Args:
            image: may be changed as soon as this returns. One in pinned memory is uploaded without
                a copy, and may be changed when its painting is done.
            out: array for the painting, C-contiguous; downloads into pinned memory need no copy.
            extra: the model's extra inputs, for `paint`.

        Raises:
            UsageError: `out` has another shape or dtype than the painting.
        """
        painted = self._painted_shape(image.shape)
        if out is not None and not (out.shape == painted and out.dtype == np.uint8):
            raise UsageError(f"out is {out.dtype} {out.shape}", cure=f"give uint8 {painted}")
        with self._lock:
            self._cuda.make_current()
            slot = self._slot(image.shape)
            source = PinnedArray.around(image)
            if source is None:
                source = slot.source
                source.array[...] = image
            target = None if out is None else PinnedArray.around(out)
            if target is None:
                target = slot.target
            self._up.upload(source, slot.image)
            slot.uploaded.record(self._up)
            self.compute.wait(slot.uploaded)
            self._paint(slot.binding, *extra)
            slot.painted.record(self.compute)
            self._down.wait(slot.painted)
            self._down.download(slot.painting, target)
            slot.done.record(self._down)
        return PendingPainting(slot, self._cuda, self._give_back, source, target, out)

    def paint_on_device(self, image: Any, painting: Any, stream: int) -> None:
        """Paint from GPU memory into GPU memory, without a copy or a wait on the host.

        Args:
            image: uint8 N×H×W×3, C-contiguous, of any library whose arrays have
                `__cuda_array_interface__` (PyTorch, CuPy, Numba, JAX) or DLPack.
            painting: an array of the painting's shape.
            stream: handle of the caller's CUDA stream. The painting comes after the work that was
                queued in it before, and before the work that is queued in it later.

        Raises:
            InputError: another dtype, shape or layout, or an array that is not in GPU memory.
        """
        now = int(self.compute.handle)
        source = device_array(image, "the image", stream=now)
        expected = self._painted_shape(source.shape)
        target = device_array(painting, "the painting", stream=now, expected=expected)
        with self._lock:
            self._cuda.make_current()
            self._paint_between([source], [target], Stream(self._cuda, stream))

    def as_device_array(self, array: Any) -> DeviceArray:
        """Return the address and shape of pictures in GPU memory, for `paint_array`.

        Args:
            array: uint8 H×W×3 or N×H×W×3, C-contiguous, of any library whose arrays have
                `__cuda_array_interface__` or DLPack.

        Raises:
            InputError: another dtype, shape or layout, or an array that is not in GPU memory.
        """
        return device_array(array, "the picture", stream=int(self.compute.handle), axes=(3, 4))

    def paint_array(self, array: Any, source: DeviceArray) -> Any:
        """Paint into new GPU memory, without a copy or a wait on the host.

        Args:
            array: as given to `as_device_array`.
            source: its result.

        Returns:
            An array of PyTorch or CuPy for one of theirs, in order in the library's current stream;
            a `DevicePicture` for any other.
        """
        now = int(self.compute.handle)
        with self._lock:
            self._cuda.make_current()
            shape = self._painted_shape(source.shape)
            result = new_like(array, shape)
            if result is None:
                result = DevicePicture(self._cuda, shape, source, self.compute)
            target = device_array(result, "the painting", stream=now, axes=(3, 4))
            # an imported array is in order already, and its painting carries an event
            caller = None if source.imported else Stream(self._cuda, source.stream or LEGACY_STREAM)
            try:
                self._paint_between(source.pictures(), target.pictures(), caller)
            finally:
                if isinstance(result, DevicePicture):
                    result.painted()
            return result

    def _paint_between(
        self, sources: list[DeviceArray], targets: list[DeviceArray], caller: Stream | None
    ) -> None:
        """Paint after the work that is queued in the caller's stream, and before later work."""
        if caller:
            self.compute.wait(Event(self._cuda).record(caller))
        try:
            for source, target in zip(sources, targets, strict=True):
                self._paint(self._binding(source, target))
        finally:  # launched pictures go on, even if a later one failed
            if caller:
                caller.wait(Event(self._cuda).record(self.compute))

    def _binding(self, source: DeviceArray, target: DeviceArray) -> Binding:
        key = (source.address, target.address, source.shape)
        if key not in self._bindings:
            if len(self._bindings) == ARRAY_PAIRS_KEPT:
                del self._bindings[next(iter(self._bindings))]
            self._bindings[key] = self._bind(
                source.shape, target.shape, source.address, target.address
            )
        return self._bindings[key]

    def release(
        self,
        free: Callable[[], object],
        shape: Shape,
        paint_last: Callable[[Binding], object],
    ) -> None:
        """Free as `close` does, then paint one picture of `shape` with `paint_last`."""
        self.close(free)
        with self._lock, suppress(OutOfMemoryError):
            self._cuda.make_current()
            slot = self._new_slot(shape)
            paint_last(slot.binding)
            del slot  # its buffers were needed until now

    def close(self, free: Callable[[], object] = lambda: None) -> None:
        """Call `free`, and free the buffers as soon as the last picture is done.

        Other threads cannot submit pictures meanwhile.
        """
        with self._lock:
            self._idle.clear()
            self._bindings.clear()
            free()

    def _painted_shape(self, shape: Shape) -> Shape:
        *count, height, width, channels = shape
        return *count, height * self._scale, width * self._scale, channels

    def _slot(self, shape: Shape) -> Slot[Binding]:
        """Return an idle slot of that shape, or a new one in place of idle ones of another."""
        if self._idle and self._idle[-1].shape != shape:
            self._idle.clear()
        return self._idle.pop() if self._idle else self._new_slot(shape)

    def _new_slot(self, shape: Shape) -> Slot[Binding]:
        slot: Slot[Binding] = Slot(self._cuda, shape, self._painted_shape(shape))
        addresses = int(slot.image.address), int(slot.painting.address)
        slot.binding = self._bind(shape, slot.painted_shape, *addresses)
        return slot

    def _give_back(self, slot: Slot[Binding]) -> None:
        with self._lock:
            self._idle.append(slot)


class Slot(Generic[Binding]):
    """The buffers, the binding and the events of one picture in flight."""

    binding: Binding

    def __init__(self, cuda: CudaContext, shape: Shape, painted_shape: Shape) -> None:
        self._cuda, self.shape, self.painted_shape = cuda, shape, painted_shape
        self.image = DeviceBuffer(cuda, math.prod(shape))
        self.painting = DeviceBuffer(cuda, math.prod(self.painted_shape))
        self.uploaded, self.painted, self.done = (Event(cuda) for _ in range(3))

    @cached_property
    def source(self) -> PinnedArray:
        """The staging buffer for pictures that are not in pinned memory."""
        return PinnedArray(self._cuda, self.shape)

    @cached_property
    def target(self) -> PinnedArray:
        """The staging buffer for paintings that do not go into pinned memory."""
        return PinnedArray(self._cuda, self.painted_shape)


class PendingPainting(Generic[Binding]):
    """The result of a picture that is being painted."""

    def __init__(
        self,
        slot: Slot[Binding],
        cuda: CudaContext,
        give_back: Callable[[Slot[Binding]], None],
        source: PinnedArray,
        target: PinnedArray,
        out: NDArray[np.uint8] | None,
    ) -> None:
        self._slot, self._cuda, self._give_back = slot, cuda, give_back
        self._source, self._target, self._out = source, target, out

    def result(self, read: Callable[[Binding], object] = lambda binding: None) -> NDArray[np.uint8]:
        """Wait for the painting and return it, uint8 N×H×W×3: `out`, or a new array. Call it once.

        `read` is called with the binding, and may read the model's extra outputs from it.
        """
        self._cuda.make_current()
        self._slot.done.synchronize()
        painting = self._target.array
        if self._out is None:
            painting = painting.copy()
        elif painting is not self._out:
            self._out[...] = painting
            painting = self._out
        read(self._slot.binding)
        self._give_back(self._slot)
        del self._slot, self._source, self._target, self._give_back
        return painting
