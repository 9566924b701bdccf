"""One command a job: parse, call, print. Jobs are imported when they are called, so that help is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import (
    cascading,
    exits,
    imports,
    judging,
    prints,
    quantising,
    retrieving,
    serving,
    splitting,
    terminal,
    tuning,
)
from adjudge.cli.options import File, Logs, Sets
from adjudge.cli.settings import configure

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


app.add_typer(imports.app, name="import")


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="The run's folder.  [default: runs/demo]")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """The whole loop on a simulated marketplace: six label recipes, their students, a scorecard, a report."""
    from adjudge.jobs.demo import DemoConfig
    from adjudge.jobs.demo import demo as job

    config = configure(DemoConfig, settings, set_, out=out)
    prints.compared(terminal.run(job, config))


@app.command()
def compare(
    logs: Logs,
    out: Annotated[
        Path, typer.Option(help="The run's folder; a later call with the same one goes on from there.")
    ],
    recipe: Annotated[list[str] | None, typer.Option(help="A recipe, as 'click+ llm+-'. Repeatable.")] = None,
    production: Annotated[str | None, typer.Option(help="The recipe that changes are relative to.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Which labels make the best filter? Recipes, a student each, baselines, scorecard and report on your logs."""
    from adjudge.jobs.compare import CompareConfig
    from adjudge.jobs.compare import compare as job

    config = configure(
        CompareConfig, settings, set_, logs=logs, out=out, recipes=recipe or None, production=production
    )
    prints.compared(terminal.run(job, config))


@app.command()
def real(
    data: Annotated[Path, typer.Option(help="ESCI: the official folder, or one parquet with all in one.")],
    out: Annotated[Path | None, typer.Option(help="The run's folder.  [default: runs/esci]")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Human labels of ESCI become a small student, measured against word overlap and zero-shot cosine."""
    from adjudge.jobs.real import RealConfig
    from adjudge.jobs.real import real as job

    prints.real(terminal.run(job, configure(RealConfig, settings, set_, data=data, out=out)))


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="The logs folder to write.")],
    settings: File = None,
    set_: Sets = None,
) -> None:
    """A simulated marketplace: sellers, Advertising, Search, buyers, annotators, judges, and the truth."""
    from adjudge.jobs.simulate import SimulateConfig
    from adjudge.jobs.simulate import simulate as job

    config = configure(SimulateConfig, settings, set_, out=out)
    prints.simulated(terminal.run(job, config))


@app.command()
def recipe(
    spelling: Annotated[str, typer.Argument(metavar="RECIPE", help="Sources with signs, as 'click+ llm+-'.")],
    logs: Logs,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Turn logs into a training set by a stated mix of labels, with every conflict and drop counted."""
    from adjudge.jobs.recipe import RecipeConfig
    from adjudge.jobs.recipe import recipe as job

    config = configure(RecipeConfig, settings, set_, recipe=spelling, logs=logs, out=out)
    prints.recipe(terminal.run(job, config), out)


@app.command()
def pairs(
    logs: Logs,
    out: Annotated[Path, typer.Option(help="Parquet to write, as `adjudge score` reads it.")],
    split: Annotated[str | None, typer.Option(help="train, dev or test; all pairs without it.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """List what there is to score in a logs folder, with the titles and categories a model reads."""
    from adjudge.jobs.pairs import PairsConfig
    from adjudge.jobs.pairs import pairs as job

    config = configure(PairsConfig, settings, set_, logs=logs, out=out, split=split)
    prints.pairs(terminal.run(job, config))


@app.command()
def train(
    training: Annotated[Path, typer.Option(help="A training set, as `adjudge recipe` writes it.")],
    out: Annotated[
        Path, typer.Option(help="The artifact's folder; a killed run goes on from its last checkpoint.")
    ],
    kind: Annotated[str | None, typer.Option(help="cross-encoder, jaccard, ctr or cosine.")] = None,
    logs: Annotated[Path | None, typer.Option(help="The logs folder, for kind ctr.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Train a student (or a baseline) on a recipe's training set and write its artifact."""
    from adjudge.jobs.train import TrainConfig
    from adjudge.jobs.train import train as job

    config = configure(TrainConfig, settings, set_, training=training, out=out, kind=kind, logs=logs)
    prints.trained(terminal.run(job, config))


@app.command()
def score(
    artifact: Annotated[Path, typer.Option(help="A model's folder.")],
    pairs: Annotated[
        Path,
        typer.Option(help="Parquet, a file or a folder: item_id, keyphrase, title and optionally category."),
    ],
    out: Annotated[
        Path,
        typer.Option(help="The scores, in the same order: one file if it ends in .parquet, else a folder."),
    ],
    engine: Annotated[str | None, typer.Option(help="local or spark.  [default: local]")] = None,
    items: Annotated[
        Path | None, typer.Option(help="Parquet: item_id, title, category. Then the pairs need no title.")
    ] = None,
    keyphrases: Annotated[
        Path | None, typer.Option(help="Parquet: keyphrase_id, keyphrase. Then the pairs hold keyphrase_id.")
    ] = None,
    resume: Annotated[
        bool | None, typer.Option("--resume", help="Go on from the parts of a killed run.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.  [default: one a core]")] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="fp32, auto, int8, bf16 or mixed (adjudge quantise).  [default: fp32]"),
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Score pairs with a model, row by row in the same order. Rows without a score keep their place and reason."""
    from adjudge.jobs.score import ScoreConfig
    from adjudge.jobs.score import score as job

    given = {"artifact": artifact, "pairs": pairs, "out": out, "engine": engine, "items": items}
    given |= {"precision": precision}
    config = configure(
        ScoreConfig, settings, set_, keyphrases=keyphrases, resume=resume, workers=workers, **given
    )
    prints.scored(terminal.run(job, config))


@app.command()
def evaluate(
    logs: Logs,
    scores: Annotated[
        list[str], typer.Option(metavar="NAME=FILE", help="A model's name and its scores. Repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="The results folder to write.")],
    production: Annotated[str | None, typer.Option(help="The model that changes are relative to.")] = None,
    split: Annotated[str | None, typer.Option(help="train, dev or test; all pairs without it.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """The scorecard: keep 95 % of clicks, and see what happens to sales, keyphrases and the search pass rate."""
    from adjudge.jobs.evaluate import EvaluateConfig
    from adjudge.jobs.evaluate import evaluate as job

    named = prints.named(scores, "--scores")
    config = configure(
        EvaluateConfig, settings, set_, logs=logs, scores=named, out=out, production=production, split=split
    )
    prints.evaluated(terminal.run(job, config))


@app.command()
def report(
    results: Annotated[
        list[Path], typer.Option(help="A folder that evaluate, agree or cascade wrote; one of each at most.")
    ],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
) -> None:
    """One HTML file that opens offline, for somebody who was not there."""
    from adjudge.jobs.report import ReportConfig
    from adjudge.jobs.report import report as job

    done = terminal.run(job, ReportConfig(results[0], out, tuple(results[1:])))
    prints.line(f"report: {done.path} ({done.bytes / 1e6:.1f} MB)")


app.add_typer(judging.app)
app.add_typer(cascading.app)
app.add_typer(tuning.app)
app.add_typer(quantising.app)
app.add_typer(retrieving.app, name="retrieve")
app.add_typer(serving.app)
app.add_typer(splitting.app)


def main() -> None:
    """The console script's entry: errors meant for the user become one line and an exit code."""
    with exits.faults(), terminal.errors():
        app()
