"""The threshold that keeps a share of clicks: the rule, exactly (paper 1, section 3.3; design/0006).

`t` is the highest observed score such that pairs with score >= t hold at least `retention` of the total
click weight. Pairs tied at t are all kept, so the share kept may exceed the retention. Weights are whole
numbers and the retention is read as the decimal it is written as, so nothing is rounded: with 20 clicks
and retention 0.95 exactly 19 must be kept. A pair without a score is never kept and its clicks still count
in the total, so a model that leaves clicked pairs unscored can fail to reach the retention at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig, NotEnoughData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def needed_weight(total: int, retention: float) -> int:
    """The least whole weight that is at least `retention` of `total`.

    >>> needed_weight(20, 0.95), needed_weight(21, 0.95)
    (19, 20)
    """
    if not 0 < retention <= 1:
        raise BadConfig(f"retention is {retention}: allowed is above 0 and up to 1")
    share = Fraction(repr(float(retention)))
    return -(-share.numerator * total // share.denominator)


def threshold_at_retention(scores: Floats, weights: Ints, retention: float) -> float:
    """The threshold by the rule above.

    scores: float64 [n], NaN = unscored. weights: whole numbers >= 0 [n] (clicks, or 1 for a clicked pair).
    Raises NotEnoughData if there is no weight, or if scored pairs hold too little of it.

    >>> threshold_at_retention(np.array([0.9, 0.8, 0.8, 0.1]), np.array([10, 5, 3, 2]), 0.75)
    0.8
    """
    whole = _whole(weights)
    total = int(whole.sum())
    if total == 0:
        raise NotEnoughData(
            "no pair has a click, so no threshold can keep a share of clicks: give a logs folder with clicks"
        )
    chosen = ClickCurve(scores, whole).threshold(whole, retention)
    if np.isnan(chosen):
        scored = int(whole[~np.isnan(scores)].sum())
        raise NotEnoughData(
            f"scored pairs hold {scored} of {total} click weight, less than the "
            f"{needed_weight(total, retention)} that retention {retention} needs: "
            "score the missing pairs or lower the retention"
        )
    return chosen


class ClickCurve:
    """The clicked pairs of one model (or one segment of them), sorted once for many thresholds."""

    def __init__(self, scores: Floats, weights: Ints) -> None:
        clicked = np.flatnonzero(weights > 0)
        values = scores[clicked]
        scored = ~np.isnan(values)
        order = np.argsort(-values[scored], kind="stable")
        self.rows = clicked[scored][order]
        self.unscored = clicked[~scored]
        self.scores = scores[self.rows]

    def threshold(self, weights: Ints, retention: float) -> float:
        """The threshold under whole weights [n] that are zero if the curve's were; NaN if there is none."""
        running = np.cumsum(weights[self.rows], dtype=np.int64)
        return self._at(running, int(weights[self.unscored].sum()), retention)

    def replicates(
        self, weights: Ints, cluster: NDArray[np.int32], draws: NDArray[np.uint8], retention: float
    ) -> Floats:
        """Thresholds [B] with every pair's weight times its cluster's draw. draws: uint8 [B, clusters]."""
        sorted_weight, sorted_cluster = weights[self.rows], cluster[self.rows]
        lost_weight, lost_cluster = weights[self.unscored], cluster[self.unscored]
        thresholds = np.full(len(draws), np.nan)
        for b, draw in enumerate(draws):
            running = np.cumsum(sorted_weight * draw[sorted_cluster], dtype=np.int64)
            thresholds[b] = self._at(running, int((lost_weight * draw[lost_cluster]).sum()), retention)
        return thresholds

    def _at(self, running: Ints, lost: int, retention: float) -> float:
        reached = int(running[-1]) if len(running) else 0
        needed = needed_weight(reached + lost, retention)
        if needed == 0 or needed > reached:
            return float("nan")
        return float(self.scores[np.searchsorted(running, needed, side="left")])


@dataclass(frozen=True)
class Thresholds:
    """Thresholds [groups, B]; column 0 is the data as observed, the others bootstrap replicates.

    group: int32 [n], every pair's row here. separate: bool [groups], False if a group uses the threshold of
    all. overall: [B], the threshold of all pairs. problem: why there is none, or "".
    """

    values: Floats
    group: NDArray[np.int32]
    separate: NDArray[np.bool_]
    overall: Floats
    problem: str = ""

    @property
    def exist(self) -> NDArray[np.bool_]:
        """[B]: whether the replicate has a threshold."""
        return ~np.isnan(self.overall)

    def kept(self, scores: Floats) -> NDArray[np.bool_]:
        """[n]: pairs kept on the data as observed."""
        return np.asarray(scores >= self.values[self.group, 0])


def choose(
    scores: Floats,
    weights: Ints,
    cluster: NDArray[np.int32],
    draws: NDArray[np.uint8],
    retention: float,
    groups: tuple[NDArray[np.int32], int, int] | None = None,
) -> Thresholds:
    """Thresholds in every replicate: of all pairs, or per group.

    groups: (every pair's group [n], number of groups, clicked pairs that a group needs for its own).
    """
    problem = ""
    try:
        threshold_at_retention(scores, weights, retention)
    except NotEnoughData as error:
        problem = str(error)
    overall = ClickCurve(scores, weights).replicates(weights, cluster, draws, retention)
    if groups is None:
        group = np.zeros(len(scores), np.int32)
        return Thresholds(overall[None, :], group, np.ones(1, bool), overall, problem)
    codes, number, floor = groups
    values, separate = np.tile(overall, (number, 1)), np.zeros(number, bool)
    rows = np.flatnonzero(weights > 0)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    ends = np.cumsum(np.bincount(codes[rows], minlength=number))
    for g, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        mine = rows[start:end]
        if len(mine) < floor:
            continue
        curve = ClickCurve(scores[mine], weights[mine])
        of_group = curve.replicates(weights[mine], cluster[mine], draws, retention)
        separate[g] = not np.isnan(of_group[0])
        if separate[g]:
            values[g] = np.where(np.isnan(of_group), overall, of_group)
    return Thresholds(values, codes, separate, overall, problem)


def fixed(value: float, pairs: int, replicates: int) -> Thresholds:
    """One threshold, frozen earlier, for all pairs and replicates."""
    overall = np.full(replicates, value)
    return Thresholds(overall[None, :], np.zeros(pairs, np.int32), np.ones(1, bool), overall)


def _whole(weights: Ints) -> Ints:
    whole = np.asarray(weights).astype(np.int64)
    if len(whole) and (not np.array_equal(whole, weights) or whole.min() < 0):
        raise BadConfig("click weights hold fractions or negatives: allowed are whole numbers from 0 up")
    return whole
