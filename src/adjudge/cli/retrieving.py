"""`adjudge retrieve`: candidate keyphrases for items; `adjudge retrieve build`: the graph they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import retrieving_prints as prints
from adjudge.cli import terminal
from adjudge.cli.options import File, Sets
from adjudge.cli.settings import configure

app = typer.Typer()


@app.callback(invoke_without_command=True)
def retrieve(
    context: typer.Context,
    graph: Annotated[Path | None, typer.Option(help="A folder of `adjudge retrieve build`.")] = None,
    items: Annotated[
        Path | None, typer.Option(help="Parquet: item_id, title and optionally category.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The pairs to write (Parquet).")] = None,
    per_item: Annotated[int | None, typer.Option(help="Keyphrases an item, at most.  [default: 50]")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Candidate keyphrases for every item, best first: the input of `adjudge score`. `build` makes the graph."""
    if context.invoked_subcommand is None:
        from adjudge.jobs.retrieve import RetrieveConfig
        from adjudge.jobs.retrieve import retrieve as job

        capped = [f"search.per_item={per_item}"] if per_item is not None else []
        sets = [*(set_ or []), *capped]
        config = configure(RetrieveConfig, settings, sets, graph=graph, items=items, out=out)
        prints.retrieved(terminal.run(job, config))


@app.command()
def build(
    keyphrases: Annotated[
        Path, typer.Option(help="Parquet: keyphrase and optionally category and searches.")
    ],
    out: Annotated[Path, typer.Option(help="The graph's folder.")],
    clicks: Annotated[Path | None, typer.Option(help="A clicks table: breaks ties.")] = None,
    items: Annotated[
        Path | None, typer.Option(help="An items table: with clicks, further categories of a keyphrase.")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Build the graph of a keyphrases table: which keyphrases of a category hold which word."""
    from adjudge.jobs.retrieve import BuildGraphConfig, build_graph

    config = configure(
        BuildGraphConfig, settings, set_, keyphrases=keyphrases, out=out, clicks=clicks, items=items
    )
    prints.built(terminal.run(build_graph, config))
