"""Progress and result of live painting on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nst_rt.commands.console import Console
from nst_rt.commands.stdout import Results
from nst_rt.errors import shown
from nst_rt.sizes import size_text
from nst_rt.video.live import Second, State

Report = Callable[[Second, State], None]


@contextmanager
def shown_seconds(
    console: Console, results: Results, output: str, *, as_json: bool
) -> Iterator[Report]:
    """Report each second as a line of JSON if asked, or on one line of a terminal.

    A window shows the same facts itself.
    """
    if as_json:
        yield lambda second, state: results.json(_record(second, state))
        return
    if output == "window" or not console.shows_progress:
        yield lambda second, state: None
        return
    from rich.console import Console as Terminal
    from rich.markup import escape
    from rich.status import Status

    with Status("", console=Terminal(stderr=True)) as line:
        yield lambda second, state: line.update(escape(_line(second, state)))


def report_totals(
    totals: Mapping[str, float], output: str, console: Console, results: Results, *, as_json: bool
) -> None:
    """Report the frames that were painted and dropped, and the time it took."""
    if as_json:
        results.json(totals)
        return
    kept = "" if output == "window" else f" into {shown(output)}"
    console.note(
        f"{totals['frames']} frames{kept} in {totals['seconds']:.1f} s, {totals['dropped']} dropped"
    )


def _record(second: Second, state: State) -> dict[str, Any]:
    return {
        "time": round(second.time, 3),
        "fps": round(second.fps, 2),
        "latency_ms": None if second.latency_ms is None else round(second.latency_ms, 1),
        "dropped": second.dropped,
        "working_width": state.working_size[1],
        "working_height": state.working_size[0],
        "style": state.style,
        "note": state.note,
    }


def _line(second: Second, state: State) -> str:
    facts = [f"{second.fps:.1f} fps"]
    if second.latency_ms is not None:
        facts.append(f"{second.latency_ms:.0f} ms")
    facts += [f"{second.dropped} dropped", size_text(state.working_size), state.style]
    return ", ".join([*facts, state.note] if state.note else facts)
