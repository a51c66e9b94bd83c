"""The group of subcommands, each of whose modules is loaded only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from nst_rt.commands.console import PROGRAM, Console
from nst_rt.commands.exit_codes import run_to_end


class LazyGroup(click.Group):
    """A group that knows the name and one line of each command; `nst_rt.commands.NAME` holds it.

    Args:
        lines: a line of help for each command, in the order of `--help`.
    """

    def __init__(self, *args: Any, lines: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lines = lines
        self.params += reporting_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lines:
            return None if ctx.resilient_parsing else self._unknown(ctx, cmd_name)
        if cmd_name not in self.commands:
            module = import_module(f"nst_rt.commands.{cmd_name}")
            command: click.Command = getattr(module, cmd_name)
            _add_reporting(command)
            self.commands[cmd_name] = command
        return self.commands[cmd_name]

    def _unknown(self, ctx: click.Context, name: str) -> NoReturn:
        from difflib import get_close_matches

        near = get_close_matches(name, self._lines, n=1)
        ctx.fail(f"no such command {name!r}" + (f" (is it {near[0]!r}?)" if near else ""))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run the command line and exit the process."""
        arguments = list(sys.argv[1:] if args is None else args)
        complete = extra.pop("complete_var", None)
        self._main_shell_completion({}, PROGRAM, complete)
        console = Console()

        def command() -> None:
            with self.make_context(PROGRAM, arguments, obj=console) as context:
                self.invoke(context)

        code = run_to_end(command, console)
        if extra.get("standalone_mode", True):
            sys.exit(code)
        return code


def reporting_options() -> list[click.Parameter]:
    """Return `-q`, `-v` and `--debug`, which stand before or after the command's name."""

    def set_quiet(context: click.Context, _: click.Parameter, given: bool) -> None:
        context.obj.quiet |= given

    def set_debug(context: click.Context, _: click.Parameter, given: bool) -> None:
        context.obj.debug |= given

    def set_verbosity(context: click.Context, _: click.Parameter, count: int) -> None:
        if count:
            context.obj.set_verbosity(count)

    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=set_quiet,
            help="Show errors only.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            is_eager=True,
            expose_value=False,
            callback=set_verbosity,
            help="Show what is in use; -vv shows everything.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=set_debug,
            help="Show where an error came from.",
        ),
    ]


def _add_reporting(command: click.Command) -> None:
    command.params += reporting_options()
    if isinstance(command, click.Group):
        for part in command.commands.values():
            _add_reporting(part)
