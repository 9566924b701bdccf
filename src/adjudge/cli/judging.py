"""Commands about judges: judge, panel, agree, probe, and labels for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from adjudge.cli import judging_prints as prints
from adjudge.cli import terminal
from adjudge.cli.exits import Verdict
from adjudge.cli.options import BaseUrl, Budget, File, HumanScale, Prices, Prompt, Scale, Sets
from adjudge.cli.prints import named
from adjudge.cli.settings import configure, under

app = typer.Typer()
label = typer.Typer(
    help="Human labels through Label Studio: tasks out, annotations in.", no_args_is_help=True
)
ToJudge = Annotated[Path, typer.Option(help="Parquet: item_id, keyphrase, title and optionally category.")]
Judgments = Annotated[Path, typer.Option(help="The judgments table to write (Parquet).")]


@app.command()
def judge(
    pairs: ToJudge,
    judge: Annotated[str, typer.Option(help="openai:MODEL, hf:PATH, student:ARTIFACT or fake.")],
    log: Annotated[Path, typer.Option(help="The verdict log (SQLite); nothing in it is asked again.")],
    out: Judgments,
    scale: Scale = None,
    base_url: BaseUrl = None,
    prompt: Prompt = None,
    batch: Annotated[
        Path | None, typer.Option(help="A folder for offline batch files instead of requests.")
    ] = None,
    prices: Prices = None,
    budget: Budget = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run", help="Estimate tokens and cost; ask nothing.")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Judge pairs by a language model: each text once, every verdict logged, none lost, none invented."""
    from adjudge.jobs.judge import JudgeConfig
    from adjudge.jobs.judge import judge as job

    given = {"pairs": pairs, "judge": judge, "log": log, "out": out, "scale": scale, "base_url": base_url}
    given |= {"prompt": prompt, "batch": batch, "prices": prices, "budget": budget, "dry_run": dry_run}
    config = configure(JudgeConfig, settings, set_, **given)
    done = terminal.run(job, config)
    terminal.leave(lambda: prints.judged(done, out), done.exit_code)


@app.command()
def panel(
    judgments: Annotated[list[Path], typer.Option(help="A judgments table. Repeatable.")],
    out: Judgments,
    scale: Scale = None,
    rule: Annotated[str | None, typer.Option(help="majority, unanimous or weighted.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Several judges decide together; how far they disagree is kept as a column."""
    from adjudge.jobs.panel import PanelConfig
    from adjudge.jobs.panel import panel as job

    files = [str(path) for path in judgments]
    config = configure(PanelConfig, settings, set_, judgments=files, out=out, scale=scale, rule=rule)
    prints.panelled(terminal.run(job, config), out)


@app.command(cls=Verdict)
def agree(
    judgments: Annotated[Path, typer.Option(help="A judgments table.")],
    human: Annotated[Path, typer.Option(help="An annotations table, or one settled grade a pair.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("agree"),
    judge: Annotated[str | None, typer.Option(help="Which judge, where the table holds several.")] = None,
    clicks: Annotated[Path | None, typer.Option(help="A click table, for concordance and COEC.")] = None,
    items: Annotated[Path | None, typer.Option(help="An items table, for titles and categories.")] = None,
    scale: Scale = None,
    human_scale: HumanScale = None,
    statistic: Annotated[
        str | None, typer.Option(help="What decides: kappa, pabak, ac1, ...  [default: kappa]")
    ] = None,
    bar: Annotated[
        float | None, typer.Option(help="What its whole interval must reach.  [default: 0.6]")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Which label a pair gets: unanimous or majority.  [default: unanimous]")
    ] = None,
    paired: Annotated[
        list[str] | None,
        typer.Option(metavar="PROBE=FILE", help="Judgments of changed pairs, by probe. Repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SCORES", help="Scores tables of two models: is the first's relevance rate higher?"
        ),
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """How far a judge can be trusted. Exit code 0 trusted, 1 not trusted, 2 inconclusive, 3 broken."""
    from adjudge.jobs.agree import AgreeConfig
    from adjudge.jobs.agree import agree as job

    given: dict[str, Any] = {"judgments": judgments, "human": human, "out": out, "judge": judge}
    given |= {"clicks": clicks, "items": items, "scale": scale, "human_scale": human_scale}
    sets = under("trust", set_, statistic=statistic, bar=bar, rule=rule)
    with terminal.broken_is(3):
        given["paired"] = named(paired, "--paired") if paired else None
        given["models"] = named(model, "--model") if model else None
        done = terminal.run(job, configure(AgreeConfig, settings, sets, **given))
        terminal.leave(lambda: prints.agreed(done), done.exit_code)


@app.command()
def probe(
    pairs: ToJudge,
    judge: Annotated[str, typer.Option(help="The judge to be probed, as `adjudge judge` spells it.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    scale: Scale = None,
    base_url: BaseUrl = None,
    prompt: Prompt = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Write the changed pairs and prompts that show a judge's faults, and the commands that judge them."""
    from adjudge.jobs.probe import ProbeConfig
    from adjudge.jobs.probe import probe as job

    given = {"pairs": pairs, "judge": judge, "out": out, "scale": scale, "base_url": base_url}
    prints.probed(terminal.run(job, configure(ProbeConfig, settings, set_, prompt=prompt, **given)))


@label.command("export")
def label_export(
    pairs: ToJudge,
    out: Annotated[Path, typer.Option(help="The folder to write: labelling.xml and tasks.")],
    items: Annotated[Path | None, typer.Option(help="An items table, for the pictures.")] = None,
    sample: Annotated[int | None, typer.Option(help="Pairs drawn at random; all without it.")] = None,
    done: Annotated[
        Path | None, typer.Option(help="Annotations already there; their pairs are left out.")
    ] = None,
    scale: Scale = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Tasks and a labelling config for Label Studio, three annotators a pair."""
    from adjudge.jobs.label import LabelExportConfig, export_labels

    given = {"pairs": pairs, "out": out, "items": items, "sample": sample, "done": done, "scale": scale}
    prints.labels_asked(terminal.run(export_labels, configure(LabelExportConfig, settings, set_, **given)))


@label.command("import")
def label_import(
    export: Annotated[Path, typer.Option(help="Label Studio's JSON export.")],
    out: Annotated[Path, typer.Option(help="The annotations table to write (Parquet).")],
    scale: Scale = None,
    max_bad_share: Annotated[
        float | None, typer.Option(help="Past it the export is refused.  [default: 0.01]")
    ] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Annotations from Label Studio; bad and skipped ones are counted and kept aside."""
    from adjudge.jobs.label import LabelImportConfig, import_labels

    given = {"export": export, "out": out, "scale": scale, "max_bad_share": max_bad_share}
    prints.labels_taken(terminal.run(import_labels, configure(LabelImportConfig, settings, set_, **given)))


app.add_typer(label, name="label")
