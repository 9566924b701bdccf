"""Training as named steps: rows -> start -> batches -> steps with evaluations -> calibration -> artifact.

Same settings, rows, seed, thread count and library versions: same weights. A killed run goes on from its
last checkpoint and ends with the weights of a run that was never killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from adjudge.config import to_dict
from adjudge.learn.checkpoint import Checkpoints, fingerprint
from adjudge.learn.loop import TrainingLoop, TrainingState, adamw, fit, resume
from adjudge.quiet import quiet_transformers
from adjudge.records import Progress, no_progress
from adjudge.stats import calibration as calibrate
from adjudge.stats.calibration import Calibration
from adjudge.student.data import read_rows
from adjudge.student.export import Serve, Trained, check_place, export
from adjudge.student.families import family_of
from adjudge.student.settings import ORDINAL, StudentSettings
from adjudge.student.task import StudentTask, prepare, unwrap
from adjudge.student.text import text_columns


@dataclass(frozen=True)
class TrainResult:
    """What a training run gives: the artifact's folder, and how it went (dev figures are of the kept
    weights).
    dev_relevant: dev rows with a label above 0."""

    artifact: Path
    model_version: str
    rows: int
    dev_rows: int
    dev_relevant: int
    pairs_seen: int
    dev_loss: float | None
    dev_auc: float | None
    stopped_early: bool
    seconds: float


def train(
    training: Path,
    settings: StudentSettings,
    out: Path,
    serve: Serve,
    progress: Progress = no_progress,
    recipe: str = "",
) -> TrainResult:
    """Train a student on a TRAINING parquet and write its artifact to the folder `out`.

    `serve` opens an artifact folder for scoring (`scoring.load`): the export is refused unless its scores
    equal the model's own. `out` is replaced only when all is well. Work in progress lies in `.<out>.work`
    beside it until then; the same call after a kill goes on from there.
    """
    began = time.monotonic()
    check_place(out)
    family = family_of(settings.kind)
    rows, dev_rows = read_rows(training, settings)
    checkpoints = Checkpoints(
        out.parent / f".{out.name}.work", fingerprint(to_dict(settings), rows, dev_rows)
    )
    with seeded(settings), quiet_transformers():
        begun = family.begin(settings, _texts(rows))
        progress("tokenise", 0, 1)
        task = prepare(begun, rows, dev_rows, settings, family)
        loop = TrainingLoop(task, settings, adamw(task.model, settings))
        progress("tokenise", 1, 1)
        resume(loop, checkpoints)
        fit(loop, checkpoints, progress)
        calibration, metrics = calibrate_and_measure(task, loop.state, _softened(rows, settings))
        model = unwrap(task, begun.tokenizer.token_to_id("[PAD]"))
        trained = Trained(model, begun.tokenizer, settings, calibration, metrics, recipe, family.form)
        version = export(trained, dev_rows if len(dev_rows) else rows, out, serve, progress)
    checkpoints.clear()
    return TrainResult(
        artifact=out,
        model_version=version,
        rows=len(rows),
        dev_rows=len(dev_rows),
        dev_relevant=metrics["dev_relevant"],
        pairs_seen=loop.state.seen,
        dev_loss=metrics["dev_loss"],
        dev_auc=metrics["dev_auc"],
        stopped_early=loop.state.seen < loop.total,
        seconds=time.monotonic() - began,
    )


@contextmanager
def seeded(settings: StudentSettings) -> Iterator[None]:
    """Seed torch inside and put its generator and thread count back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def calibrate_and_measure(
    task: StudentTask, state: TrainingState, targets: dict[str, int]
) -> tuple[Calibration, dict[str, Any]]:
    """Calibrate the kept weights on the dev rows and gather the manifest's metrics."""
    dev, settings = task.dev, task.settings
    metrics: dict[str, Any] = {
        "rows": task.rows,
        "dev_rows": len(dev),
        "dev_relevant": int((dev.steps > 0).sum()),
        "pairs_seen": state.seen,
        **targets,
    }
    metrics |= {"dev_loss": None, "dev_auc": None, "history": state.history}
    calibration = Calibration()
    if not len(dev):
        return calibration, metrics
    figures = task.measure()
    metrics |= {"dev_loss": figures.loss, "dev_auc": figures.auc}
    if settings.calibrate == "platt" and settings.head not in ORDINAL:
        logits, weights = figures.logits[:, 0], dev.weights.astype(float)
        calibration = calibrate.platt(logits, dev.steps, weights)
        metrics |= calibrate.report(logits, dev.steps, weights)
        metrics |= {"platt_a": calibration.a, "platt_b": calibration.b}
    return calibration, metrics


def _texts(rows: pa.Table) -> Iterator[str]:
    """Every distinct text of the training rows, for a vocabulary of one's own."""
    for texts in text_columns(rows):
        for text in texts.unique().to_pylist():
            yield text.replace(" [SEP] ", " ")


def _softened(rows: pa.Table, settings: StudentSettings) -> dict[str, int]:
    """How many training rows had no judge's probability and kept their hard label, where that matters."""
    if settings.head != "probability" and not settings.soft:
        return {}
    missing = rows["probability"].null_count if "probability" in rows.column_names else len(rows)
    return {"rows_without_probability": missing}
