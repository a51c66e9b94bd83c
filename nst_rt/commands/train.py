"""`nst-rt train`: a painting and photos become a style."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_rt.commands.console import Console
from nst_rt.commands.extras import needing
from nst_rt.commands.stdout import clean_stdout
from nst_rt.errors import InputError, shown

if TYPE_CHECKING:
    from nst_train.config import FastConfig


def _names(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[str, ...] | None:
    """Return the names or files between commas."""
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise click.BadParameter("expected names separated by commas")
    return names


class _Option(click.Option):
    """An option whose help ends with its default in `FastConfig`, which needs no torch."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from nst_train.config import FastConfig

        record = super().get_help_record(ctx)
        default = {field.name: field.default for field in fields(FastConfig)}.get(self.name or "")
        if record is None or default is None or default is MISSING:
            return record
        names, text = record
        return names, f"{text} [{_text(default)}]"


_option = partial(click.option, cls=_Option)


def _text(default: Any) -> str:
    """Return a default as it is given on the command line."""
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


@click.group()
def train() -> None:
    """Train a style from photos."""


@train.command()
@_option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The run's folder.")
@_option("--style", metavar="PAINTING", help="The painting whose style is learnt.")
@_option("--photos", metavar="DIR", help="Photos to learn on, sub-folders included.")
@_option("--steps", type=int, help="Batches to train on.")
@_option("--size", type=int, help="Height and width of a crop in pixels.")
@_option("--batch", type=int, help="Crops in a batch.")
@_option("--style-weight", type=float, help="Style against content, scale-free.")
@_option("--tv-weight", type=float, help="Smoothness against content.")
@_option("--style-size", type=int, help="Long side of the painting: size of strokes.")
@_option("--content-layer", metavar="LAYER", help="Layer of the content features.")
@_option("--style-layers", callback=_names, metavar="LAYER,…", help="Layers of the style features.")
@_option(
    "--features",
    callback=_names,
    metavar="FILE[,FILE]",
    help="Perceptual network: vgg16, vgg19, or files, the more faithful first.",
)
@_option("--width", type=float, help="Channels: 1 is Johnson's network.")
@_option("--blocks", type=int, help="Residual blocks.")
@_option(
    "--upsample", type=click.Choice(["nearest", "transposed"]), help="How the network enlarges."
)
@_option("--learning-rate", type=float, help="Its peak, which a cosine lowers to 0.")
@_option("--ema", type=float, help="Share of the average that each step keeps.")
@_option("--initial", metavar="CHECKPOINT", help="Weights to start from.")
@_option("--crops-per-photo", type=int, help="Different crops of each photo.")
@_option("--seed", type=int, help="Decides weights, crops and their order.")
@_option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), help="Arithmetic.")
@_option("--device", help="auto, cpu, cuda, cuda:1, …")
@_option("--threads", type=int, help="Threads of the arithmetic. [all cores]")
@_option("--workers", type=int, help="Threads that read photos.")
@_option("--cache-gib", type=float, help="GiB of memory for crops and their content features.")
@_option("--max-bad", type=float, help="Share of unreadable photos to put up with.")
@_option("--checkpoint-every", type=int, metavar="STEPS", help="Steps between two checkpoints.")
@_option("--sample-every", type=int, metavar="STEPS", help="Steps between two sample sheets.")
@_option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Options from a file, written with underscores; those given here come first.",
)
@_option("--resume", is_flag=True, help="Go on with the run in --out, with its options.")
@click.pass_obj
def fast(
    console: Console, /, out: Path, config_file: Path | None, resume: bool, **options: Any
) -> None:
    """Train one network to paint like one painting.

    Writes checkpoints, samples, a log and at the end style.safetensors into --out. Ctrl-C keeps the
    last finished step; --resume goes on from it as if nothing had happened.
    """
    with needing("train", "training"):
        from nst_train.config import FastConfig
    given = {key: value for key, value in options.items() if value is not None}
    if config_file is not None:
        given = FastConfig.read(config_file) | given
    given |= {key: _absolute(given[key]) for key in ("style", "photos", "initial") if key in given}
    if "features" in given:
        given["features"] = _absolute_files(given["features"])
    if not resume:  # before torch is loaded, which takes seconds
        config = FastConfig.from_mapping(given)
        _refuse_absent(config)
    with clean_stdout() as results:
        with needing("train", "training"):
            from nst_train.methods.fast import train_fast
            from nst_train.run import resumed_config
        if resume:
            config = resumed_config(FastConfig, out, given)
        result = train_fast(config, out, resume=resume, progress=console.shows_progress)
        results.line(shown(result))


def _refuse_absent(config: FastConfig) -> None:
    """Raise if there are no photos or no painting to learn from."""
    from nst_train.photo_files import find_photos

    find_photos(Path(config.photos))
    if not Path(config.style).exists():
        raise InputError("no such file", path=config.style)


def _absolute(path: Any) -> Any:
    """Return a path that still holds when the run is resumed from another folder."""
    return str(Path(path).absolute()) if isinstance(path, str) else path


def _absolute_files(features: Any) -> Any:
    """Return `features` with the files among the names made absolute."""
    if not isinstance(features, list | tuple):
        return features
    return tuple(_absolute(name) if Path(str(name)).suffix else name for name in features)
