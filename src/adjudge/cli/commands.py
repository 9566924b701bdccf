"""One command a job."""

from __future__ import annotations

import typer

from adjudge.cli import terminal

app = typer.Typer(
    name="adjudge",
    help="Language-model judgment turned into cheap, fast relevance models for ads and e-commerce search.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from adjudge import __version__

        typer.echo(f"adjudge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Language-model judgment turned into cheap, fast relevance models for ads and e-commerce search."""


def main() -> None:
    """The console script's entry: errors meant for the user become one line and an exit code."""
    with terminal.errors():
        app(standalone_mode=True)
