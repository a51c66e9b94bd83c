"""`nst-rt models`: list the styles that come with nst-rt."""

from __future__ import annotations

import click

from nst_rt import zoo
from nst_rt.commands.stdout import clean_stdout


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print whole cards, one JSON object per line."
)
def models(as_json: bool) -> None:
    """List the styles that come with nst-rt: title, painter, year, size, licence."""
    with clean_stdout() as results:
        for card in zoo.cards():
            if as_json:
                results.json(card.as_dict())
            else:
                megabytes = card.files["fp32"].bytes / 1e6
                results.line(
                    f"{card.name:<16} {card.title}, {card.painter}, {card.year}, {megabytes:.1f} MB"
                )
                results.line(f"{'':<16} {card.licence}")
