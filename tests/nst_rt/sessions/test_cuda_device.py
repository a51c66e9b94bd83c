"""Pictures in GPU memory are painted there, without a copy to the host."""

from __future__ import annotations

import pytest

from tests.cuda.scripts import ON_DEVICE, OPEN

ARRAYS = ON_DEVICE + "\n    session = opened()\n"


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_painting_keeps_its_place_in_the_callers_stream(cuda_machine, echo, lazy) -> None:
    """Neither the caller's upload nor its download is waited for by the host."""
    code = """
    image, painting = (OnDevice(picture.shape) for _ in range(2))
    source, target = (PinnedArray(cuda, picture.shape) for _ in range(2))
    stream = Stream(cuda)
    for number in range(3):
        source.array[:] = picture + number
        stream.upload(source, image.buffer)
        session.paint_on_device(image, painting, stream=int(stream.handle))
        stream.download(painting.buffer, target)
        cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
        print((target.array == picture + number).all())
    """
    ended = cuda_machine.run(ARRAYS + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True"] * 3, ended.err
    assert ended.count("cuMemcpyHtoDAsync") == ended.count("cuMemcpyDtoHAsync") == 3
    copies = [call for call in ended.calls if call.startswith("copy ")]
    assert copies == ["copy device to device"] * 3  # the model's own: it echoes


def test_what_is_no_picture_on_the_gpu_is_refused_with_the_cure(cuda_machine, echo) -> None:
    code = """
    good = OnDevice(picture.shape)
    for image, painting in (
        (picture, good),
        (OnDevice(picture.shape, "<f4"), good),
        (OnDevice((20, 30, 3)), good),
        (OnDevice(picture.shape, strides=(1800, 3, 60, 1)), good),
        (good, OnDevice((1, 20, 29, 3))),
    ):
        print(told(lambda: session.paint_on_device(image, painting)))
    """
    ended = cuda_machine.run(ARRAYS + code, echo, before=OPEN)
    numpy, floats, flat, strided, small = ended.out.splitlines()
    assert numpy == (
        "InputError 3: the image is a ndarray, which is not in GPU memory; "
        "give a CUDA tensor of PyTorch, an array of CuPy, or what has __dlpack__"
    ), ended.err
    assert floats.startswith("InputError 3: the image is <f4 of shape (1, 20, 30, 3); give uint8")
    assert flat.startswith("InputError 3: the image is uint8 of shape (20, 30, 3); give uint8")
    assert strided.startswith(
        "InputError 3: the image is uint8 of shape (1, 20, 30, 3); give uint8"
    )
    assert small == (
        "InputError 3: the painting has shape (1, 20, 29, 3); give one of shape (1, 20, 30, 3)"
    )


STYLIZER = (
    ARRAYS
    + """
    from nst_rt import Stylizer

    stylizer = Stylizer(sys.argv[1], device="cuda", size="full")

    def here(address, shape, stream):
        target = PinnedArray(cuda, shape)
        download, size = cuda.driver.cuMemcpyDtoHAsync, target.array.nbytes
        cuda.call(download, target.address, address, size, stream)
        cuda.call(cuda.driver.cuStreamSynchronize, stream)
        return target.array
"""
)


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_values_of_onnx_runtime_are_painted_and_read_where_they_are(
    cuda_machine, echo, lazy
) -> None:
    """It lends them through DLPack, and takes the painting so."""
    code = """
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import OrtValue
    pictures = np.concatenate([picture, picture + 1])
    given = onnxruntime.OrtValue.ortvalue_from_numpy(pictures, "cuda", 0)
    held, painting = used(), stylizer(given)
    print(type(painting).__name__, painting.shape, used() - held)
    taken = OrtValue.from_dlpack(painting.__dlpack__(stream=1), False)
    print(taken.device_name(), taken.shape(), taken.data_ptr() == int(painting._buffer.address))
    del given
    print((here(taken.data_ptr(), pictures.shape, 0) == pictures).all())
    del painting
    print((here(taken.data_ptr(), pictures.shape, 0) == pictures).all())
    held = used()
    del taken
    print(used() - held)
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == [
        "DevicePicture (2, 20, 30, 3) 3600", "Cuda [2, 20, 30, 3] True", "True", "True", "-3600",
    ], ended.err  # fmt: skip


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
@pytest.mark.parametrize("reader", ["DLPack", "the CUDA array interface"])
def test_paintings_are_in_order_in_the_stream_of_who_reads_them(
    cuda_machine, echo, lazy, reader
) -> None:
    code = """
    image, source, stream = OnDevice((20, 30, 3)), PinnedArray(cuda, picture.shape), Stream(cuda)
    image.__cuda_array_interface__["stream"] = int(stream.handle)
    for number in range(3):
        source.array[:] = picture + number
        stream.upload(source, image.buffer)
        painting = stylizer(image)
        if sys.argv[2] == "DLPack":
            other = Stream(cuda)
            capsule = painting.__dlpack__(stream=int(other.handle), max_version=(1, 0))
            address, stream_of = int(painting._buffer.address), other.handle
        else:
            interface = painting.__cuda_array_interface__
            address, stream_of = interface["data"][0], interface["stream"]
        print((here(address, painting.shape, stream_of) == picture[0] + number).all())
    """
    ended = cuda_machine.run(STYLIZER + code, echo, reader, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True"] * 3, ended.err


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_tensors_of_pytorch_become_tensors_in_order_in_its_current_stream(
    cuda_machine, echo, lazy
) -> None:
    """Tensors of its build for the CPU, in what the stand-ins take for memory of the GPU."""
    code = """
    import torch
    from types import SimpleNamespace

    class Tensor(torch.Tensor):
        def __dlpack_device__(self):
            return 2, 0

        @property
        def __cuda_array_interface__(self):
            place = {"shape": tuple(self.shape), "typestr": "|u1", "strides": None, "version": 2}
            return {**place, "data": (self.data_ptr(), False)}

        def new_empty(self, shape):
            return on_gpu(shape)

    Tensor.__module__ = "torch"
    kept = []

    def on_gpu(shape):
        size = int(np.prod(shape))
        kept.append(DeviceBuffer(cuda, size))
        there = (ctypes.c_uint8 * size).from_address(int(kept[-1].address))
        return torch.frombuffer(there, dtype=torch.uint8).reshape(shape).as_subclass(Tensor)

    stream = Stream(cuda)
    current = SimpleNamespace(cuda_stream=int(stream.handle))
    torch.cuda.current_stream = lambda device: current
    given = on_gpu(picture.shape)
    source = PinnedArray(cuda, picture.shape)
    source.array[:] = picture
    stream.upload(source, kept[0])
    painting = stylizer(given)
    print(type(painting).__name__, painting.dtype, tuple(painting.shape))
    cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
    print((painting.numpy() == picture).all())
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["Tensor torch.uint8 (1, 20, 30, 3)", "True"], ended.err


def test_arrays_of_cupy_become_arrays_in_order_in_their_stream(cuda_machine, echo) -> None:
    """CuPy's interface names the stream; it allocates on the GPU, as `cupy.empty` does."""
    code = """
    class Array(OnDevice):
        @property
        def shape(self):
            return self.__cuda_array_interface__["shape"]

    def empty(shape, dtype):
        assert dtype == "uint8"
        made = Array(shape)
        made.__cuda_array_interface__["stream"] = int(stream.handle)
        return made

    Array.__module__ = "cupy._core.core"
    sys.modules["cupy"] = type(sys)("cupy")
    sys.modules["cupy"].empty = empty
    stream = Stream(cuda)
    given = empty(picture.shape, "uint8")
    source = PinnedArray(cuda, picture.shape)
    source.array[:] = picture
    stream.upload(source, given.buffer)
    painting = stylizer(given)
    print(type(painting).__name__, painting.shape)
    cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
    address = painting.__cuda_array_interface__["data"][0]
    there = (ctypes.c_uint8 * picture.size).from_address(address)
    print((np.ctypeslib.as_array(there).reshape(picture.shape) == picture).all())
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN)
    assert ended.out.splitlines() == ["Array (1, 20, 30, 3)", "True"], ended.err


def test_many_arrays_in_turn_are_painted_each_in_its_place(cuda_machine, echo) -> None:
    code = """
    batch, source = OnDevice((12, 20, 30, 3)), PinnedArray(cuda, (12, 20, 30, 3))
    stream = Stream(cuda)
    for number in range(3):
        source.array[:] = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1) + number
        stream.upload(source, batch.buffer)
        cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
        painting = stylizer(batch)
        place = painting.__cuda_array_interface__
        print((here(place["data"][0], painting.shape, place["stream"]) == source.array).all())
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN)
    assert ended.out.splitlines() == ["True"] * 3, ended.err


def test_memory_that_an_engine_keeps_is_there_for_arrays(cuda_machine, echo) -> None:
    code = """
    image = OnDevice((1000, 1000, 3))
    other = np.zeros((1000, 1500, 3), np.uint8)
    stylizer(other)
    print(stylizer(image).shape)
    large = OnDevice((1000, 2200, 3))
    print(told(lambda: stylizer(large).shape))
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN, memory_mib=14)
    assert ended.code == 0, ended.err
    first, second = ended.out.splitlines()
    assert first == "(1000, 1000, 3)"
    assert second.startswith("OutOfMemoryError 5: not enough GPU memory"), second


def test_what_the_gpu_does_not_do_says_what_to_do_instead(cuda_machine, echo) -> None:
    code = """
    import torch
    image = OnDevice((20, 30, 3))
    print(told(lambda: stylizer(image, size=20)))
    print(told(lambda: stylizer(image, strength=0.5)))
    print(told(lambda: stylizer(image, keep_color=True)))
    print(told(lambda: stylizer(image, color="bgr")))
    print(told(lambda: stylizer(image, out=np.zeros((20, 30, 3), np.uint8))))
    print(told(lambda: stylizer(OnDevice((20, 30, 4)))))
    print(told(lambda: stylizer(torch.zeros((20, 30, 3), dtype=torch.uint8))))
    small = Stylizer(sys.argv[1], device="cuda", max_pixels=100)
    print(told(lambda: small(image)))
    on_cpu = Stylizer(sys.argv[1], device="cpu")
    print(told(lambda: on_cpu(image)))
    """
    ended = cuda_machine.run(STYLIZER + code, echo, before=OPEN)
    size, strength, color, order, out, alpha, host, limit, cpu = ended.out.splitlines()
    assert size == (
        "UsageError 2: a picture of 30x20 is not resized to 20x13 on the GPU; "
        'pass size="full", or a picture that is small enough'
    ), ended.err
    mixed = "UsageError 2: strength and colours are mixed on the CPU, the picture is in GPU memory"
    assert strength == color
    assert strength.startswith(mixed)
    assert order == "UsageError 2: a picture in GPU memory is RGB, H×W×3; reorder it there"
    assert out == "UsageError 2: out is for an array alone; take what is returned"
    assert alpha.startswith("InputError 3: the picture is uint8 of shape (20, 30, 4); give uint8")
    assert host == (
        "InputError 3: expected an array, PIL image, bytes or path, got Tensor; "
        "pass numpy.asarray of it"
    )
    assert limit.startswith("LimitError 3: 30x20 is 600 pixels")
    assert cpu.startswith("UsageError 2: the picture is in GPU memory, ")
    assert cpu.endswith('choose device "cuda", or copy it to the host and give a NumPy array')
