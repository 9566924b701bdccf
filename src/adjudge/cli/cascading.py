"""Commands that use judgments: the cascade of two judges, and exports to other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import cascading_prints as prints
from adjudge.cli import terminal
from adjudge.cli.options import File, HumanScale, Scale, Sets
from adjudge.cli.settings import configure, under

app = typer.Typer()
Judge = "a judgments table that ends in .parquet, or a judge as `adjudge judge` spells it."


@app.command()
def cascade(
    cheap: Annotated[str, typer.Option(help=f"The cheap judge: {Judge}")],
    strong: Annotated[str, typer.Option(help=f"The strong judge: {Judge}")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    pairs: Annotated[
        Path | None, typer.Option(help="The pairs with their titles, where a judge is to be asked.")
    ] = None,
    human: Annotated[
        Path | None, typer.Option(help="Annotations; without them the strong judge's own answers count.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Agreement that standing answers must reach.  [default: 0.9]")
    ] = None,
    cheap_judge: Annotated[str | None, typer.Option(help="Its name, where a table holds several.")] = None,
    strong_judge: Annotated[str | None, typer.Option(help="Its name, where a table holds several.")] = None,
    scale: Scale = None,
    human_scale: HumanScale = None,
    log: Annotated[
        Path | None, typer.Option(help="The verdict log of judges that are asked.  [default: in OUT]")
    ] = None,
    region: Annotated[
        Path | None, typer.Option(help="A region.json of an earlier run, used as it is.")
    ] = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run", help="Ask nothing; validate from the log, or estimate.")
    ] = None,
    validate_only: Annotated[
        bool | None,
        typer.Option(
            "--validate-only", help="Ask what validation takes, estimate the rest, judge no further."
        ),
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """A cheap judge answers where that is shown to be safe, a strong judge the rest. Exit code 1: not shown."""
    from adjudge.jobs.cascade.cascade import CascadeConfig
    from adjudge.jobs.cascade.cascade import cascade as job

    given = {"cheap": cheap, "strong": strong, "out": out, "pairs": pairs, "human": human, "scale": scale}
    given |= {"cheap_judge": cheap_judge, "strong_judge": strong_judge, "region": region, "log": log}
    given |= {"human_scale": human_scale, "dry_run": dry_run, "validate_only": validate_only}
    sets = under("cascade", set_, target=target)
    done = terminal.run(job, configure(CascadeConfig, settings, sets, **given))
    terminal.leave(lambda: prints.cascaded(done), done.exit_code)


@app.command()
def export(
    judgments: Annotated[Path, typer.Option(help="A judgments table.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    format: Annotated[
        str | None, typer.Option(help="qrels (TREC) or quepid (CSV).  [default: qrels]")
    ] = None,
    scale: Scale = None,
    judge: Annotated[str | None, typer.Option(help="Which judge, where the table holds several.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Judgments for other tools: TREC qrels or Quepid ratings; unscored pairs are counted and left out."""
    from adjudge.jobs.export import ExportConfig
    from adjudge.jobs.export import export as job

    given = {"judgments": judgments, "out": out, "format": format, "scale": scale, "judge": judge}
    prints.exported(terminal.run(job, configure(ExportConfig, settings, set_, **given)))
