"""DLPack: importing and exporting arrays of other libraries without a copy.

Source: the DLPack project's `dlpack.h`, versions 0.8 and 1.x; how capsules are named, renamed and
freed is in "Python Specification for DLPack" there.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

CUDA = 2
"""Device type of CUDA memory, kDLCUDA."""
UNSIGNED = 1
"""Type code of unsigned integers, kDLUInt."""
_DTYPES = {0: "int", UNSIGNED: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}
"""dtype names by DLPack type code."""
VERSION = (1, 0)
"""Version of DLPack that we use, beside the form before versions."""
_READ_ONLY = 1
"""DLPACK_FLAG_BITMASK_READ_ONLY."""
_UNVERSIONED, _VERSIONED = b"dltensor", b"dltensor_versioned"


class Device(ctypes.Structure):
    """DLDevice: the device that has the memory."""

    _fields_ = (("kind", ctypes.c_int32), ("index", ctypes.c_int32))


class Tensor(ctypes.Structure):
    """DLTensor: an array; strides count elements, null means that it is C-contiguous."""

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


class _Managed(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("delete", ctypes.c_void_p))


class _ManagedVersioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

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
    """Return a function of Python's C API with types of its own: all share `ctypes.pythonapi`."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_pointer = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_set_name = _python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_is_valid = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_new = _python("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destroy)
# for a capsule that is being destroyed, to which there must be no new reference
_pointer_of_dying = _python(
    "PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p
)
_is_valid_dying = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_USED = {name: b"used_" + name for name in (_UNVERSIONED, _VERSIONED)}
"""Names of consumed capsules; kept, as a capsule does not copy its name."""


class ImportedArray:
    """Another library's array, in use until this object is gone."""

    def __init__(self, array: Any, stream: int | None) -> None:
        """Import it.

        Args:
            array: has `__dlpack__`.
            stream: handle of the CUDA stream that may read what was written to the array before;
                None for arrays that are not on a GPU.

        Raises:
            BufferError: the library does not export it, or in an unknown version.
        """
        capsule = _capsule_of(array, stream)
        name = _VERSIONED if _is_valid(capsule, _VERSIONED) else _UNVERSIONED
        address = _pointer(capsule, name)
        kind = _ManagedVersioned if name == _VERSIONED else _Managed
        managed: Any = kind.from_address(address)
        if name == _VERSIONED and managed.major != VERSION[0]:
            raise BufferError(f"DLPack {managed.major}.{managed.minor} is not known")
        _set_name(capsule, _USED[name])  # now it is ours to free
        if managed.delete:
            deletion = weakref.finalize(self, _Delete(managed.delete), address)
            deletion.atexit = False  # a GPU may still read it when the process ends
        tensor = managed.tensor
        axes = range(tensor.num_axes)
        dtype = _DTYPES.get(tensor.code, "other ") + str(tensor.bits)
        self.dtype = dtype if tensor.lanes == 1 else f"{dtype}x{tensor.lanes}"
        self.device = (int(tensor.device.kind), int(tensor.device.index))
        self.address = int(tensor.data or 0) + int(tensor.offset)
        self.shape = tuple(int(tensor.shape[axis]) for axis in axes)
        self.strides = tuple(int(tensor.strides[axis]) for axis in axes) if tensor.strides else None
        self.is_read_only = name == _VERSIONED and bool(managed.flags & _READ_ONLY)


def _capsule_of(array: Any, stream: int | None) -> Any:
    """Return the capsule of an array, versioned if its library knows versions."""
    try:
        return array.__dlpack__(stream=stream, max_version=VERSION)
    except TypeError:
        return array.__dlpack__(stream=stream)


_exported: dict[int, tuple[object, ...]] = {}
"""Objects that capsules need until they are deleted, by the address that a capsule holds."""


def export_capsule(
    owner: object, address: int, shape: tuple[int, ...], device: tuple[int, int], versioned: bool
) -> Any:
    """Return a capsule of a C-contiguous uint8 array.

    Args:
        owner: lives until the consumer of the capsule has deleted it.
        address: the array's, on the device.
        shape: the array's.
        device: its type and its index.
        versioned: whether the consumer knows versions.
    """
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    steps = (ctypes.c_int64 * len(shape))()
    step = 1
    for axis in reversed(range(len(shape))):
        steps[axis], step = step, step * shape[axis]
    tensor = Tensor(address, Device(*device), len(shape), UNSIGNED, 8, 1, sizes, steps, 0)
    delete = ctypes.cast(_delete, ctypes.c_void_p)
    managed: ctypes.Structure
    if versioned:
        managed = _ManagedVersioned(*VERSION, None, delete, 0, tensor)
    else:
        managed = _Managed(tensor, None, delete)
    place = ctypes.addressof(managed)
    _exported[place] = (owner, managed, sizes, steps)
    return _new(place, _VERSIONED if versioned else _UNVERSIONED, _destroy_capsule)


@_Delete  # type: ignore[untyped-decorator]
def _delete(place: int) -> None:
    _exported.pop(place, None)


@_Destroy  # type: ignore[untyped-decorator]
def _destroy_capsule(capsule: int) -> None:
    """Delete the contents of a capsule that nobody consumed; its consumer does so otherwise."""
    for name in (_UNVERSIONED, _VERSIONED):
        if _is_valid_dying(capsule, name):
            _exported.pop(_pointer_of_dying(capsule, name), None)
