"""Options that commands share."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from nst_rt.commands import main
from nst_rt.commands.options import PaintingRequest
from nst_rt.stylizer import Stylizer

SHARED = ("--keep-color", "--device", "--precision", "--threads", "--trust-engine")


def options(command: click.Command) -> Iterator[click.Option]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from options(command.get_command(context, name))


def test_every_option_of_every_command_has_help() -> None:
    assert [option.opts for option in options(main) if not option.help] == []


@pytest.mark.parametrize("command", ["video", "live"])
def test_shared_options_read_alike(command: str) -> None:
    def described(name: str) -> dict[str, tuple]:
        given = main.get_command(click.Context(main), name).params
        facts = {option.opts[-1]: (option.default, option.type.to_info_dict()) for option in given}
        return {flag: facts[flag] for flag in (*SHARED, "--strength")}

    assert described(command) == described("stylize")


def test_shared_options_reach_the_stylizer(model_path) -> None:
    request = PaintingRequest(
        strength=0.25,
        keep_color=True,
        device="onnxruntime",
        precision="fp32",
        threads=1,
        trust_engine=True,
    )
    with Stylizer(model_path, **request.stylizer_arguments()) as stylizer:
        assert stylizer.info.provider.startswith("ONNX Runtime")
        assert (stylizer.info.precision, stylizer.info.threads) == ("fp32", 1)
        assert (stylizer.info.strength, stylizer.info.keep_color) == (0.25, True)
