"""Arrays of other libraries that cannot be painted where they are."""

from __future__ import annotations

from typing import Any

import pytest

from nst_rt.errors import InputError
from nst_rt.nvidia.device_array import device_array


class Array:
    def __init__(self, shape: tuple[int, ...], *, read_only: bool = False) -> None:
        self.__cuda_array_interface__ = {
            "shape": shape, "typestr": "|u1", "data": (4096, read_only), "version": 3,
        }  # fmt: skip


class Trained:
    @property
    def __cuda_array_interface__(self) -> Any:
        raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")


class Kept:
    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **wanted: Any) -> Any:
        raise BufferError("it is on another GPU")


def test_array_that_its_library_does_not_give_away_says_why() -> None:
    with pytest.raises(InputError, match=r"the image is not available .*requires grad"):
        device_array(Trained(), "the image", stream=1)
    with pytest.raises(
        InputError, match=r"the image is not exported by its library .it is on another GPU.; give a"
    ):
        device_array(Kept(), "the image", stream=1)


def test_painting_needs_a_place_of_its_shape_that_can_be_written_to() -> None:
    shape = (1, 20, 30, 3)
    assert device_array(Array(shape), "the painting", stream=1, expected=shape).address == 4096
    with pytest.raises(InputError, match=r"shape \(1, 20, 29, 3\); give one of shape \(1, 20, 30"):
        device_array(Array((1, 20, 29, 3)), "the painting", stream=1, expected=shape)
    with pytest.raises(InputError, match="the painting is read-only; give one that can be written"):
        device_array(Array(shape, read_only=True), "the painting", stream=1, expected=shape)
