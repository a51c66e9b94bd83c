"""Pictures that are on the GPU already and stay there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cuda.echo import echo_model
from tests.cuda.scripts import OPEN


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return echo_model(tmp_path_factory.mktemp("cuda") / "echo.onnx")


ARRAYS = """
    from nst_rt.nvidia.memory import DeviceBuffer, Gpu, PinnedArray, Stream

    class OnDevice:
        def __init__(self, gpu, shape, typestr="|u1", strides=None):
            self.buffer = DeviceBuffer(gpu, int(np.prod(shape)))
            self.__cuda_array_interface__ = {
                "shape": shape, "typestr": typestr, "strides": strides,
                "data": (int(self.buffer.address), False), "version": 3,
            }

    session, gpu = opened(), Gpu()
    gpu.enter()
"""


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_painting_keeps_its_place_in_the_callers_stream(cuda_machine, echo, lazy) -> None:
    """Neither the caller's upload nor its download is waited for by the host."""
    code = """
    image, painting = (OnDevice(gpu, picture.shape) for _ in range(2))
    source, target = (PinnedArray(gpu, picture.shape) for _ in range(2))
    stream = Stream(gpu)
    for number in range(3):
        source.array[:] = picture + number
        stream.upload(source, image.buffer)
        session.paint_on_device(image, painting, stream=int(stream.handle))
        stream.download(painting.buffer, target)
        gpu.call(gpu.driver.cuStreamSynchronize, stream.handle)
        print((target.array == picture + number).all())
    """
    ended = cuda_machine.run(ARRAYS + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True"] * 3, ended.err
    assert ended.count("cuMemcpyHtoDAsync") == ended.count("cuMemcpyDtoHAsync") == 3
    copies = [call for call in ended.calls if call.startswith("copy ")]
    assert copies == ["copy device to device"] * 3  # the model's own: it echoes


def test_what_is_no_picture_on_the_gpu_is_refused_with_the_cure(cuda_machine, echo) -> None:
    code = """
    good = OnDevice(gpu, picture.shape)
    for image, painting in (
        (picture, good),
        (OnDevice(gpu, picture.shape, "<f4"), good),
        (OnDevice(gpu, (20, 30, 3)), good),
        (OnDevice(gpu, picture.shape, strides=(1800, 3, 60, 1)), good),
        (good, OnDevice(gpu, (1, 20, 29, 3))),
    ):
        print(told(lambda: session.paint_on_device(image, painting)))
    """
    ended = cuda_machine.run(ARRAYS + code, echo, before=OPEN)
    numpy, floats, flat, strided, small = ended.out.splitlines()
    assert numpy == (
        "InputError 3: the image is a ndarray, which is not in GPU memory; "
        "give a CUDA tensor of PyTorch or an array of CuPy"
    ), ended.err
    assert floats.startswith("InputError 3: the image is <f4 of shape (1, 20, 30, 3); give uint8")
    assert flat.startswith("InputError 3: the image is |u1 of shape (20, 30, 3); give uint8")
    assert strided.startswith("InputError 3: the image is |u1 of shape (1, 20, 30, 3); give uint8")
    assert small == (
        "InputError 3: the painting has shape (1, 20, 29, 3); give one of shape (1, 20, 30, 3)"
    )
