"""The scorecard itself: every metric of every model in every segment, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig, did_you_mean
from adjudge.records import Progress, no_progress
from adjudge.scorecard import threshold
from adjudge.scorecard.card import MetricValues, card_rows, ratio
from adjudge.scorecard.evidence import PairEvidence
from adjudge.scorecard.quality import quality_metrics
from adjudge.scorecard.segment_sums import SegmentSums
from adjudge.scorecard.segments import Segmentation, segmentations
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scorecard.threshold import Thresholds
from adjudge.stats.cluster_bootstrap import draw

Floats = NDArray[np.float64]

OF_ALL = {
    "clicks_kept": ("clicks", "clicks"),
    "sales_kept": ("sales", "sales"),
    "revenue_kept": ("revenue", "revenue"),
    "keyphrases_kept": ("recommended", "recommended"),
    "keyphrases_kept_item_mean": ("share", "share"),
    "keyphrases_per_item": ("recommended", "share"),
    "items_covered": ("best", "best"),
    "later_clicks_kept": ("later_clicks", "later_clicks"),
    "later_sales_kept": ("later_sales", "later_sales"),
    "recall": ("relevant", "relevant"),
}
"""metric -> (column summed over kept pairs, column summed over all pairs)."""
OF_KEPT = {"search_pass_rate": ("passed", "judged"), "precision": ("relevant", "labelled")}
"""metric -> two columns, both summed over kept pairs."""
BY_ITEM = ("keyphrases_kept_item_mean", "keyphrases_per_item", "items_covered")
"""Metrics only of segmentations that do not cut through an item."""
BY_ITEM_COLUMNS = ("share", "best")


@dataclass(frozen=True)
class Measurement:
    """`rows` of results.SCORECARD; `thresholds` by model; `notes` in full sentences."""

    rows: list[dict]
    thresholds: dict[str, Thresholds]
    notes: list[str]


@dataclass(frozen=True)
class SharedInputs:
    """What all models share: evidence, draws (and transposed), sums of each segmentation, and the pair
    columns.

    totals: of each segmentation, the sums over all pairs of the columns that no model changes.
    """

    evidence: PairEvidence
    settings: ScorecardSettings
    cluster: NDArray[np.int32]
    draws: NDArray[np.uint8]
    by_cluster: NDArray[np.uint8]
    segment_sums: list[SegmentSums]
    columns: dict[str, NDArray]
    totals: list[dict[str, Floats]]

    @property
    def weights(self) -> NDArray[np.int64]:
        return self.evidence.click_weights(self.settings.weighting)


def measure(
    evidence: PairEvidence,
    scores: Mapping[str, Floats],
    settings: ScorecardSettings,
    production: str | None,
    rng: np.random.Generator,
    frozen: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
) -> Measurement:
    """Measure models on the evidence.

    scores: model -> float64 [n] in the evidence's order, NaN = unscored. production: the model that
    changes are relative to. frozen: thresholds chosen earlier, used instead of choosing.
    A metric that cannot be had is null with a note; no model makes another fail.
    """
    if production is not None and production not in scores:
        raise BadConfig(
            f"production model {production!r} has no scores: given are {', '.join(scores)}"
            f"{did_you_mean(production, scores)}"
        )
    progress("scorecard: bootstrap draws", 0, 0)
    shared = prepare(evidence, settings, rng)
    metrics: dict[str, list[MetricValues]] = {}
    thresholds: dict[str, Thresholds] = {}
    for done, (model, values) in enumerate(scores.items()):
        progress(f"scorecard: {model}", done, len(scores))
        thresholds[model] = _choose(shared, values, None if frozen is None else frozen.get(model))
        metrics[model] = measure_model(shared, values, thresholds[model])
    progress("scorecard", len(scores), len(scores))
    baseline = metrics.get(production or "")
    rows = [row for model in metrics for row in card_rows(model, metrics[model], baseline, settings)]
    notes = [
        f"{model}: no threshold, {chosen.problem}" for model, chosen in thresholds.items() if chosen.problem
    ]
    return Measurement(rows, thresholds, notes)


def prepare(evidence: PairEvidence, settings: ScorecardSettings, rng: np.random.Generator) -> SharedInputs:
    """Draws, segmentations, and the sums that no model changes."""
    cluster = evidence.item if settings.cluster == "item" else evidence.keyphrase
    clusters = len(evidence.items) if settings.cluster == "item" else len(evidence.keyphrases)
    draws = draw(rng, clusters, settings.replicates, settings.resampling)
    by_cluster = np.ascontiguousarray(draws.T)
    segment_sums = [
        SegmentSums(segmentation, cluster, by_cluster)
        for segmentation in segmentations(evidence, settings.most_categories)
    ]
    columns = pair_columns(evidence)
    names = sorted({whole for _, whole in OF_ALL.values()} & set(columns))
    totals = [
        dict(zip(names, sums.every([columns[name] for name in names]), strict=True)) for sums in segment_sums
    ]
    return SharedInputs(evidence, settings, cluster, draws, by_cluster, segment_sums, columns, totals)


def pair_columns(evidence: PairEvidence) -> dict[str, NDArray]:
    """The columns that sums are made of, each [n]; what the logs do not hold is left out."""
    rec = evidence.recommended
    columns: dict[str, NDArray] = {"recommended": rec}
    for name in ("clicks", "sales", "revenue", "later_clicks", "later_sales"):
        if name in evidence.has:
            columns[name] = getattr(evidence, name)
    if "search" in evidence.has:
        columns["passed"], columns["judged"] = rec & evidence.search.yes, rec & evidence.search.known
    if evidence.truth.support:
        columns["relevant"], columns["labelled"] = rec & evidence.truth.yes, rec & evidence.truth.known
    per_item = np.bincount(evidence.item[rec], minlength=len(evidence.items))
    columns["share"] = np.where(rec, 1.0 / np.maximum(per_item, 1)[evidence.item], 0.0)
    return columns


def best_of_item(evidence: PairEvidence, scores: Floats) -> NDArray[np.bool_]:
    """[n]: one recommended pair per item, the one with the highest score (the first of equals)."""
    rows = np.flatnonzero(evidence.recommended)
    best = np.zeros(len(evidence), bool)
    if len(rows):
        item = evidence.item[rows]
        value = np.where(np.isnan(scores[rows]), -np.inf, scores[rows])
        starts = np.flatnonzero(np.r_[True, item[1:] != item[:-1]])
        size = np.diff(np.r_[starts, len(rows)])
        at_top = np.flatnonzero(value == np.repeat(np.maximum.reduceat(value, starts), size))
        first = np.r_[True, item[at_top][1:] != item[at_top][:-1]]
        best[rows[at_top[first]]] = True
    return best


def _choose(shared: SharedInputs, scores: Floats, frozen: float | None) -> Thresholds:
    if frozen is not None:
        return threshold.fixed(frozen, len(scores), len(shared.draws))
    evidence, settings, groups = shared.evidence, shared.settings, None
    if settings.threshold_per == "category":
        groups = (evidence.category, len(evidence.categories), settings.category_floor)
    return threshold.choose(scores, shared.weights, shared.cluster, shared.draws, settings.retention, groups)


def measure_model(shared: SharedInputs, scores: Floats, chosen: Thresholds) -> list[MetricValues]:
    """All metrics of one model in all segments."""
    columns = {**shared.columns, "best": best_of_item(shared.evidence, scores)}
    kept = chosen.kept(scores)
    metrics = threshold_metrics(shared, chosen)
    needed = sorted({above for above, _ in OF_ALL.values()} | {c for pair in OF_KEPT.values() for c in pair})
    needed = [name for name in needed if name in columns]
    for sums, totals in zip(shared.segment_sums, shared.totals, strict=True):
        of_all = {**totals, "best": sums.every([columns["best"]])[0]}
        names = [name for name in needed if name not in BY_ITEM_COLUMNS or sums.by_item]
        of_kept = dict(zip(names, sums.kept([columns[n] for n in names], scores, chosen), strict=True))
        for name, (above, below) in (OF_ALL | OF_KEPT).items():
            if above not in columns or below not in columns or (name in BY_ITEM and not sums.by_item):
                continue
            whole = of_all if name in OF_ALL else of_kept
            used = columns[below] != 0 if name in OF_ALL else columns[below] & kept
            by, values = sums.segmentation, ratio(of_kept[above], whole[below])
            support, clusters = sums.support(used), sums.clusters(used)
            metrics.append(MetricValues(name, by.by, by.names, values, support, clusters, chosen.problem))
    if "labelled" in columns:
        labelled, relevant = columns["labelled"], columns["relevant"]
        metrics += quality_metrics(shared.segment_sums, scores, labelled, relevant, shared.settings.bins)
    return metrics


def threshold_metrics(shared: SharedInputs, chosen: Thresholds) -> list[MetricValues]:
    """The threshold of all pairs, and those that categories have of their own."""
    clicked = shared.weights > 0
    sums = shared.segment_sums[0]
    support, clusters = sums.support(clicked), sums.clusters(clicked)
    overall = chosen.overall[None, :]
    metrics = [MetricValues("threshold", "all", ("all",), overall, support, clusters, chosen.problem)]
    if len(chosen.separate) > 1 and chosen.separate.any():
        names = shared.evidence.categories
        by_category = Segmentation("category", names, shared.evidence.category)
        sums = SegmentSums(by_category, shared.cluster, shared.by_cluster)
        rows = np.flatnonzero(chosen.separate)
        support, clusters = sums.support(clicked)[rows], sums.clusters(clicked)[rows]
        chosen_names = tuple(names[g] for g in rows)
        values = chosen.values[rows]
        metrics.append(MetricValues("threshold", "category", chosen_names, values, support, clusters))
    return metrics
