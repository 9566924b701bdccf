"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Any setting of the job; dotted for nested ones. Repeatable."
    ),
]
File = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE.json", help="Settings as an earlier run saved them."),
]
Scale = Annotated[str | None, typer.Option(help="binary, four or ordinal3.")]
HumanScale = Annotated[str | None, typer.Option(help="The scale of people's grades.  [default: four]")]
BaseUrl = Annotated[str | None, typer.Option(help="The OpenAI-compatible endpoint.")]
Prompt = Annotated[Path | None, typer.Option(help="Your own prompt file (Markdown).")]
Prices = Annotated[
    Path | None, typer.Option(help="A price table (JSON): currency a million tokens, by model.")
]
Budget = Annotated[float | None, typer.Option(help="The most this judge may cost; needs --prices.")]
Logs = Annotated[Path, typer.Option(help="A logs folder: items.parquet, pairs.parquet, clicks.parquet, ...")]
