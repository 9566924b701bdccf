"""Student as a judge on a scale: the share of each grade by its ordinal head, its cut points or its one
score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge import manifest
from adjudge.config import from_dict
from adjudge.errors import BadConfig
from adjudge.llm.student_client import ShareFunction
from adjudge.records import BINARY, SCALES, Scale
from adjudge.scoring.open_model import open_model
from adjudge.stats.calibration import Cuts, logit, steps_of

ORDINAL = ("coral", "corn")
Above = Callable[[pa.Table], np.ndarray]


@dataclass(frozen=True)
class Grader:
    """above: P(step > k), float64 (rows, K - 1), NaN if a pair cannot be graded. version: identifies the
    grader."""

    above: Above
    version: str

    def shares(self, pairs: Sequence[tuple[str, str, str]]) -> list[list[float]]:
        """The share of each grade, worst first, of (keyphrase, title, category) pairs."""
        return [[float(p) for p in row] for row in steps_of(self.above(table_of(pairs)))]


def student_judge(artifact: Path, on: Scale) -> tuple[ShareFunction, str]:
    """The share function of an artifact as a judge on a scale, and its version.

    Raises BadConfig, BadArtifact.
    """
    judge = grader(artifact, on)
    return judge.shares, judge.version


def grader(artifact: Path, scale: Scale) -> Grader:
    """The artifact as a judge on `scale`.

    An ordinal head (coral, corn) judges on the scale of as many grades, cut points on theirs (`adjudge tune`
    sets them), and every model on binary: by its score, or by P(relevant) if it knows steps. Raises BadConfig
    on another scale.
    """
    values, scorer = manifest.read_any(artifact), open_model(artifact)
    stepped = _steps_known(values)
    if scale.name in stepped:
        above, mark = stepped[scale.name](scorer)
        return Grader(above, f"{scorer.version}{mark}")
    if scale.name != BINARY.name:
        raise BadConfig(
            f"student:{artifact} judges on {', '.join([BINARY.name, *stepped])}; asked is {scale.name}. For "
            f"that it needs a coral or corn head of {len(scale.grades)} levels, or cut points: adjudge tune "
            f"--base student:{artifact} --scale {scale.name}"
        )
    if values.get("head") in ORDINAL and stepped:
        steps = SCALES[next(iter(stepped))]
        above, _ = stepped[steps.name](scorer)
        return Grader(
            lambda pairs: above(pairs)[:, steps.relevant_from - 1 : steps.relevant_from], scorer.version
        )
    return Grader(lambda pairs: scorer.score(pairs)[:, None], scorer.version)


def table_of(pairs: Sequence[tuple[str, str, str]]) -> pa.Table:
    """(keyphrase, title, category) pairs as a scorer takes them."""
    keyphrases, titles, categories = zip(*pairs, strict=True) if pairs else ((), (), ())
    ids = [str(row) for row in range(len(pairs))]
    columns = {"item_id": ids, "keyphrase": keyphrases, "title": titles, "category": categories}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def _steps_known(values: dict[str, Any]) -> dict[str, Callable[[Any], tuple[Above, str]]]:
    """By scale, how a scorer gives P(step > k), and what that adds to its version."""
    if values.get("head") in ORDINAL:
        levels = values.get("config", {}).get("levels")
        named = [on.name for on in SCALES.values() if len(on.grades) == levels]
        return {name: lambda scorer: (scorer.above, "") for name in named}
    if not values.get("cuts"):
        return {}
    cuts = from_dict(Cuts, values["cuts"])
    mark = "-" + hashlib.sha256(repr(cuts).encode()).hexdigest()[:8]
    return {cuts.scale: lambda scorer: (lambda pairs: cuts.above(logit(scorer.score(pairs))), mark)}
