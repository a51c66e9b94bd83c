"""A painting in GPU memory that no library asked for in its own kind."""

from __future__ import annotations

from pathlib import Path

from tests.cuda.echo import echo_model
from tests.cuda.scripts import ON_DEVICE, OPEN


def test_painting_is_exported_without_a_copy_or_not_at_all(cuda_machine, tmp_path: Path) -> None:
    code = """
    session, array = opened(), OnDevice(picture.shape)
    painting = session.paint_array(array, session.as_device_array(array))
    print(painting)
    for wish in ({"copy": True}, {"dl_device": (1, 0)}, {"dl_device": (2, 1)}):
        try:
            painting.__dlpack__(**wish)
        except BufferError as error:
            print(error)
    print(type(painting.__dlpack__(dl_device=(2, 0), stream=-1)).__name__)
    """
    model = echo_model(tmp_path / "echo.onnx")
    ended = cuda_machine.run(ON_DEVICE + code, model, before=OPEN)
    refused = "a painting is exported without a copy; copy the array made from it"
    assert ended.out.splitlines() == [
        "DevicePicture((1, 20, 30, 3))", *[refused] * 3, "PyCapsule",
    ], ended.err  # fmt: skip
