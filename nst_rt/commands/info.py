"""`nst-rt info`: show the facts of a model, and what would run it here."""

from __future__ import annotations

from typing import Any

import click

from nst_rt.commands.stdout import clean_stdout
from nst_rt.errors import ModelError, ProviderError, shown
from nst_rt.model import ModelFile, read_model
from nst_rt.sessions import open_session


@click.command()
@click.argument("model", metavar="FILE|NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(model: str, as_json: bool) -> None:
    """Show the facts of a model file or of a shipped style.

    Provider, precision and threads are those that would be in use here, taken from the engine with
    the model in it. A file that nst-rt refuses ends with exit code 4 and the reason.
    """
    with clean_stdout() as results:
        found = read_model(model)
        facts = {**found.facts(), **_in_use(found)}
        if as_json:
            results.json(facts)
            return
        width = max(map(len, facts))
        for key, value in facts.items():
            results.line(f"{shown(key):<{width}}  {shown(_text(value))}")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _in_use(model: ModelFile) -> dict[str, Any]:
    """Return what runs the model on this machine, or why nothing does."""
    try:
        session = open_session(model)
    except (ProviderError, ModelError) as error:
        if isinstance(error, ModelError) and model.engine is None:
            raise
        return {"provider": "none", "problem": str(error)}  # an engine of another machine or user
    try:
        return {
            "provider": session.provider,
            "device": session.device,
            "precision": session.precision,
            "threads": session.threads,
            **({"placed": dict(session.nodes)} if session.nodes else {}),
        }
    finally:
        session.close()
