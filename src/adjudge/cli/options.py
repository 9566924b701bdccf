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
Logs = Annotated[Path, typer.Option(help="A logs folder: items.parquet, pairs.parquet, clicks.parquet, ...")]
