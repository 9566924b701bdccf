"""Commands that make and mend judges: tune and audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import terminal
from adjudge.cli import tuning_prints as prints
from adjudge.cli.options import File, Sets
from adjudge.cli.settings import configure

app = typer.Typer()
Texts = Annotated[Path, typer.Option(help="Parquet: item_id, keyphrase, title and optionally category.")]
Scale = Annotated[str | None, typer.Option(help="binary, four or ordinal3.")]
HumanScale = Annotated[str | None, typer.Option(help="The scale of people's grades.  [default: four]")]


@app.command()
def tune(
    pairs: Texts,
    human: Annotated[Path, typer.Option(help="Annotations, or one settled grade a pair.")],
    base: Annotated[
        str, typer.Option(help="A causal language model (folder or hub name), or student:ARTIFACT.")
    ],
    out: Annotated[Path, typer.Option(help="The judge's folder; what was found goes to OUT.tune.")],
    scale: Scale = None,
    human_scale: HumanScale = None,
    target: Annotated[
        str | None,
        typer.Option(help="'as labelled', even, high=.5,..., or a judgments table whose mix is wanted."),
    ] = None,
    sample: Annotated[Path | None, typer.Option(help="Unlabelled pairs, to compare the label mix.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Make a judge of human labels. Exit code 0, or 1 where its label mix drifted from the target."""
    from adjudge.jobs.tune import tune as job
    from adjudge.jobs.tune_material import TuneConfig

    given = {"pairs": pairs, "human": human, "base": base, "out": out, "scale": scale}
    given |= {"human_scale": human_scale, "target": target, "sample": sample}
    done = terminal.run(job, configure(TuneConfig, settings, set_, **given))
    prints.tuned(done)
    raise typer.Exit(done.exit_code)
