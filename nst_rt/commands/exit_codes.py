"""How a command ends: its exit code, and at most one line that says why.

0 all done · 1 internal error · 2 usage · 3 some inputs failed, the others are done · 4 a model was
refused · 5 a provider or extra is absent, or memory · 6 not writable or disk full · 130 SIGINT ·
143 SIGTERM · 141 the reader of the pipe left
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from nst_rt.commands.console import PROGRAM, Console, point_to_nothing
from nst_rt.errors import NstError, OutOfMemoryError, OutputError
from nst_rt.interruption import end_at_once, handle_signals

INTERNAL, SOME_FAILED, READER_LEFT = 1, 3, 141


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; what Ctrl-C cleans up is cleaned up as well."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


def run_to_end(command: Callable[[], object], console: Console) -> int:
    """Run a command and return its exit code; whatever it raises becomes one line."""
    try:
        with console.listening(), _stopping_at_signals():
            return _run(command, console)
    except BrokenPipeError:
        return READER_LEFT
    finally:
        _give_up_what_cannot_be_written()


def _run(command: Callable[[], object], console: Console) -> int:
    try:
        command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if console.debug:
            traceback.print_exception(error)
        return _told(error, console)
    return 0


def _told(error: BaseException, console: Console) -> int:
    """Write the line that an error deserves and return its exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        number = getattr(error, "signal_number", signal.SIGINT)
        console.note(f"stopped by {signal.Signals(number).name}")
        return 128 + int(number)
    if isinstance(error, click.ClickException):
        return _usage(error, console)
    known = as_known(error)
    if known is None:
        console.error(internal(error))
        return INTERNAL
    console.error(str(known))
    return known.exit_code


def as_known(error: BaseException) -> NstError | None:
    """The error that a person can act on, None for a defect of ours."""
    from nst_rt.atomic import DISK_FULL  # not before it is needed: --help does without pathlib

    if isinstance(error, NstError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError()
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return OutputError(f"cannot write ({error.strerror})", cure="free some disk space")
    return None


def internal(error: BaseException) -> str:
    """The line for a defect."""
    said = f": {error}" if str(error) else ""
    return f"internal error ({type(error).__name__}{said}); run it again with --debug to see where"


def _usage(error: click.ClickException, console: Console) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else PROGRAM
    message = error.format_message().rstrip(".")
    console.error(f"{message}; see {command} --help")
    return error.exit_code


@contextmanager
def _stopping_at_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does.

    Who asks twice does not wait: the process ends at once, before threads of engines and encoders
    that still work meet an interpreter that is being taken down.
    """
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            end_at_once(number, frame)
        asked = True
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    before = handle_signals(stop) if in_main_thread else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up_what_cannot_be_written() -> None:
    """Otherwise Python tries once more on its way out, and complains with a code of its own."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            point_to_nothing(stream)
