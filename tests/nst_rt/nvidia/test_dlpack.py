"""DLPack with NumPy and PyTorch: arrays imported and exported, each freed once."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from nst_rt.nvidia import dlpack
from nst_rt.nvidia.dlpack import ImportedArray, export_capsule

CPU = (1, 0)


class Owner:
    """Lends an array of NumPy, as a library does."""

    def __init__(self, versioned: bool) -> None:
        self.array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        self.versioned = versioned

    def __dlpack__(self, **options: object) -> object:
        address = int(self.array.ctypes.data)
        return export_capsule(self, address, self.array.shape, CPU, self.versioned)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


@pytest.mark.parametrize("versioned", [False, True], ids=["before versions", "versioned"])
@pytest.mark.parametrize("take", [np.from_dlpack, torch.from_dlpack], ids=["NumPy", "PyTorch"])
def test_what_is_lent_lives_until_its_taker_drops_it(take, versioned) -> None:
    owner = Owner(versioned)
    gone = weakref.ref(owner)
    expected = owner.array.copy()
    taken = take(owner)
    del owner
    gc.collect()
    assert gone() is not None
    assert (np.asarray(taken) == expected).all()
    del taken
    gc.collect()
    assert gone() is None
    assert not dlpack._exported


@pytest.mark.parametrize("versioned", [False, True], ids=["before versions", "versioned"])
def test_what_nobody_takes_is_freed_with_its_capsule(versioned) -> None:
    owner = Owner(versioned)
    gone = weakref.ref(owner)
    capsule = owner.__dlpack__()
    del owner
    gc.collect()
    assert gone() is not None
    del capsule
    gc.collect()
    assert gone() is None


class Counted(np.ndarray):
    """An array that tells by a weak reference when it is gone."""


@pytest.mark.parametrize(
    ("array", "dtype", "strides"),
    [
        (np.zeros((5, 4, 3), np.uint8), "uint8", (12, 3, 1)),
        (np.zeros((5, 8, 3), np.float32)[:, ::2], "float32", (24, 6, 1)),
        (torch.zeros((5, 4, 3), dtype=torch.int64), "int64", (12, 3, 1)),
        (torch.zeros((5, 4, 3), dtype=torch.bfloat16), "bfloat16", (12, 3, 1)),
    ],
)
def test_borrowed_arrays_are_read_as_they_are(array, dtype, strides) -> None:
    borrowed = ImportedArray(array, None)
    assert (borrowed.dtype, borrowed.device, borrowed.shape) == (dtype, CPU, (5, 4, 3))
    assert borrowed.strides == strides
    address = array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr()
    assert borrowed.address == address


def test_borrowed_arrays_are_given_back_once() -> None:
    array = np.zeros((5, 4, 3), np.uint8).view(Counted)
    gone = weakref.ref(array)
    borrowed = ImportedArray(array, None)
    del array
    gc.collect()
    assert gone() is not None
    del borrowed
    gc.collect()
    assert gone() is None


def test_read_only_arrays_say_so_and_other_versions_are_refused(monkeypatch) -> None:
    array = np.zeros((5, 4, 3), np.uint8)
    assert not ImportedArray(array, None).is_read_only
    array.flags.writeable = False
    assert ImportedArray(array, None).is_read_only
    monkeypatch.setattr(dlpack, "VERSION", (2, 0))
    with pytest.raises(BufferError, match=r"DLPack 1\..* is not known"):
        ImportedArray(array, None)
