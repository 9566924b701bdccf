"""Ranking metrics per segment and replicate: a keyphrase is the query, its judged items the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.card import MetricValues, ratio
from adjudge.scorecard.evidence import PairEvidence
from adjudge.scorecard.segments import Segmentation
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.cluster_bootstrap import draw
from adjudge.stats.ranking import JudgedDocuments, parse_metrics

Floats = NDArray[np.float64]


def ranking_metrics(
    evidence: PairEvidence,
    scores: Mapping[str, Floats],
    segmentations: Sequence[Segmentation],
    settings: ScorecardSettings,
    rng: np.random.Generator,
) -> dict[str, list[MetricValues]]:
    """Ranking metrics per model; empty without graded labels. Replicates resample keyphrases, whatever
    `cluster` says.

    An unscored judged item is not retrieved. Segments are those that hold whole keyphrases.
    """
    metrics = parse_metrics(settings.ranking, settings.gains)
    rows = graded_rows(evidence, settings, rng)
    if not len(rows) or not metrics:
        return {model: [] for model in scores}
    keyphrases, query = np.unique(evidence.keyphrase[rows], return_inverse=True)
    draws = draw(rng, len(keyphrases), settings.replicates, settings.resampling).astype(np.float64)
    judged = JudgedDocuments(query, evidence.item[rows], evidence.grade[rows])
    whole = []
    for segmentation in segmentations:
        codes = np.zeros(len(keyphrases), np.int32)
        codes[query] = segmentation.codes[rows]
        if np.array_equal(codes[query], segmentation.codes[rows]):
            whole.append(Segmentation(segmentation.by, segmentation.names, codes))
    by_model = {}
    for model, values in scores.items():
        by_query = judged.measure(metrics, values[rows])
        by_model[model] = [_mean(name, by_query[name], by, draws) for name in metrics for by in whole]
    return by_model


def graded_rows(
    evidence: PairEvidence, settings: ScorecardSettings, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of graded pairs whose keyphrase has `ranking_floor` of them, of at most `ranking_keyphrases`."""
    judged = np.bincount(evidence.keyphrase[evidence.graded], minlength=len(evidence.keyphrases))
    able = np.flatnonzero(judged >= settings.ranking_floor)
    if len(able) > settings.ranking_keyphrases:
        able = np.sort(rng.choice(able, settings.ranking_keyphrases, replace=False))
    wanted = np.zeros(len(evidence.keyphrases), bool)
    wanted[able] = True
    return np.flatnonzero(evidence.graded & wanted[evidence.keyphrase])


def _mean(name: str, values: Floats, by: Segmentation, draws: Floats) -> MetricValues:
    """The mean over keyphrases of a segment, each counted as often as it was drawn."""
    inside = np.equal.outer(np.arange(len(by.names)), by.codes).astype(np.float64)
    means = ratio((inside * values) @ draws.T, inside @ draws.T)
    support = inside.sum(axis=1).astype(np.int64)
    return MetricValues(name, by.by, by.names, means, support, support)
