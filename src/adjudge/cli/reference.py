"""The commands' help as Markdown: docs/cli.md is this text, and a test keeps it so.

Write it anew with: python -m adjudge.cli.reference > docs/cli.md
"""

from __future__ import annotations

from typing import Any

import typer

from adjudge.cli.commands import app

HEAD = """# The command line

Generated from the commands themselves; write it anew with `python -m adjudge.cli.reference > docs/cli.md`.
Every command is one Python call with the same settings (`adjudge.jobs.NAME`), every setting is reachable
with `--set name=value`, and each run saves its complete settings beside its result (`--settings` reads them).
Results go to stdout, progress to stderr. Exit codes: 0 done, 2 refused with one line saying why, 3 a fault of ours with its traceback, 130 stopped. A command that
gives a verdict says what 1 (and, of `agree`, 2 and 3) means.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections(typer.main.get_command(app), "adjudge")]) + "\n"


def _sections(command: Any, name: str) -> list[str]:
    if hasattr(command, "commands"):
        own = _section(command, name) if command.invoke_without_command else []
        children = [_sections(child, f"{name} {child.name}") for child in command.commands.values()]
        return sum(children, own)
    return _section(command, name)


def _section(command: Any, name: str) -> list[str]:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    return [f"## `{name}`", "", command.help or "", "", "| option | meaning |", "|---|---|", *rows, ""]


def _row(parameter: Any) -> str:
    names = (
        ", ".join(parameter.opts)
        if parameter.param_type_name == "option"
        else parameter.metavar or parameter.name
    )
    shown = f" {parameter.metavar}" if parameter.metavar and parameter.param_type_name == "option" else ""
    needed = " (required)" if parameter.required else ""
    return f"| `{names}{shown}`{needed} | {getattr(parameter, 'help', '') or ''} |"


if __name__ == "__main__":
    typer.echo(markdown(), nl=False)
