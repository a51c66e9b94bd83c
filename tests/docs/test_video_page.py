"""The lines on the page on video run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from nst_rt.commands.video import video
from tests.nst_rt.video.clips import make_clip
from tests.nst_rt.video.contents import shown

PAGE = (Path(__file__).parents[2] / "docs/video.md").read_text(encoding="utf-8")


def test_options_exist() -> None:
    known = {option for parameter in video.params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= known


def test_example_paints_a_file_an_animation_and_a_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4")
    pictures = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)) for level in (0, 90, 180)]
    pictures[0].save("dance.gif", save_all=True, append_images=pictures[1:], duration=200)
    Path("frames").mkdir()
    for number, picture in enumerate(pictures):
        picture.save(f"frames/{number}.png")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    assert [len(shown(Path(name))) for name in ("painted.mp4", "dance.mp4", "film.mkv")] == [
        10,
        3,
        3,
    ]
    assert shown(Path("dance.mp4"))[1].time * 10 == 2
