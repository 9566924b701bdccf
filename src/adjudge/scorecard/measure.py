"""Every metric of every model in every segment, with paired intervals: the scorecard itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig, did_you_mean
from adjudge.records import Progress, no_progress
from adjudge.scorecard import quality, threshold
from adjudge.scorecard.bootstrap import Sums, draw
from adjudge.scorecard.card import Cell, card_rows
from adjudge.scorecard.evidence import Evidence
from adjudge.scorecard.segments import Segmentation, segmentations
from adjudge.scorecard.settings import ScorecardSettings

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
"""metric -> both summed over kept pairs."""
BY_ITEM = ("keyphrases_kept_item_mean", "keyphrases_per_item", "items_covered")
"""Only in segmentations that do not cut through an item."""
BY_ITEM_COLUMNS = ("share", "best")


@dataclass(frozen=True)
class Measured:
    """`rows` of results.SCORECARD; `thresholds` by model; `notes` in full sentences."""

    rows: list[dict]
    thresholds: dict[str, threshold.Thresholds]
    notes: list[str]


@dataclass(frozen=True)
class World:
    """What all models share: evidence, segmentations with their sums, draws, and the pair columns."""

    evidence: Evidence
    settings: ScorecardSettings
    cluster: NDArray[np.int32]
    draws: NDArray[np.uint8]
    by_cluster: NDArray[np.uint8]
    sums: list[Sums]
    columns: dict[str, NDArray]
    totals: list[dict[str, Floats]]

    @property
    def weights(self) -> NDArray[np.int64]:
        clicks = self.evidence.clicks
        return clicks if self.settings.weighting == "clicks" else (clicks > 0).astype(np.int64)


def measure(
    evidence: Evidence,
    scores: Mapping[str, Floats],
    settings: ScorecardSettings,
    production: str | None,
    rng: np.random.Generator,
    frozen: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
) -> Measured:
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
    world = prepare(evidence, settings, rng)
    cells: dict[str, list[Cell]] = {}
    chosen: dict[str, threshold.Thresholds] = {}
    for done, (model, values) in enumerate(scores.items()):
        progress(f"scorecard: {model}", done, len(scores))
        chosen[model] = _choose(world, values, None if frozen is None else frozen.get(model))
        cells[model] = measure_one(world, values, chosen[model])
    progress("scorecard", len(scores), len(scores))
    rows = [
        row
        for model in cells
        for row in card_rows(model, cells[model], cells.get(production or ""), settings)
    ]
    notes = [f"{model}: no threshold, {found.problem}" for model, found in chosen.items() if found.problem]
    return Measured(rows, chosen, notes)


def prepare(evidence: Evidence, settings: ScorecardSettings, rng: np.random.Generator) -> World:
    """Draws, segmentations, and the sums that no model changes."""
    cluster = evidence.item if settings.cluster == "item" else evidence.keyphrase
    clusters = len(evidence.items) if settings.cluster == "item" else len(evidence.keyphrases)
    draws = draw(rng, clusters, settings.replicates, settings.resampling)
    by_cluster = np.ascontiguousarray(draws.T)
    sums = [Sums(one, cluster, by_cluster) for one in segmentations(evidence, settings.most_categories)]
    columns = pair_columns(evidence)
    names = sorted({whole for _, whole in OF_ALL.values()} & set(columns))
    totals = [dict(zip(names, one.every([columns[name] for name in names]), strict=True)) for one in sums]
    return World(evidence, settings, cluster, draws, by_cluster, sums, columns, totals)


def pair_columns(evidence: Evidence) -> dict[str, NDArray]:
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


def best_of_item(evidence: Evidence, scores: Floats) -> NDArray[np.bool_]:
    """[n]: one recommended pair an item, that with the highest score (the first of equals)."""
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


def _choose(world: World, scores: Floats, frozen: float | None) -> threshold.Thresholds:
    if frozen is not None:
        return threshold.fixed(frozen, len(scores), len(world.draws))
    groups = None
    if world.settings.threshold_per == "category":
        groups = (world.evidence.category, len(world.evidence.categories), world.settings.category_floor)
    return threshold.choose(
        scores, world.weights, world.cluster, world.draws, world.settings.retention, groups
    )


def measure_one(world: World, scores: Floats, chosen: threshold.Thresholds) -> list[Cell]:
    """All metrics of one model in all segments."""
    columns = {**world.columns, "best": best_of_item(world.evidence, scores)}
    kept = chosen.kept(scores)
    cells = threshold_cells(world, chosen)
    needed = sorted({part for part, _ in OF_ALL.values()} | {p for pair in OF_KEPT.values() for p in pair})
    needed = [name for name in needed if name in columns]
    for sums, totals in zip(world.sums, world.totals, strict=True):
        whole = {**totals, "best": sums.every([columns["best"]])[0]}
        mine = [name for name in needed if name not in BY_ITEM_COLUMNS or sums.by_item]
        part = dict(zip(mine, sums.kept([columns[name] for name in mine], scores, chosen), strict=True))
        for name, (above, below) in OF_ALL.items():
            if above in columns and below in columns and (sums.by_item or name not in BY_ITEM):
                cells.append(_cell(name, sums, part[above], whole[below], columns[below] != 0, chosen))
        for name, (above, below) in OF_KEPT.items():
            if above in columns and below in columns:
                cells.append(_cell(name, sums, part[above], part[below], columns[below] & kept, chosen))
    return cells + quality_cells(world, scores)


def _cell(
    name: str, sums: Sums, above: Floats, below: Floats, used: NDArray[np.bool_], chosen: threshold.Thresholds
) -> Cell:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(below > 0, above / below, np.nan)
    one = sums.segmentation
    return Cell(name, one.by, one.names, values, sums.support(used), sums.clusters(used), chosen.problem)


def threshold_cells(world: World, chosen: threshold.Thresholds) -> list[Cell]:
    """The threshold of all pairs, and those that categories have of their own."""
    clicked = world.weights > 0
    one = world.sums[0]
    support, clusters = one.support(clicked), one.clusters(clicked)
    cells = [Cell("threshold", "all", ("all",), chosen.overall[None, :], support, clusters, chosen.problem)]
    if len(chosen.own) > 1 and chosen.own.any():
        names = world.evidence.categories
        own = np.flatnonzero(chosen.own)
        per = Sums(Segmentation("category", names, world.evidence.category), world.cluster, world.by_cluster)
        support, clusters = per.support(clicked)[own], per.clusters(clicked)[own]
        mine = tuple(names[g] for g in own)
        cells.append(Cell("threshold", "category", mine, chosen.values[own], support, clusters))
    return cells


def quality_cells(world: World, scores: Floats) -> list[Cell]:
    """AUC, log loss and calibration error over scored recommended pairs with a known label.

    Intervals of the AUC resample its DeLong components, which equals resampling pairs up to terms of
    order 1 / clusters (design/0006).
    """
    if "labelled" not in world.columns:
        return []
    used = world.columns["labelled"] & ~np.isnan(scores)
    yes = world.evidence.truth.yes & used
    cells = []
    rows = np.flatnonzero(used)
    order = np.argsort(scores[rows], kind="stable")
    probable = quality.are_probabilities(scores[used])
    loss = np.zeros(len(scores))
    if probable:
        loss[rows] = quality.losses(scores[rows], yes[rows])
    for sums in world.sums:
        cells.append(_auc_cell(sums, scores, rows, yes, order))
        if probable:
            lost, number = sums.every([loss, used])
            cells.append(_quality_cell("log_loss", sums, _divide(lost, number), used))
    if probable:
        bins = world.settings.bins
        binned = np.zeros(len(scores), np.int32)
        binned[used] = quality.bin_of(scores[used], bins)
        names = tuple(str(b) for b in range(bins))
        per_bin = Sums(Segmentation("bin", names, binned), world.cluster, world.by_cluster)
        score, relevant, number = per_bin.every([np.where(used, scores, 0.0), yes, used])
        error = _divide(np.abs(score - relevant).sum(axis=0), number.sum(axis=0))
        cells.append(_quality_cell("ece", world.sums[0], error[None, :], used))
    return cells


def _auc_cell(
    sums: Sums, scores: Floats, rows: NDArray[np.int64], yes: NDArray[np.bool_], order: NDArray[np.int64]
) -> Cell:
    one = sums.segmentation
    used = np.zeros(len(scores), bool)
    used[rows] = True
    placed = np.zeros(len(scores))
    placed[rows] = quality.placements(scores[rows], yes[rows], one.codes[rows], sums.number, order)
    no = used & ~yes
    of_yes, yeses, of_no, noes = sums.every([np.where(yes, placed, 0.0), yes, np.where(no, placed, 0.0), no])
    observed = _divide(of_yes[:, :1], yeses[:, :1])
    value = _divide(of_yes, yeses) + _divide(of_no, noes) - observed
    value[:, :1] = np.where(noes[:, :1] > 0, observed, np.nan)
    return _quality_cell("auc", sums, np.clip(value, 0, 1), used)


def _quality_cell(name: str, sums: Sums, values: Floats, used: NDArray[np.bool_]) -> Cell:
    one = sums.segmentation
    return Cell(name, one.by, one.names, values, sums.support(used), sums.clusters(used), "")


def _divide(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)
