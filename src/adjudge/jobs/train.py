"""Train a model on a recipe's training set: a student, or a baseline behind the same folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from adjudge.config import from_dict, setting, settings
from adjudge.errors import BadConfig, MissingExtra
from adjudge.jobs.start import job
from adjudge.manifest import read_any
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import Progress, no_progress
from adjudge.student.settings import StudentSettings

CROSS_ENCODER = "cross-encoder"
KINDS = (CROSS_ENCODER, "jaccard", "ctr", "cosine")


@settings
class TrainConfig:
    """A training set and the model to train on it."""

    training: Annotated[Path, setting("A training set, as `adjudge recipe` writes it.")]
    out: Annotated[Path, setting("The artifact's folder; a killed run goes on from its last checkpoint.")]
    recipe: Annotated[
        str, setting("What the manifest calls the training set; by default as recipe.json beside it says.")
    ] = ""
    kind: Annotated[str, setting("The student, or a baseline.", choices=KINDS)] = CROSS_ENCODER
    student: StudentSettings = field(default_factory=StudentSettings)
    baseline: Annotated[
        dict[str, Any], setting("Settings of a baseline (`adjudge.baselines.settings`), by name.")
    ] = field(default_factory=dict)
    logs: Annotated[Path | None, setting("The logs folder that kind ctr learns clicks from.")] = None
    splits: RecipeSettings = field(default_factory=RecipeSettings)

    def __post_init__(self) -> None:
        if self.baseline and self.kind == CROSS_ENCODER:
            raise BadConfig("TrainConfig.baseline is set for a cross-encoder: its settings are under student")


@dataclass(frozen=True)
class TrainedModel:
    """A finished model. `rows` and `metrics` are as its manifest says (for a student dev loss and dev AUC).
    warnings: what makes it unlikely to be of use."""

    artifact: Path
    kind: str
    recipe: str
    model_version: str
    metrics: dict[str, object]
    seconds: float | None = None
    warnings: tuple[str, ...] = ()


@job(lambda config: config.out)
def train(config: TrainConfig, progress: Progress = no_progress) -> TrainedModel:
    """Train and write the artifact; the complete config is kept in its manifest.

    Raises MissingExtra, BadTable, BadConfig, NotEnoughData, BadArtifact.
    """
    recipe = config.recipe or _recipe_beside(config.training)
    if config.kind == CROSS_ENCODER:
        return _student(config, recipe, progress)
    from adjudge.baselines.fitting import KINDS as BASELINE_KINDS
    from adjudge.baselines.fitting import fit

    baseline = from_dict(BASELINE_KINDS[config.kind], config.baseline)
    split = split_sql(config.splits)
    made = fit(config.kind, config.out, config.training, config.logs, split, recipe, baseline, progress)
    metrics = dict(made.metrics)
    warnings = unproven(metrics, "try more rows, or the student (--kind cross-encoder)")
    return TrainedModel(config.out, config.kind, recipe, made.model_version, metrics, warnings=warnings)


def _student(config: TrainConfig, recipe: str, progress: Progress) -> TrainedModel:
    for needed in ("torch", "transformers", "onnx", "onnxruntime", "sklearn"):
        if find_spec(needed) is None:
            raise MissingExtra(needed, "train")
    from adjudge.scoring.open_model import open_model
    from adjudge.student.train import train as train_student

    done = train_student(config.training, config.student, config.out, open_model, progress, recipe)
    names = ("rows", "dev_rows", "dev_relevant", "pairs_seen", "dev_loss", "dev_auc", "stopped_early")
    metrics = {name: getattr(done, name) for name in names}
    kind = str(read_any(config.out)["kind"])
    other = "" if config.student.kind == "split" else "student.kind=split (it learns from fewer) or "
    warnings = unproven(metrics, f"try {other}more rows")
    return TrainedModel(config.out, kind, recipe, done.model_version, metrics, done.seconds, warnings)


def unproven(metrics: Mapping[str, Any], advice: str) -> tuple[str, ...]:
    """A warning if the 95 % interval of the dev AUC (`stats.auc`) is not wholly above 0.5; nothing without an
    AUC."""
    from adjudge.stats.auc import auc_band

    auc, dev, relevant = (metrics.get(name) for name in ("dev_auc", "dev_rows", "dev_relevant"))
    if auc is None or not dev or not relevant or relevant == dev:
        return ()
    low, high = auc_band(auc, relevant, dev - relevant)
    if low > 0.5:
        return ()
    rows = f" from {metrics['rows']:,} rows" if "rows" in metrics else ""
    figure = f"dev AUC {auc:.3f} ({low:.3f} to {high:.3f}, {dev:,} dev rows)"
    return (
        f"{figure} is not distinguishable from 0.5 (chance): nothing shows that it learned anything{rows}; "
        f"{advice}",
    )


def _recipe_beside(training: Path) -> str:
    """Return the spelling in the `recipe.json` beside a training set (from `adjudge recipe`), or ""."""
    path = training.parent / "recipe.json"
    if not path.exists():
        return ""
    values = json.loads(path.read_text(encoding="utf-8"))
    return str(values.get("recipe", "")) if isinstance(values, dict) else ""
