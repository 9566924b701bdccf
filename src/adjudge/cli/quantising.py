"""`adjudge quantise`: reduced precisions behind a parity gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudge.cli import terminal
from adjudge.cli.options import File, Sets
from adjudge.cli.settings import configure

if TYPE_CHECKING:
    from adjudge.jobs.quantise import Judged

app = typer.Typer()


@app.command()
def quantise(
    artifact: Annotated[Path, typer.Option(help="A cross-encoder's folder.")],
    pairs: Annotated[Path, typer.Option(help="A training table: its held-out rows are the judges.")],
    settings: File = None,
    set_: Sets = None,
) -> None:
    """Make int8, bf16 and mixed of a model, and let a parity gate decide which of them may score in float32's place."""
    from adjudge.jobs.quantise import QuantiseConfig
    from adjudge.jobs.quantise import quantise as job

    judged(terminal.run(job, configure(QuantiseConfig, settings, set_, artifact=artifact, pairs=pairs)))


def judged(found: list[Judged]) -> None:
    """The gate's verdicts as a table."""
    heads = ["precision", "verdict", "AUC fp32", "AUC", "decisions changed", "mean error", "largest error"]
    terminal.table("Parity on held-out pairs", heads, [_row(one) for one in found])


def _row(one: Judged) -> list[str]:
    if one.verdict is None:
        return [one.precision, f"not tried: {one.skipped}", *["–"] * 5]
    seen = one.verdict.parity
    said = f"refused: {'; '.join(one.verdict.refused)}" if one.verdict.refused else "allowed"
    rates = [f"{seen.auc_fp32:.4f}", f"{seen.auc:.4f}", f"{seen.decisions_changed:.2%}"]
    return [one.precision, said, *rates, f"{seen.mean_error:.1e}", f"{seen.max_error:.1e}"]
