"""What a library prints on standard error is kept in a file, and printed all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_rt.sessions.error_output import keep_error_output


def test_messages_are_kept_and_printed_afterwards(tmp_path: Path, capfd) -> None:
    log = tmp_path / "messages.log"
    with keep_error_output(log):
        os.write(2, b"from C\n")
        assert capfd.readouterr().err == ""
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "from C\nlater\n"
    assert log.read_text() == "from C\n"
    assert log.stat().st_mode & 0o077 == 0


def test_messages_are_printed_though_what_printed_them_fails(tmp_path: Path, capfd) -> None:
    def fail() -> None:
        with keep_error_output(tmp_path / "messages.log"):
            os.write(2, b"why\n")
            raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        fail()
    assert capfd.readouterr().err == "why\n"


@pytest.mark.parametrize("file", [None, Path("absent/messages.log")])
def test_without_a_file_messages_are_printed_at_once(file, capfd) -> None:
    with keep_error_output(file):
        os.write(2, b"from C\n")
        assert capfd.readouterr().err == "from C\n"
