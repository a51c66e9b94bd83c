"""The program that an installation makes, before and after a command has something to clean up."""

from __future__ import annotations

import signal
import tomllib
from pathlib import Path

import pytest

from .commands.conftest import finish, start

_PROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"
HELD = """
import signal, sys

def hold():
    sys.__stderr__.write("held\\n")
    sys.__stderr__.flush()
    signal.pause()

class Loading:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            hold()

"""
WHILE_LOADING = f"{HELD}sys.meta_path.insert(0, Loading())\n"
AT_EXIT = f"{HELD}import atexit\natexit.register(hold)\n"


def run() -> str:
    """Code that runs the program as its script does."""
    scripts = tomllib.loads(_PROJECT.read_text())["project"]["scripts"]
    module, function = scripts["nst-rt"].split(":")
    return f"from {module} import {function}; sys.exit({function}())"


@pytest.mark.parametrize("held", [WHILE_LOADING, AT_EXIT])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_outside_of_a_command_ends_in_silence(held, number, code) -> None:
    process = start("--help", code=held + run())
    assert process.stderr.readline() == b"held\n"
    process.send_signal(number)
    ended = finish(process)
    assert (ended.code, ended.err) == (code, "")


def test_signal_that_is_ignored_stays_ignored_while_loading() -> None:
    code = WHILE_LOADING.replace("signal.pause()", "signal.raise_signal(signal.SIGINT)")
    ignored = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    assert finish(start("--help", code=ignored + code + run())).code == 0
