"""Fit a baseline: prepare its model, calibrate it if labels are given, write the artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.baselines import cosine, ctr
from adjudge.baselines.scorer import OPEN
from adjudge.baselines.settings import CosineSettings, CtrSettings, JaccardSettings
from adjudge.config import check_choice, to_dict
from adjudge.errors import BadConfig, BadTable
from adjudge.manifest import MANIFEST, Manifest, write
from adjudge.records import Progress, no_progress
from adjudge.stats.auc import auc
from adjudge.stats.calibration import Calibration, platt
from adjudge.tables import TRAINING
from adjudge.text.pairs import unscorable

Settings = JaccardSettings | CtrSettings | CosineSettings
KINDS: dict[str, type[Settings]] = {"jaccard": JaccardSettings, "ctr": CtrSettings, "cosine": CosineSettings}


def fit(
    kind: str,
    out: Path,
    training: Path | None = None,
    logs: Path | None = None,
    split: str | None = None,
    recipe: str = "",
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> Manifest:
    """Fit a baseline of that kind into the artifact folder `out`.

    training: a recipe's training table; its dev rows give the Platt calibration (without it a = 1 and b = 0).
    logs: a logs folder; `ctr` learns from its clicks, the others need none. split: SQL over item_id and
    keyphrase (`recipes.split_sql`): `ctr` then reads no pair outside train and dev. Raises BadConfig,
    BadTable, NotEnoughData, MissingExtra.
    """
    check_choice("baselines.fit", "kind", kind, KINDS)
    settings = KINDS[kind]() if settings is None else settings
    if not isinstance(settings, KINDS[kind]):
        raise BadConfig(f"a {kind} model takes {KINDS[kind].__name__}, not {type(settings).__name__}")
    out.mkdir(parents=True, exist_ok=True)
    # The manifest goes first and comes last: a killed fit leaves no folder that opens.
    (out / MANIFEST).unlink(missing_ok=True)
    learnt: dict[str, Any] = {}
    files: tuple[str, ...] = ()
    if isinstance(settings, CosineSettings):
        learnt = cosine.prepare(out, settings)
    elif isinstance(settings, CtrSettings):
        if logs is None:
            raise BadConfig("a ctr model learns from clicks: give logs, the folder that holds clicks.parquet")
        learnt, files = ctr.prepare(out, settings, logs, split, progress)
    config = {"settings": to_dict(settings), **learnt}
    raw = Manifest(kind, files, recipe=recipe, config=config)
    calibration, metrics = _calibrate(OPEN[kind](out, raw), training, settings, progress)
    return write(out, replace(raw, calibration=calibration, metrics=metrics))


def _calibrate(
    logits_of: Callable[[pa.Table], np.ndarray], training: Path | None, settings: Settings, progress: Progress
) -> tuple[Calibration, dict[str, Any]]:
    if training is None:
        return Calibration(), {}
    try:
        columns = pq.read_schema(training).names
        TRAINING.check_columns(columns, training)
        rows = pq.read_table(training, filters=pc.field("split") == "dev")
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{training} cannot be read as Parquet: {error}. Make it with: adjudge recipe"
        ) from error
    rows = rows.filter(pc.is_null(unscorable(rows)))
    if isinstance(settings, CosineSettings) and len(rows) > settings.calibration_rows:
        rng = np.random.default_rng(settings.seed)
        drawn = rng.permutation(len(rows))[: settings.calibration_rows]
        rows = rows.take(np.sort(drawn))
    labels = rows["label"].to_numpy() > 0
    metrics: dict[str, Any] = {"dev_rows": len(rows), "dev_relevant": int(labels.sum())}
    if not labels.any() or labels.all():
        return Calibration(), metrics
    progress("calibrate", 0, 1)
    logits = logits_of(rows)
    calibration = platt(logits, labels, rows["weight"].to_numpy())
    progress("calibrate", 1, 1)
    return calibration, {**metrics, "dev_auc": auc(logits, labels)}
