"""How `nst-rt stylize` ends when a signal, a full disk or a closed pipe comes."""

from __future__ import annotations

import os
import pty
import re
import resource
import signal
from pathlib import Path
from subprocess import PIPE

import pytest

from nst_rt.commands.provenance import RECORD

from .conftest import RUN, finish, names, save, start

HELD = f"""
import os, signal, sys
def hold(descriptor):
    sys.__stderr__.write("writing\\n")
    sys.__stderr__.flush()
    signal.pause()
os.fsync = hold
{RUN}
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, "nst-rt: stopped by SIGINT\n"),
        (signal.SIGTERM, 143, "nst-rt: stopped by SIGTERM\n"),
    ],
)
def test_signal_ends_cleanly_in_the_middle_of_writing(folder, style, number, code, line) -> None:
    save("a.png")
    Path("out.png").write_bytes(b"old")
    process = start("stylize", "a.png", "-o", "out.png", "--overwrite", *style, code=HELD)
    assert process.stderr.readline() == b"writing\n"
    process.send_signal(number)
    ended = finish(process)
    assert (ended.code, ended.err) == (code, line)
    assert names(folder) == ["a.png", "out.png"]
    assert Path("out.png").read_bytes() == b"old"


def test_interrupted_batch_says_what_is_left(folder, style) -> None:
    for name in "abc":
        save(f"in/{name}.png")
    process = start("stylize", "in", "-o", "out", *style, code=HELD)
    assert process.stderr.readline() == b"writing\n"
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert ended.lines == ["nst-rt: 3 left", "nst-rt: stopped by SIGINT"]


def test_kill_leaves_no_final_name_and_the_next_start_clears_up(nst, folder, style) -> None:
    save("a.png")
    process = start("stylize", "a.png", "-o", "out/", *style, code=HELD)
    assert process.stderr.readline() == b"writing\n"
    process.kill()
    finish(process)
    assert names("out") == [f".a.png.part-{process.pid}-{process.pid}"]
    assert nst("stylize", "a.png", "-o", "out", *style).code == 0
    assert names("out") == [RECORD, "a.png"]


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_full_disk_is_exit_6_and_the_old_output_stays(folder, style) -> None:
    save("a.png", size=(64, 64)), save("b.png")
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"old")
    arguments = ("stylize", "a.png", "b.png", "-o", "out", "--overwrite", *style)
    ended = finish(start(*arguments, preexec_fn=small_files_only))
    assert ended.code == 6
    assert ended.lines[0].startswith("nst-rt: out/a.png: cannot be written (File too large)")
    needed = re.search(r"; ([\d,]+) bytes are needed, [\d,]+ are free there$", ended.lines[0])
    assert int(needed[1].replace(",", "")) > 64 * 64  # of a noisy picture
    assert ended.lines[1:] == ["nst-rt: 1 failed, 1 left"]
    assert names("out") == ["a.png"]
    assert Path("out/a.png").read_bytes() == b"old"


@pytest.mark.parametrize("arguments", [["-o", "-"], ["--json", "-o", "out.png"]])
def test_reader_that_left_is_exit_141_and_silence(folder, style, arguments) -> None:
    save("a.png")
    process = start(
        "stylize", "a.png", *arguments, *style, code=f"input()\n{RUN}", stdin=PIPE, bufsize=0
    )
    process.stdout.close()
    process.stdout = None
    process.stdin.write(b"\n")
    ended = finish(process)
    assert (ended.code, ended.err) == (141, "")


def test_what_engines_print_never_reaches_standard_output(nst, folder, style) -> None:
    photo = save("a.png")
    assert nst("stylize", "a.png", "-o", "out.png", *style).code == 0
    noisy = f"""
import ctypes, os, sys
from nst_rt.stylizer import Stylizer
paint = Stylizer.paint
def noise(*arguments, **options):
    ctypes.CDLL(None).printf(b"from C\\n")
    os.write(1, b"from the descriptor\\n")
    print("from Python")
    return paint(*arguments, **options)
Stylizer.paint = noise
{RUN}
"""
    with photo.open("rb") as stdin:
        ended = finish(start("stylize", "-", "-o", "-", *style, code=noisy, stdin=stdin))
    assert (ended.code, ended.out) == (0, Path("out.png").read_bytes())
    assert sorted(ended.lines) == ["from C", "from Python", "from the descriptor"]


def seen_by_terminal(*arguments: str, **environment: str) -> str:
    """Return the standard error of a run that has a terminal there."""
    mine, its = pty.openpty()
    process = start(*arguments, stderr=its, env={"TERM": "xterm", **environment})
    os.close(its)
    seen = b""
    while True:
        try:
            seen += os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
    process.communicate()
    os.close(mine)
    return seen.decode()


def test_terminal_sees_progress_and_its_colors_unless_no_color(folder, style) -> None:
    save("a.png"), save("b.png")
    seen = seen_by_terminal("stylize", "a.png", "b.png", "-o", "color", *style, NO_COLOR="")
    assert "2/2" in seen
    assert "\x1b[38;" in seen or "\x1b[3" in seen
    plain = seen_by_terminal("stylize", "a.png", "b.png", "-o", "plain", *style, NO_COLOR="1")
    assert "2/2" in plain
    assert "\x1b[38;" not in plain
    assert "\x1b[3" not in plain
