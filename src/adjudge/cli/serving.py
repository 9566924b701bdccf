"""Commands after scoring: diff, merge, publish, served, recommend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import serving_prints as prints
from adjudge.cli import terminal
from adjudge.cli.options import File, Sets
from adjudge.cli.settings import configure

app = typer.Typer()
Table = Annotated[Path, typer.Option(help="The served table's folder.")]


@app.command()
def diff(
    before: Annotated[Path, typer.Option(help="Yesterday's logs folder: items.parquet, pairs.parquet.")],
    after: Annotated[Path, typer.Option(help="Today's logs folder.")],
    out: Annotated[Path, typer.Option(help="The folder to write: pairs.parquet, deleted.parquet.")],
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Which pairs are new or revised since yesterday and must be scored, and what is gone."""
    from adjudge.jobs.diff import DiffConfig
    from adjudge.jobs.diff import diff as job

    prints.differing(
        terminal.run(job, configure(DiffConfig, settings, set_, before=before, after=after, out=out))
    )


@app.command()
def merge(
    table: Table,
    scores: Annotated[Path, typer.Option(help="What `adjudge score` wrote: a file or a folder.")],
    deleted: Annotated[Path | None, typer.Option(help="Tombstones, as `adjudge diff` writes them.")] = None,
    run_id: Annotated[
        str | None, typer.Option(help="The run's id; merged once.  [default: the scores']")
    ] = None,
    full: Annotated[bool | None, typer.Option("--full", help="The run replaces all before it.")] = None,
    publish: Annotated[bool | None, typer.Option("--publish", help="Serve the result at once.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Merge a run into a served table's next version: latest wins, the served one stays until publish."""
    from adjudge.jobs.merge import MergeConfig
    from adjudge.jobs.merge import merge as job

    given = {"table": table, "scores": scores, "deleted": deleted, "run_id": run_id}
    config = configure(MergeConfig, settings, set_, full=full, publish=publish, **given)
    prints.merged(terminal.run(job, config), table)


@app.command()
def publish(
    table: Table,
    version: Annotated[int | None, typer.Option(help="A version's number.  [default: the newest]")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Make a merged version the served one, in one step; an older one steps back."""
    from adjudge.jobs.merge import PublishConfig
    from adjudge.jobs.merge import publish as job

    prints.published(
        terminal.run(job, configure(PublishConfig, settings, set_, table=table, version=version))
    )


@app.command()
def served(table: Table) -> None:
    """Print the folder of the served version: read its bucket-*.parquet, and no publish disturbs you."""
    from adjudge.jobs.merge import ServedConfig
    from adjudge.jobs.merge import served as job

    prints.line(str(job(ServedConfig(table)).folder))


@app.command()
def recommend(
    scores: Annotated[Path, typer.Option(help="A served table, or what `adjudge score` wrote.")],
    items: Annotated[Path, typer.Option(help="Parquet: item_id, title, adgroup_id, seller_id.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    per_item: Annotated[int | None, typer.Option(help="Keyphrases an item, at most.  [default: 50]")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Kept keyphrases per item in rank order, without doubles in an adgroup, under the caps of a seller's page."""
    from adjudge.jobs.recommend import RecommendConfig
    from adjudge.jobs.recommend import recommend as job

    capped = [f"settings.per_item={per_item}"] if per_item is not None else []
    config = configure(
        RecommendConfig, settings, [*(set_ or []), *capped], scores=scores, items=items, out=out
    )
    prints.recommended(terminal.run(job, config))
