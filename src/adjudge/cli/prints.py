"""How each job's result is shown on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from adjudge.cli.terminal import table
from adjudge.errors import BadConfig

if TYPE_CHECKING:
    from adjudge.jobs.compare import Compared
    from adjudge.jobs.evaluate import Evaluated
    from adjudge.jobs.import_ import Imported
    from adjudge.jobs.pairs import Pairs
    from adjudge.jobs.real import Real
    from adjudge.jobs.recipe import RecipeReport
    from adjudge.jobs.score import Scored
    from adjudge.jobs.simulate import SimulateReport
    from adjudge.jobs.train import Trained

NONE = "–"


def line(text: str) -> None:
    typer.echo(text)


def named(pairs: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE options as a mapping; the first `=` parts name and value. Raises BadConfig on anything else."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name or not value:
            raise BadConfig(
                f"{option} {pair!r} is not NAME=VALUE; write for example: {option} 'llm+-=scores.parquet'"
            )
        found[name] = value
    return found


def share(value: float | None, signed: bool = False) -> str:
    """A fraction as percent.

    >>> share(0.3149), share(-0.05, signed=True), share(None)
    ('31.5 %', '-5.0 %', '–')
    """
    if value is None:
        return NONE
    return f"{value:+.1%}".replace("%", " %") if signed else f"{value:.1%}".replace("%", " %")


def imported(done: Imported) -> None:
    from adjudge.jobs.import_ import summary

    table("Imported", ["what", "rows", "kept", "quarantined"], summary(done))
    line(f"logs folder: {done.logs}")


def simulated(done: SimulateReport) -> None:
    table("Simulated logs", ["table", "rows"], [[name, f"{rows:,}"] for name, rows in done.rows.items()])
    if done.facts:
        facts = done.facts
        line(
            f"relevant {share(facts.relevant)}, passed by Search {share(facts.search_passed)}, "
            f"word overlap's AUC on the truth {number(facts.jaccard_auc)}"
        )
        rows = [[j.judge, number(j.kappa), share(j.clicked_yes), number(j.auc)] for j in facts.judges]
        table(
            "Simulated judges",
            ["judge", "kappa with people", "yes on clicked pairs", "AUC on the truth"],
            rows,
        )
    line(f"logs folder: {done.out}")


def recipe(done: RecipeReport, out: Path) -> None:
    rows = [[c.source, c.split, str(c.label), f"{c.rows:,}"] for c in done.counts]
    table(f"Training set of {done.recipe}", ["source", "split", "label", "rows"], rows)
    lost = [[d.source, d.reason, f"{d.pairs:,}"] for d in done.dropped]
    table("Pairs that did not become rows", ["source", "reason", "pairs"], lost)
    line(
        f"training set: {out / 'training.parquet'} ({done.rows:,} rows); conflicts: {out / 'conflicts.parquet'}"
    )


def pairs(done: Pairs) -> None:
    line(f"pairs to score: {done.out} ({done.rows:,} rows)")
    if done.without_item:
        line(f"{done.without_item:,} pairs name an item that items.parquet does not hold: they have no title")


def trained(done: Trained) -> None:
    rows = [["train rows" if name == "rows" else name, plain(value)] for name, value in done.metrics.items()]
    table(f"{done.kind} {done.recipe}".strip(), ["training", "value"], rows)
    took = f", {done.seconds:.0f} s" if done.seconds is not None else ""
    line(f"artifact: {done.artifact} (model {done.model_version}{took})")
    for warning in done.warnings:
        line(f"warning: {warning}")


def scored(done: Scored) -> None:
    line(f"scores: {done.out} ({done.rows:,} rows, {done.kept:,} kept, model {done.model_version})")
    if done.threshold is None:
        line(
            "The model has no threshold yet, so `kept` is empty: adjudge evaluate finds one, adjudge compare sets it."
        )
    elif not done.threshold_set:
        line(
            f"threshold {done.threshold:g}: nobody set it, it is the default: adjudge evaluate finds one, adjudge compare "
            "sets it."
        )
    if done.unscored:
        why = ", ".join(f"{reason}: {count:,}" for reason, count in done.reasons.items())
        line(f"{done.unscored:,} rows have no score ({why}); each with its reason in {done.unscored_path}")


def evaluated(done: Evaluated) -> None:
    rows = []
    for one in done.table:
        cells = []
        for name in ("keyphrases_kept", "sales_kept", "search_pass_rate"):
            interval = one.intervals.get(name)
            change = share(one.changes.get(name), signed=True)
            band = f" ({share(interval[0], True)} to {share(interval[1], True)})" if interval else ""
            cells.append(change + band if one.changes.get(name) is not None else share(one.values.get(name)))
        auc = one.values.get("auc")
        rows.append([one.model, *cells, NONE if auc is None else f"{auc:.3f}"])
    heads = ["model", "keyphrases", "sales", "search pass rate", "AUC"]
    table(
        f"At equal click retention, {done.pairs:,} pairs (change against production, 95 % interval)",
        heads,
        rows,
    )
    for note in done.notes:
        line(f"note: {note}")


def real(done: Real) -> None:
    rows = [
        [
            row["split"],
            row["model"],
            row["minus"] or NONE,
            row["segment"],
            number(row["value"]),
            band(row["low"], row["high"]),
        ]
        for row in done.figures.rows
        if row["metric"] == "AUC"
    ]
    heads = ["split", "model", "minus", "source", "AUC", "95 % interval"]
    table("AUC of {exact, substitute} against {complement, irrelevant}", heads, rows)
    line(f"artifact: {done.artifact}")
    line(f"figures: {done.out / 'metrics.json'}")
    line(f"report: {done.report} ({sum(done.seconds.values()) / 60:.1f} minutes in all)")


def plain(value: object) -> str:
    """A figure of any kind.

    >>> plain(2669), plain(0.53217), plain(True), plain(None)
    ('2,669', '0.5322', 'yes', '–')
    """
    if value is None or isinstance(value, bool):
        return NONE if value is None else "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def number(value: float | None) -> str:
    """Three decimals, or a dash for what is not there."""
    return NONE if value is None else f"{value:.3f}"


def band(low: float | None, high: float | None) -> str:
    """An interval, or a dash."""
    return NONE if low is None or high is None else f"{low:.3f} to {high:.3f}"


def compared(done: Compared) -> None:
    evaluated(done.evaluated)
    line(f"artifacts: {done.out / 'artifacts'}")
    line(f"scorecard: {done.out / 'scorecard.parquet'}")
    line(f"report: {done.report}")
