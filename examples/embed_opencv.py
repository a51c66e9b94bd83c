"""Paint a camera or a video that OpenCV reads: frames stay BGR, reading and painting overlap.

    python examples/embed_opencv.py 0                        the first camera, in a window
    python examples/embed_opencv.py clip.mp4 painted.avi

OpenCV drops the sound and the frames' own times: `nst-rt video` keeps both.
"""

import sys
from collections.abc import Iterator

import cv2
import numpy as np

from nst_rt import Stylizer


def frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        there, frame = capture.read()
        if not there:
            return
        yield frame


def main(source: str, target: str = "") -> None:
    capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    if not capture.isOpened():
        raise SystemExit(f"{source} cannot be opened")
    writer = None
    with Stylizer("great-wave", size=640) as stylizer:
        for painting in stylizer.stream(frames(capture), color="bgr"):
            if not target:
                cv2.imshow("nst-rt", painting)
                if cv2.waitKey(1) == ord("q"):
                    break
                continue
            if writer is None:
                height, width = painting.shape[:2]
                codec = cv2.VideoWriter.fourcc(*"MJPG")
                rate = capture.get(cv2.CAP_PROP_FPS)
                writer = cv2.VideoWriter(target, codec, rate, (width, height))
            writer.write(painting)
    capture.release()
    if writer is not None:
        writer.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
