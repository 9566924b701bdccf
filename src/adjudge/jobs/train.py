"""Train a model on a recipe's training set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import MissingExtra
from adjudge.records import Progress, no_progress
from adjudge.student.settings import StudentSettings

if TYPE_CHECKING:
    from adjudge.student.train import TrainResult


@dataclass(frozen=True)
class TrainConfig:
    """training  a recipe's training.parquet
    out       the artifact's folder
    recipe    what the manifest calls the training set; empty = as recipe.json beside it says
    student   every setting of the student
    """

    training: Path
    out: Path
    recipe: str = ""
    student: StudentSettings = field(default_factory=StudentSettings)


def train(config: TrainConfig, progress: Progress = no_progress) -> TrainResult:
    """Train a student and write its artifact; the config is kept in the artifact's manifest."""
    for needed in ("torch", "transformers", "onnx", "onnxruntime", "sklearn"):
        if find_spec(needed) is None:
            raise MissingExtra(needed, "train")
    from adjudge.scoring.core import load
    from adjudge.student.train import train as train_student

    recipe = config.recipe or _recipe_beside(config.training)
    return train_student(config.training, config.student, config.out, load, progress, recipe)


def _recipe_beside(training: Path) -> str:
    """The spelling in the `recipe.json` that `adjudge recipe` writes beside a training set, or an empty one."""
    path = training.parent / "recipe.json"
    if not path.exists():
        return ""
    values = json.loads(path.read_text(encoding="utf-8"))
    return str(values.get("recipe", "")) if isinstance(values, dict) else ""
