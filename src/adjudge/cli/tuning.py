"""Commands that make and mend judges: tune, audit, and the measurement on real labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudge.cli import terminal
from adjudge.cli import tuning_prints as prints
from adjudge.cli.options import BaseUrl, Budget, File, HumanScale, Prices, Prompt, Scale, Sets
from adjudge.cli.settings import configure

app = typer.Typer()
Texts = Annotated[Path, typer.Option(help="Parquet: item_id, keyphrase, title and optionally category.")]


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
    from adjudge.jobs.tune.material import TuneConfig
    from adjudge.jobs.tune.tune import tune as job

    given = {"pairs": pairs, "human": human, "base": base, "out": out, "scale": scale}
    given |= {"human_scale": human_scale, "target": target, "sample": sample}
    done = terminal.run(job, configure(TuneConfig, settings, set_, **given))
    terminal.leave(lambda: prints.tuned(done), done.exit_code)


@app.command()
def audit(
    labels: Annotated[Path, typer.Option(help="Annotations, or one grade a pair; never changed.")],
    items: Annotated[Path, typer.Option(help="An items table: titles and categories.")],
    clicks: Annotated[Path, typer.Option(help="A click table.")],
    judge: Annotated[str, typer.Option(help="The stronger judge, as `adjudge judge` spells it.")],
    out: Annotated[Path, typer.Option(help="A folder of its own.")],
    scale: Scale = None,
    valid: Annotated[
        Path | None, typer.Option(help="Valid categories: keyphrase, category. Without it: from the clicks.")
    ] = None,
    base_url: BaseUrl = None,
    prompt: Prompt = None,
    prices: Prices = None,
    budget: Budget = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Labels that contradict buyers are judged again, then the category rule decides. Exit code 1: verdicts are owed."""
    from adjudge.jobs.audit import AuditConfig
    from adjudge.jobs.audit import audit as job

    given = {"labels": labels, "items": items, "clicks": clicks, "judge": judge, "out": out}
    given |= {"scale": scale, "valid": valid, "base_url": base_url, "prompt": prompt}
    given |= {"prices": prices, "budget": budget}
    done = terminal.run(job, configure(AuditConfig, settings, set_, **given))
    terminal.leave(lambda: prints.audited(done), done.exit_code)


@app.command("real-judge")
def real_judge(
    real: Annotated[
        Path | None, typer.Option(help="A finished `adjudge real`.  [default: runs/esci]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.  [default: runs/esci-judge]")] = None,
    decoder: Annotated[str | None, typer.Option(help="A causal language model that is tuned too.")] = None,
    decoder_prompt: Annotated[Path | None, typer.Option(help="Its prompt for ordinal3.")] = None,
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Judges on three grades from ESCI's train labels, measured against people's test labels."""
    from adjudge.jobs.real_judge import RealJudgeConfig
    from adjudge.jobs.real_judge import real_judge as job

    given = {"real": real, "out": out, "decoder": decoder, "decoder_prompt": decoder_prompt}
    prints.real_judged(terminal.run(job, configure(RealJudgeConfig, settings, set_, **given)))
