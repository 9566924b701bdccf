"""Ranking metrics against graded labels, through ir-measures: a keyphrase is the query, items the documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig
from adjudge.scorecard.bootstrap import draw
from adjudge.scorecard.card import Cell
from adjudge.scorecard.evidence import Evidence
from adjudge.scorecard.segments import Segmentation
from adjudge.scorecard.settings import ScorecardSettings

Floats = NDArray[np.float64]


def parse_metrics(settings: ScorecardSettings) -> dict[str, Any]:
    """Spelling -> ir-measures metric; an nDCG without gains of its own takes the settings'."""
    import ir_measures

    found = {}
    for name in settings.ranking:
        try:
            parsed = ir_measures.parse_measure(name)
        except (ValueError, NameError, SyntaxError) as error:
            raise BadConfig(
                f"ranking metric {name!r} is unknown to ir-measures ({error}): allowed are e.g. nDCG@10, RR@10, P(rel=2)@5"
            ) from error
        if parsed.NAME == "nDCG" and "gains" not in parsed.params:
            parsed = parsed(gains=dict(enumerate(settings.gains)))
        found[name] = parsed
    return found


def chosen_rows(
    evidence: Evidence, settings: ScorecardSettings, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of graded pairs whose keyphrase has `ranking_floor` of them, of at most `ranking_keyphrases`."""
    judged = np.bincount(evidence.keyphrase[evidence.graded], minlength=len(evidence.keyphrases))
    able = np.flatnonzero(judged >= settings.ranking_floor)
    if len(able) > settings.ranking_keyphrases:
        able = np.sort(rng.choice(able, settings.ranking_keyphrases, replace=False))
    wanted = np.zeros(len(evidence.keyphrases), bool)
    wanted[able] = True
    return np.flatnonzero(evidence.graded & wanted[evidence.keyphrase])


def ranking_cells(
    evidence: Evidence,
    scores: Mapping[str, Floats],
    segmentations: list[Segmentation],
    settings: ScorecardSettings,
    rng: np.random.Generator,
) -> dict[str, list[Cell]]:
    """Cells per model; empty without graded labels. Replicates resample keyphrases, whatever `cluster` says.

    An unscored judged item is not retrieved. Segments are those that hold whole keyphrases.
    """
    metrics = parse_metrics(settings)
    rows = chosen_rows(evidence, settings, rng)
    if not len(rows) or not metrics:
        return {model: [] for model in scores}
    query, at = np.unique(evidence.keyphrase[rows], return_inverse=True)
    draws = draw(rng, len(query), settings.replicates, settings.resampling).astype(np.float64)
    whole = [one for one in (_of_queries(s, rows, at, len(query)) for s in segmentations) if one is not None]
    names = [str(q) for q in range(len(query))]
    documents = [str(i) for i in evidence.item[rows].tolist()]
    steps = evidence.grade[rows].tolist()
    wanted: dict[str, dict[str, int]] = {name: {} for name in names}
    for q, document, step in zip(at.tolist(), documents, steps, strict=True):
        wanted[names[q]][document] = int(step)
    cells: dict[str, list[Cell]] = {}
    for model, values in scores.items():
        found = _per_query(metrics, wanted, at, documents, values[rows])
        cells[model] = [cell for name in metrics for cell in _cells(name, found[name], whole, draws)]
    return cells


def _per_query(
    metrics: dict[str, Any],
    wanted: dict[str, dict[str, int]],
    at: NDArray[np.int64],
    documents: list[str],
    scores: Floats,
) -> dict[str, Floats]:
    import ir_measures

    run: dict[str, dict[str, float]] = {name: {} for name in wanted}
    for q, document, score in zip(at.tolist(), documents, scores.tolist(), strict=True):
        if score == score:
            run[str(q)][document] = score
    found = {name: np.zeros(len(wanted)) for name in metrics}
    spelled = {str(parsed): name for name, parsed in metrics.items()}
    for value in ir_measures.iter_calc(list(metrics.values()), wanted, run):
        found[spelled[str(value.measure)]][int(value.query_id)] = value.value
    return found


def _of_queries(
    one: Segmentation, rows: NDArray[np.int64], at: NDArray[np.int64], queries: int
) -> Segmentation | None:
    """The segmentation of keyphrases; None where one falls into two segments."""
    codes = np.zeros(queries, np.int32)
    codes[at] = one.codes[rows]
    return Segmentation(one.by, one.names, codes) if np.array_equal(codes[at], one.codes[rows]) else None


def _cells(name: str, values: Floats, whole: list[Segmentation], draws: Floats) -> list[Cell]:
    cells = []
    for one in whole:
        inside = np.equal.outer(np.arange(len(one.names)), one.codes).astype(np.float64)
        counted = inside @ draws.T
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.where(counted > 0, (inside * values) @ draws.T / counted, np.nan)
        support = inside.sum(axis=1).astype(np.int64)
        cells.append(Cell(name, one.by, one.names, means, support, support))
    return cells
