"""A window with a slider for the strength; a thread paints, the newest wish wins (PySide6).

python examples/embed_qt.py photo.jpg
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QSlider, QVBoxLayout, QWidget

from nst_rt import Stylizer


class Window(QWidget):
    painted = Signal(object)  # from the thread to the window, which alone may draw

    def __init__(self, photo: np.ndarray, stylizer: Stylizer) -> None:
        super().__init__(windowTitle="nst-rt")
        self.photo, self.stylizer = photo, stylizer
        self.picture, self.slider = QLabel(), QSlider(Qt.Orientation.Horizontal, maximum=100)
        layout = QVBoxLayout(self)
        layout.addWidget(self.picture)
        layout.addWidget(self.slider)
        self.thread_pool, self.wish = ThreadPoolExecutor(1), None
        self.painted.connect(self.draw)
        self.slider.valueChanged.connect(self.ask)
        self.slider.setValue(100)

    def ask(self, strength: int) -> None:
        self.wish = strength
        self.thread_pool.submit(self.paint)

    def paint(self) -> None:
        strength, self.wish = self.wish, None
        if strength is not None:  # None: a call before this one has seen to it
            self.painted.emit(self.stylizer(self.photo, strength=strength / 100))

    def draw(self, painting: np.ndarray) -> None:
        height, width = painting.shape[:2]
        image = QImage(painting.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setPixmap(QPixmap.fromImage(image))

    def closeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        self.thread_pool.shutdown()


if __name__ == "__main__":
    application = QApplication(sys.argv)
    photo = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
    with Stylizer("composition-vii", size=640) as stylizer:
        window = Window(photo, stylizer)
        window.show()
        application.exec()
