"""`nst-rt` as a program of its own, from its first line to its last.

`nst_rt.commands.exit_codes` handles signals while a command runs. While the commands are still
loaded, and while Python shuts down after them, a signal would have Python show where it was.
"""

from __future__ import annotations

from nst_rt.system.interruption import end_at_once, handle_signals


def main() -> None:
    """Run the command line of this process, and exit."""
    handle_signals(end_at_once)
    from nst_rt.commands import main as command_line

    command_line()
