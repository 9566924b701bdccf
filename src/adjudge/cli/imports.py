"""`adjudge import ...`: the files a user already has become a logs folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import prints, terminal
from adjudge.cli.options import File, Sets
from adjudge.cli.settings import configure

app = typer.Typer(
    help="Bring your own files into a logs folder; bad rows go to quarantine.", no_args_is_help=True
)
Into = Annotated[Path, typer.Option("--logs", help="The logs folder to write into.")]


@app.command("table")
def table(
    name: Annotated[
        str, typer.Argument(metavar="TABLE", help="items, keyphrases, pairs, clicks, search, ...")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet, CSV or JSONL (.gz too).")],
    logs: Into,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=YOURS", help="Your name for a column. Repeatable."),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Allowed grades: binary, four or ordinal3.")] = None,
    max_bad_share: Annotated[
        float | None, typer.Option(help="Refuse past this share of bad rows.  [default: 0.01]")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """One table from one file, checked row by row."""
    from adjudge.jobs import import_

    given = {"table": name, "file": file, "logs": logs, "scale": scale, "max_bad_share": max_bad_share}
    columns = prints.named(map_, "--map") if map_ else None
    config = configure(import_.ImportTableConfig, settings, set_, columns=columns, **given)
    prints.imported(terminal.run(import_.import_table, config))


@app.command("esci")
def esci(
    examples: Annotated[
        Path, typer.Argument(metavar="EXAMPLES", help="The examples parquet, or a file with all in one.")
    ],
    logs: Into,
    products: Annotated[
        Path | None, typer.Option(help="The products parquet of the official release.")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Amazon's Shopping Queries data set (ESCI): queries, products and graded labels."""
    from adjudge.jobs import import_

    config = configure(
        import_.ImportEsciConfig, settings, set_, examples=examples, logs=logs, products=products
    )
    prints.imported(terminal.run(import_.import_esci, config))


@app.command("wands")
def wands(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Holds query.csv, product.csv and label.csv.")
    ],
    logs: Into,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Wayfair's annotation data set (WANDS): queries, products and three-level labels."""
    from adjudge.jobs import import_

    config = configure(import_.ImportWandsConfig, settings, set_, folder=folder, logs=logs)
    prints.imported(terminal.run(import_.import_wands, config))


@app.command("ubi")
def ubi(
    queries: Annotated[Path, typer.Argument(metavar="QUERIES", help="The UBI queries, ndjson.")],
    logs: Into,
    events: Annotated[Path | None, typer.Option(help="The UBI events, ndjson.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """OpenSearch User Behavior Insights: searches and events become the click table, positions kept."""
    from adjudge.jobs import import_

    config = configure(import_.ImportUbiConfig, settings, set_, queries=queries, logs=logs, events=events)
    prints.imported(terminal.run(import_.import_ubi, config))
