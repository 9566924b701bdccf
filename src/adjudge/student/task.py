"""The student as a training task: tokenised rows, batches, the loss of one, and figures on the dev rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from adjudge.learn.losses import loss_of
from adjudge.stats.auc import auc
from adjudge.student import network
from adjudge.student.data import Examples, examples
from adjudge.student.encode import Specials, Texts, batches, specials
from adjudge.student.families import Family
from adjudge.student.settings import StudentSettings
from adjudge.student.start import Start

EVALUATION_TOKENS = 16_384


@dataclass(frozen=True)
class DevFigures:
    """Dev rows under the present weights: weighted loss, AUC of label > 0 (None with one class), logits."""

    loss: float
    auc: float | None
    logits: np.ndarray


@dataclass
class StudentTask:
    """A student network with its rows. `used` and `full`: see `network.narrow_vocabulary`."""

    settings: StudentSettings
    family: Family
    model: Any
    special: Specials
    train: Examples
    dev: Examples
    used: np.ndarray
    full: torch.Tensor

    @property
    def rows(self) -> int:
        return len(self.train)

    def plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The epoch's batches in random order."""
        return self.family.plan(self.train.pairs, self.settings, rng)

    def loss(self, rows: np.ndarray) -> torch.Tensor:
        """The loss of a batch of training rows."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bf16"):
            logits = self._logits(self.train, rows)
        targets, weights = (
            torch.from_numpy(column[rows]) for column in (self.train.targets, self.train.weights)
        )
        return loss_of(self.settings.head, logits.float(), targets, weights)

    def evaluate(self) -> dict[str, float | None]:
        """Loss and AUC of the dev rows; empty without any."""
        if not len(self.dev):
            return {}
        figures = self.measure()
        return {"dev_loss": figures.loss, "dev_auc": figures.auc}

    def measure(self) -> DevFigures:
        """Loss, AUC and logits of the dev rows."""
        self.model.eval()
        dev = self.dev
        logits = np.zeros((len(dev), self.settings.outputs), np.float32)
        with torch.no_grad():
            for rows in batches(dev.pairs.lengths, EVALUATION_TOKENS):
                logits[rows] = self._logits(dev, rows).numpy()
            targets, weights = torch.from_numpy(dev.targets), torch.from_numpy(dev.weights)
            loss = loss_of(self.settings.head, torch.from_numpy(logits), targets, weights)
        area = auc(logits.mean(axis=1).astype(np.float64), dev.steps > 0)
        return DevFigures(float(loss), None if np.isnan(area) else area, logits.astype(np.float64))

    def _logits(self, split: Examples, rows: np.ndarray) -> torch.Tensor:
        return self.family.forward(self.model, split.pairs, rows, self.special, self.settings)


def prepare(
    begun: Start, rows: pa.Table, dev_rows: pa.Table, settings: StudentSettings, family: Family
) -> StudentTask:
    """Tokenise the rows and keep the vocabulary that occurs."""
    special = specials(begun.tokenizer)
    train, dev = (examples(begun.tokenizer, table, settings) for table in (rows, dev_rows))
    ids = [texts.flat for split in (train, dev) for texts in (split.pairs.first, split.pairs.second)]
    used = np.unique(np.concatenate([*ids, [special.cls, special.sep, special.pad]]))
    narrow = Specials(
        *(int(np.searchsorted(used, token)) for token in (special.cls, special.sep, special.pad))
    )
    model = begun.model
    full = network.narrow_vocabulary(model, used, narrow.pad)
    if settings.head == "coral":
        model.classifier = network.CoralHead.like(model.classifier, settings.outputs)
    train, dev = _renumber(train, used), _renumber(dev, used)
    return StudentTask(settings, family, model, narrow, train, dev, used, full)


def unwrap(task: StudentTask, padding: int) -> Any:
    """The trained model as transformers holds it: whole vocabulary, plain linear classifier."""
    network.widen_vocabulary(task.model, task.used, task.full, padding)
    if isinstance(task.model.classifier, network.CoralHead):
        task.model.classifier = task.model.classifier.as_linear()
        task.model.config.num_labels = task.settings.outputs
    return task.model.eval()


def _renumber(split: Examples, used: np.ndarray) -> Examples:
    first, second = (
        Texts(np.searchsorted(used, texts.flat), texts.starts, texts.lengths)
        for texts in (split.pairs.first, split.pairs.second)
    )
    return replace(split, pairs=replace(split.pairs, first=first, second=second))
