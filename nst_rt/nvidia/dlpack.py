"""DLPack: arrays that libraries lend each other where they are, without a copy.

Source: the DLPack project's `dlpack.h`, versions 0.8 and 1.x; how capsules are named, renamed and
freed is in "Python Specification for DLPack" there.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

CUDA = 2
"""The type of device whose memory is a GPU's."""
UNSIGNED = 1
_KINDS = {0: "int", UNSIGNED: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}
"""Of numbers, by their codes."""
VERSION = (1, 0)
"""What this speaks beside the form before versions."""
_READ_ONLY = 1
_PLAIN, _VERSIONED = b"dltensor", b"dltensor_versioned"


class Device(ctypes.Structure):
    """What has the memory."""

    _fields_ = (("kind", ctypes.c_int32), ("index", ctypes.c_int32))


class Tensor(ctypes.Structure):
    """Where an array lies; strides count elements, none are those of a C-contiguous one."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("num_axes", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    )


class _Plain(ctypes.Structure):
    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("delete", ctypes.c_void_p))


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


_Delete = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Destroy = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


def _python(name: str, result: Any, *arguments: Any) -> Any:
    """A function of Python's own, typed here alone: `ctypes.pythonapi` belongs to everybody."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_get = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_name = _python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_is = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_new = _python("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destroy)
# of a capsule that is about to go, which nobody may hold on to any more
_last_get = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_last_is = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_USED = {name: b"used_" + name for name in (_PLAIN, _VERSIONED)}
"""Names of capsules that somebody took; kept, as a capsule does not copy its name."""


class Borrowed:
    """Another library's array, lent until this object is gone."""

    def __init__(self, array: Any, stream: int | None) -> None:
        """Borrow it.

        Args:
            array: has `__dlpack__`.
            stream: handle of a CUDA stream in which what was written to the array before is there;
                None for arrays that are on no GPU.

        Raises:
            BufferError: the library does not lend it, or in a version that is not known.
        """
        capsule = _asked(array, stream)
        name = _VERSIONED if _is(capsule, _VERSIONED) else _PLAIN
        address = _get(capsule, name)
        managed: Any = (_Versioned if name == _VERSIONED else _Plain).from_address(address)
        if name == _VERSIONED and managed.major != VERSION[0]:
            raise BufferError(f"DLPack {managed.major}.{managed.minor} is not known")
        _name(capsule, _USED[name])  # now it is ours to free
        if managed.delete:
            given_back = weakref.finalize(self, _Delete(managed.delete), address)
            given_back.atexit = False  # a GPU may still read it when the process ends
        tensor = managed.tensor
        axes = range(tensor.num_axes)
        name_of = _KINDS.get(tensor.code, "other ") + str(tensor.bits)
        self.dtype = name_of if tensor.lanes == 1 else f"{name_of}x{tensor.lanes}"
        self.device = (int(tensor.device.kind), int(tensor.device.index))
        self.address = int(tensor.data or 0) + int(tensor.offset)
        self.shape = tuple(int(tensor.shape[axis]) for axis in axes)
        self.strides = tuple(int(tensor.strides[axis]) for axis in axes) if tensor.strides else None
        self.is_read_only = name == _VERSIONED and bool(managed.flags & _READ_ONLY)


def _asked(array: Any, stream: int | None) -> Any:
    """The capsule, versioned where its library has heard of versions."""
    try:
        return array.__dlpack__(stream=stream, max_version=VERSION)
    except TypeError:
        return array.__dlpack__(stream=stream)


_lent: dict[int, tuple[object, ...]] = {}
"""What capsules that are not freed yet need, by the address that they hold."""


def lend(
    owner: object, address: int, shape: tuple[int, ...], device: tuple[int, int], versioned: bool
) -> Any:
    """A capsule of a C-contiguous uint8 array.

    Args:
        owner: lives until whoever takes the capsule has freed it.
        address: on the device.
        shape: of the array.
        device: its type and its number.
        versioned: whether the taker knows versions.
    """
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    steps = (ctypes.c_int64 * len(shape))()
    step = 1
    for axis in reversed(range(len(shape))):
        steps[axis], step = step, step * shape[axis]
    tensor = Tensor(address, Device(*device), len(shape), UNSIGNED, 8, 1, sizes, steps, 0)
    delete = ctypes.cast(_forget, ctypes.c_void_p)
    managed: ctypes.Structure
    if versioned:
        managed = _Versioned(*VERSION, None, delete, 0, tensor)
    else:
        managed = _Plain(tensor, None, delete)
    place = ctypes.addressof(managed)
    _lent[place] = (owner, managed, sizes, steps)
    return _new(place, _VERSIONED if versioned else _PLAIN, _drop)


@_Delete  # type: ignore[untyped-decorator]
def _forget(place: int) -> None:
    _lent.pop(place, None)


@_Destroy  # type: ignore[untyped-decorator]
def _drop(capsule: int) -> None:
    """Free what a capsule holds that nobody took; its taker does otherwise."""
    for name in (_PLAIN, _VERSIONED):
        if _last_is(capsule, name):
            _lent.pop(_last_get(capsule, name), None)
