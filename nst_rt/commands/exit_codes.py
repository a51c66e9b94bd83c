"""Exit codes, and the one line that gives the reason.

0 all done · 1 internal error · 2 usage · 3 some inputs failed, the others are done · 4 a model was
refused · 5 a provider, an extra or memory is lacking · 6 not writable or disk full · 130 SIGINT ·
143 SIGTERM · 141 the reader of a pipe closed it
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
from nst_rt.system.interruption import end_at_once, handle_signals

INTERNAL, SOME_FAILED, READER_LEFT = 1, 3, 141


class Terminated(KeyboardInterrupt):
    """Raised at SIGTERM or SIGHUP; cleans up whatever Ctrl-C would."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


def run_to_end(command: Callable[[], object], console: Console) -> int:
    """Run a command and return its exit code; report whatever it raises as one line."""
    try:
        with console.listening(), _stopped_by_signals():
            return _run(command, console)
    except BrokenPipeError:
        return READER_LEFT
    finally:
        _discard_unwritable_output()


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
        return _report_error(error, console)
    return 0


def _report_error(error: BaseException, console: Console) -> int:
    """Write one line for an error and return its exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        number = getattr(error, "signal_number", signal.SIGINT)
        console.note(f"stopped by {signal.Signals(number).name}")
        return 128 + int(number)
    if isinstance(error, click.ClickException):
        return _report_usage(error, console)
    known = as_known(error)
    if known is None:
        console.error(internal_error_line(error))
        return INTERNAL
    console.error(str(known))
    return known.exit_code


def as_known(error: BaseException) -> NstError | None:
    """Return an error that a user can act on, None for a defect of nst-rt."""
    from nst_rt.system.atomic import (
        DISK_FULL,  # not before it is needed: --help does without pathlib
    )

    if isinstance(error, NstError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError()
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return OutputError(f"cannot write ({error.strerror})", cure="free some disk space")
    return None


def internal_error_line(error: BaseException) -> str:
    """Return the line for a defect."""
    detail = f": {error}" if str(error) else ""
    return (
        f"internal error ({type(error).__name__}{detail}); run it again with --debug to see where"
    )


def _report_usage(error: click.ClickException, console: Console) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        error.show()
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else PROGRAM
    message = error.format_message().rstrip(".")
    console.error(f"{message}; see {command} --help")
    return error.exit_code


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does.

    A second signal ends the process at once, before threads of engines and encoders that still work
    meet an interpreter that is shutting down.
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


def _discard_unwritable_output() -> None:
    """Keep Python from writing it once more at exit, which fails with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            point_to_nothing(stream)
