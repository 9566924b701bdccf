"""The command line: parse, call one job, print. Nothing is decided here."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="adjudge",
    help="Language-model judgment turned into cheap, fast relevance models.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def root() -> None:
    """Language-model judgment turned into cheap, fast relevance models for ads and e-commerce search."""


def main() -> None:
    """The console script's entry."""
    app()
