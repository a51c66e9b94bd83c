"""`nst-rt` itself: what it loads, what it says, and how it ends."""

from __future__ import annotations

import errno
import logging
import os
import signal
import warnings
from pathlib import Path
from subprocess import PIPE

import click
import pytest

from nst_rt import zoo
from nst_rt.commands import main
from nst_rt.errors import ProviderError

from .conftest import RUN, finish, start

FULL = Path("/dev/full")
HEAVY = ("torch", "onnxruntime", "openvino", "onnx", "cv2", "av", "PIL", "rich", "numpy")


@pytest.fixture
def models_that(monkeypatch):
    """Make `nst-rt models` do something else."""

    def use(action):
        monkeypatch.setattr(zoo, "cards", action)

    return use


def failing(error: BaseException):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["train", "fast", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom nst_rt.commands import main\n"
        f"code = main.main({arguments}, standalone_mode=False)\n"
        f"sys.exit(code or ' '.join(m for m in {HEAVY} if m in sys.modules))"
    )
    ended = finish(start(code=code))
    assert (ended.code, ended.err.strip()) == (1, "")  # the empty list of heavy modules
    assert b"nst-rt" in ended.out


def test_help_lists_every_command_and_each_is_there() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert f"  {name}" in main.get_help(context)


def test_version_names_what_is_installed(nst) -> None:
    ended = nst("--version")
    names = [line.split()[0] for line in ended.out.decode().splitlines()]
    assert ended.code == 0
    assert {"nst-rt", "python", "numpy", "pillow", "torch"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stilize"], "no such command 'stilize' (is it 'stylize'?); see nst-rt --help"),
        (["stylize"], "Missing argument 'IN...'; see nst-rt stylize --help"),
        (["models", "--colour"], "see nst-rt models --help"),
        (["stylize", "x.png", "--strength", "2"], "2.0 is not in the range 0<=x<=1"),
        (["stylize", "x.png", "--size", "0"], "'0' is no size; write it as PIXELS|full"),
        (["stylize", "x.png", "--background", "blurple"], "'blurple' is no color"),
        (["stylize", "x.png", "--device", "tpu"], "'tpu' is not one of"),
        (["stylize", "x.png", "--layout", "nchw"], "--layout and --range belong together"),
        (["stylize", "x.png", "--overwrite", "--skip-existing"], "exclude each other"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(nst, arguments: list[str], says: str) -> None:
    ended = nst(*arguments)
    assert ended.code == 2
    assert len(ended.lines) == 1
    assert ended.err.startswith("nst-rt: ")
    assert says in ended.err


def test_no_command_shows_the_help_and_exit_code_2(nst) -> None:
    ended = nst()
    assert (ended.code, ended.out) == (2, b"")
    assert "Commands:" in ended.err


@pytest.mark.parametrize("place", ["before", "after"])
def test_internal_error_is_one_line_and_debug_shows_where(nst, models_that, place: str) -> None:
    models_that(failing(ValueError("seven\nis odd")))
    ended = nst("models")
    assert ended.code == 1
    assert ended.lines == [
        "nst-rt: internal error (ValueError: seven is odd); run it again with --debug to see where"
    ]
    ended = nst(*(["--debug", "models"] if place == "before" else ["models", "--debug"]))
    assert ended.code == 1
    assert "Traceback" in ended.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ProviderError("x is absent", cure="get x"), 5, "nst-rt: x is absent; get x"),
        (OSError(errno.ENOSPC, "No space left on device"), 6, "No space left"),
        (MemoryError(), 5, "more memory is needed"),
        (KeyboardInterrupt(), 130, "nst-rt: stopped by SIGINT"),
    ],
)
def test_every_ending_has_its_code_and_its_line(nst, models_that, error, code, line) -> None:
    models_that(failing(error))
    ended = nst("models")
    assert ended.code == code
    assert len(ended.lines) == 1
    assert line in ended.err


def test_what_a_terminal_would_obey_is_escaped(nst, models_that) -> None:
    models_that(failing(ProviderError("title \x1b]0;owned\x07")))
    assert nst("models").lines == [r"nst-rt: title \x1b]0;owned\x07"]


def speaking():
    logging.getLogger("nst_rt.deep").warning("one\nthing")
    logging.getLogger("nst_rt.deep").info("in use")
    logging.getLogger("someone.else").info("chatter")
    warnings.simplefilter("always")
    warnings.warn("another thing", UserWarning, stacklevel=1)
    return ()


def test_warnings_and_logs_of_libraries_become_lines(nst, models_that) -> None:
    models_that(speaking)
    warned = ["nst-rt: warning: one thing", "nst-rt: warning: another thing"]
    assert nst("models").lines == warned
    assert nst("models", "-v").lines == [warned[0], "nst-rt: in use", warned[1]]
    assert nst("-q", "models").lines == []


def test_handlers_are_those_of_the_command_only_while_it_runs(nst, models_that) -> None:
    seen = []

    def look():
        seen.append(signal.getsignal(signal.SIGTERM))
        return ()

    models_that(look)
    showing, loggers = warnings.showwarning, logging.getLogger().handlers[:]
    nst("models")
    assert callable(seen[0])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert warnings.showwarning is showing
    assert logging.getLogger().handlers == loggers


def test_sigterm_that_was_ignored_stays_ignored(nst, models_that) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        models_that(lambda: (os.kill(os.getpid(), signal.SIGTERM), ())[1])
        assert nst("models").code == 0
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("arguments", [["--help"], ["models"]])
def test_reader_of_the_pipe_that_left_is_exit_code_141_and_silence(arguments: list[str]) -> None:
    process = start(*arguments, code=f"import sys\nsys.stdin.read()\n{RUN}", stdin=PIPE)
    process.stdout.close()
    process.stdout = None
    ended = finish(process)
    assert (ended.code, ended.err) == (141, "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["models"]])
def test_full_disk_behind_standard_output_is_exit_code_6(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        ended = finish(start(*arguments, stdout=full))
    assert ended.code == 6
    assert len(ended.lines) == 1
    assert "No space left" in ended.err


@pytest.mark.parametrize("streams", ["1>&- 2>&-", "1>/dev/null 2>/dev/full"])
def test_standard_streams_that_take_nothing_do_not_change_the_code(streams: str) -> None:
    def code(*arguments: str) -> int:
        shell = ["sh", "-c", f'"$@" {streams}', "sh"]
        return finish(start(*arguments, before=shell)).code

    assert code("models") == 0
    assert code("info", "no-such") == 4


def test_ascii_console_shows_names_escaped(folder) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = finish(start("models", env=plain))
    assert ended.code == 0
    assert ended.out.isascii()
    assert finish(start("stylize", "--help", env={"PYTHONIOENCODING": "latin-1"})).code == 0
    ended = finish(start("stylize", b"\xffa\xc3\xa9\n.png", env=plain))
    assert ended.code == 3
    assert ended.lines == [r"nst-rt: \udcffa\udcc3\udca9\n.png: no such file or folder"]


def test_completion_of_shells_still_works() -> None:
    asked = {"_NST_RT_COMPLETE": "bash_complete", "COMP_WORDS": "nst-rt st", "COMP_CWORD": "1"}
    assert finish(start(env=asked)).out.split() == [b"plain,stylize"]
