"""The commands of the split student: distillation, and states computed ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import prints, terminal
from adjudge.cli.options import File, Logs, Sets
from adjudge.cli.settings import configure

app = typer.Typer()


@app.command()
def distil(
    teacher: Annotated[Path, typer.Option(help="The artifact that grades, of any kind.")],
    training: Annotated[Path, typer.Option(help="Labelled rows, as `adjudge recipe` writes them.")],
    logs: Logs,
    out: Annotated[Path, typer.Option(help="The student's folder.")],
    pairs: Annotated[
        int | None, typer.Option(help="Unlabelled pairs to grade, about.  [default: 200000]")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """A split student learns from another model's scores of many more pairs than are labelled."""
    from adjudge.jobs.distil import DistilConfig
    from adjudge.jobs.distil import distil as job

    sets = [*(set_ or []), *([f"unlabelled.pairs={pairs}"] if pairs is not None else [])]
    done = terminal.run(
        job, configure(DistilConfig, settings, sets, teacher=teacher, training=training, logs=logs, out=out)
    )
    prints.trained(done.trained)
    left = f"; {done.ungraded:,} without a grade left out" if done.ungraded else ""
    prints.line(
        f"lesson: {done.lesson} ({done.unlabelled:,} unlabelled, {done.labelled:,} labelled rows{left})"
    )


@app.command()
def states(
    artifact: Annotated[Path, typer.Option(help="A split student's folder.")],
    out: Annotated[Path, typer.Option(help="The folder of states to write.")],
    items: Annotated[
        Path | None, typer.Option(help="Parquet: item_id, title and optionally category.")
    ] = None,
    keyphrases: Annotated[Path | None, typer.Option(help="Parquet: keyphrase.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Compute a split student's states of every item or keyphrase ahead; `adjudge score --set 'states=["DIR"]'` reads them."""
    from adjudge.jobs.states import StatesConfig
    from adjudge.jobs.states import states as job

    given = {"artifact": artifact, "out": out, "items": items, "keyphrases": keyphrases}
    done = terminal.run(job, configure(StatesConfig, settings, set_, **given))
    about = done.about
    prints.line(
        f"states: {done.out} ({about.texts:,} {about.side}, {about.bytes / max(1, about.texts) / 1000:.2f} GB a million, "
        f"model {about.model_version})"
    )
