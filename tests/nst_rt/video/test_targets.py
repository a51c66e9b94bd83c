"""Outputs that must not be replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_rt.errors import UsageError
from nst_rt.video.targets import refuse_existing


def test_pipe_is_not_replaced_though_it_is_asked_for(tmp_path: Path) -> None:
    pipe = tmp_path / "out.y4m"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match=r"out\.y4m: is neither a file nor a link; choose another"):
        refuse_existing(pipe, overwrite=True)


def test_files_and_links_are_replaced_when_asked_alone(tmp_path: Path) -> None:
    file, link = tmp_path / "out.mp4", tmp_path / "link.mp4"
    file.touch()
    link.symlink_to("nowhere.mp4")
    for target in (file, link):
        refuse_existing(target, overwrite=True)
        with pytest.raises(UsageError, match="exists already; pass overwrite=True"):
            refuse_existing(target, overwrite=False)
    refuse_existing(tmp_path / "new.mp4", overwrite=False)
