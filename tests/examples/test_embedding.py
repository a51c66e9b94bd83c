"""The programs that embed the library do what they say, with the real libraries."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst_rt import Stylizer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A photo of 120×80."""
    with Image.open(EXAMPLES / "photos/parrots.jpg") as photo:
        photo.resize((120, 80)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def run(code: str, *arguments: object) -> str:
    """Python in a process of its own: windows and plug-ins of these libraries do not mix."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example(name: str, *arguments: object) -> str:
    return run(
        f"import runpy; runpy.run_path({str(EXAMPLES / name)!r}, None, '__main__')", *arguments
    )


def test_programs_are_short_and_on_the_page() -> None:
    page = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
    names = {path.name for path in EXAMPLES.glob("embed_*.py")}
    assert set(re.findall(r"examples/(embed_\w+\.py)\)", page)) == names
    assert len(names) == 5
    for name in names:
        assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 60


def test_opencv_paints_a_clip_frame_by_frame(tmp_path: Path) -> None:
    import cv2

    source, target = tmp_path / "clip.avi", tmp_path / "painted.avi"
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"MJPG"), 12, (96, 64))
    for level in range(0, 250, 50):
        frame = np.full((64, 96, 3), (level, 60, 200), np.uint8)
        frame[16:48, 8 + level // 8 : 40 + level // 8] = (250, 250, 20)
        writer.write(frame)
    writer.release()
    example("embed_opencv.py", source, target)
    assert cv2.VideoCapture(str(target)).get(cv2.CAP_PROP_FPS) == 12
    before, after = decoded(source), decoded(target)
    assert len(after) == 5
    with Stylizer("great-wave", threads=1) as stylizer:
        for frame, painted in zip(before, after, strict=True):
            expected = stylizer(frame, color="bgr").astype(int)
            # what MJPEG loses is far less than a wrong order of channels would be off
            assert (
                np.abs(expected - painted).mean() < np.abs(expected - painted[..., ::-1]).mean() / 2
            )


def decoded(path: Path) -> list[np.ndarray]:
    import cv2

    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame)


def test_pillow_lays_every_style_on_one_sheet(small: Path, tmp_path: Path) -> None:
    example("embed_pil.py", small, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (5 * (120 + 12) + 12, 80 + 24)
        columns = [
            np.asarray(sheet)[12:92, 12 + 132 * column : 132 * (column + 1)].astype(int)
            for column in range(5)
        ]
    with Image.open(small) as photo:
        assert (columns[0] == np.asarray(photo)).all()
    for index, one in enumerate(columns):
        assert all(np.abs(one - other).mean() > 10 for other in columns[index + 1 :])


@pytest.fixture(scope="module")
def server() -> Any:
    sys.path.insert(0, str(EXAMPLES))
    try:
        import embed_fastapi
    finally:
        sys.path.remove(str(EXAMPLES))
    return embed_fastapi


def test_server_paints_and_refuses_in_one_line(server, small: Path) -> None:
    from fastapi.testclient import TestClient

    with TestClient(server.app) as client:
        photo = small.read_bytes()
        answer = client.post("/paint", content=photo)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        painting = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert painting.shape == (80, 120, 3)
        same = client.post("/paint?strength=0", content=photo)
        assert (np.asarray(Image.open(io.BytesIO(same.content))) == Image.open(small)).all()
        for body, query, code in (
            (b"nonsense", "", 415),
            (photo, "?strength=2", 422),
            (b"\0" * 20_000_001, "", 413),
            (bomb(), "", 413),
        ):
            assert client.post(f"/paint{query}", content=body).status_code == code


def bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (5000, 5000)).save(buffer, "PNG")
    return buffer.getvalue()


def test_client_that_leaves_frees_the_engine(server, monkeypatch) -> None:
    """Spoken in ASGI, since no test client leaves."""
    ends = []

    async def main() -> None:
        async with server.lifespan(server.app):
            stylizer = server.app.state.stylizer
            acall, began = stylizer.acall, asyncio.Event()

            async def watched(*given: Any, **options: Any) -> Any:
                began.set()
                try:
                    return await acall(*given, **options)
                except asyncio.CancelledError:
                    ends.append("cancelled")
                    raise

            monkeypatch.setattr(stylizer, "acall", watched)
            monkeypatch.setattr(stylizer._painter, "paint", until_stopped)
            buffer = io.BytesIO()
            Image.new("RGB", (16, 16)).save(buffer, "PNG")
            messages = [{"type": "http.request", "body": buffer.getvalue()}]

            async def receive() -> dict[str, Any]:
                if messages:
                    return messages.pop()
                await began.wait()
                return {"type": "http.disconnect"}

            async def send(message: dict[str, Any]) -> None: ...

            scope = {
                "type": "http", "method": "POST", "path": "/paint", "raw_path": b"/paint",
                "query_string": b"", "headers": [], "http_version": "1.1",
            }  # fmt: skip
            await server.app(scope, receive, send)
            await stylizer.acall(buffer.getvalue(), strength=0)

    def until_stopped(photo: Any, options: Any) -> Any:
        from nst_rt.system.cancellation import current_token

        stopped = threading.Event()
        with current_token().on_cancel(stopped.set):
            assert options.strength == 0 or stopped.wait(20)
        return photo

    asyncio.run(asyncio.wait_for(main(), 30))
    assert ends == ["cancelled"]


def test_window_shows_the_painting_that_the_slider_asks_for(small: Path, tmp_path: Path) -> None:
    code = f"""
import runpy, sys
import numpy as np
from PIL import Image
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication
from nst_rt import Stylizer

application = QApplication([])
Window = runpy.run_path({str(EXAMPLES / "embed_qt.py")!r})["Window"]
photo = np.asarray(Image.open(sys.argv[1]))
stylizer = Stylizer("composition-vii", threads=1)
window = Window(photo, stylizer)
window.show()
alarm = QTimer(interval=10)  # so that there is always an event to wait for
alarm.start()
for strength in (100, 0):
    window.slider.setValue(strength)
    while window.wish is not None or window.thread_pool._work_queue.qsize():
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    window.thread_pool.submit(int).result()
    application.processEvents()
    window.picture.pixmap().save(f"{{sys.argv[2]}}/{{strength}}.png")
np.save(f"{{sys.argv[2]}}/painting.npy", stylizer(photo))
window.grab().save(f"{{sys.argv[2]}}/window.png")
window.close()
"""
    run(code, small, tmp_path)
    expected = {100: np.load(tmp_path / "painting.npy"), 0: np.asarray(Image.open(small))}
    for strength, picture in expected.items():
        with Image.open(tmp_path / f"{strength}.png") as grabbed:
            assert (np.asarray(grabbed.convert("RGB")) == picture).all()


def test_tensors_are_painted_where_they_are(small: Path) -> None:
    sys.path.insert(0, str(EXAMPLES))
    try:
        from embed_dlpack import paint, painter
    finally:
        sys.path.remove(str(EXAMPLES))
    photo = np.asarray(Image.open(small))
    pictures = torch.from_numpy(np.stack([photo, photo[::-1]]))
    paintings = paint(pictures)
    assert paintings.dtype == torch.uint8
    assert (paintings[0].numpy() == painter("the-scream", "cpu")(photo)).all()
    if torch.cuda.is_available():
        on_gpu = paint(pictures.cuda())
        assert on_gpu.is_cuda
        assert (on_gpu.cpu().int() - paintings.int()).abs().float().mean() < 2
