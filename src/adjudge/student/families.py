"""The kinds of student network, each as the few functions that training needs; no other file asks for the
kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adjudge.config import check_choice
from adjudge.manifest import MANIFEST, read_any
from adjudge.student import export, network, split, split_artifact, split_export
from adjudge.student.encode import Encoded, Ids, Specials, assemble, batches
from adjudge.student.export import Form
from adjudge.student.settings import NETWORKS, StudentSettings
from adjudge.student.start import Start, start


@dataclass(frozen=True)
class Family:
    """begin: settings and the training texts -> a start point. plan: pairs -> an epoch's batches. forward:
    logits
    (rows, outputs) of some rows of pairs. form: how the trained network lies in an artifact."""

    begin: Callable[[StudentSettings, Iterable[str]], Start]
    plan: Callable[[Encoded, StudentSettings, np.random.Generator], list[Ids]]
    forward: Callable[[Any, Encoded, Ids, Specials, StudentSettings], torch.Tensor]
    form: Form


def family_of(kind: str) -> Family:
    """The family of a settings' `kind`. Raises BadConfig on an unknown one."""
    check_choice("StudentSettings", "kind", kind, NETWORKS)
    return FAMILIES[kind]


def _plan_cross(pairs: Encoded, settings: StudentSettings, rng: np.random.Generator) -> list[Ids]:
    """Rows shuffled, equal lengths together, batches in random order."""
    order = rng.permutation(len(pairs.first_of))
    cuts = batches(pairs.lengths, settings.batch_tokens, order)
    return [cuts[index] for index in rng.permutation(len(cuts))]


def _forward_cross(
    model: Any, pairs: Encoded, rows: Ids, special: Specials, settings: StudentSettings
) -> torch.Tensor:
    ids, types, mask = assemble(pairs, rows, special)
    masked = None if mask.all() else torch.from_numpy(mask)
    return network.logits(model, torch.from_numpy(ids), torch.from_numpy(types), masked)


def _begin_split(settings: StudentSettings, texts: Iterable[str]) -> Start:
    """An earlier split artifact goes on as it is; any other start point lends its lower layers."""
    folder = Path(settings.start)
    if (folder / MANIFEST).is_file() and read_any(folder)["kind"] == split_artifact.KIND:
        return split.load(folder, settings)
    return split.begin(start(settings, texts), settings)


def _plan_split(pairs: Encoded, settings: StudentSettings, rng: np.random.Generator) -> list[Ids]:
    return split.plan(pairs, settings.batch_tokens, settings.split.run, split_artifact.limits(settings), rng)


def _forward_split(
    model: Any, pairs: Encoded, rows: Ids, special: Specials, settings: StudentSettings
) -> torch.Tensor:
    return split.logits(model, pairs, rows, special, split_artifact.limits(settings))


FAMILIES = {
    "cross": Family(start, _plan_cross, _forward_cross, export.CROSS),
    "split": Family(_begin_split, _plan_split, _forward_split, split_export.SPLIT),
}
