"""A bound that a share reaches for certain: Clopper and Pearson's, with the doubt of pairs that share an item.

Used where a promise rests on the bound (the cascade), not on an interval drawn for a reader: it is exact for few errors and
for none, where a bootstrap sees no spread at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints, columns_by_cluster

MOST = 10**6
"""More labels than are worth naming."""


@dataclass(frozen=True)
class Bound:
    """A share, and the two one-sided bounds of it; None without pairs. `effective`: pairs that are worth as much
    when independent; where there is no error, items."""

    value: float | None
    low: float | None
    high: float | None
    right: int
    pairs: int
    items: int
    effective: float


def lower(right: float, pairs: float, level: float) -> float:
    """The least share p at which `right` or more of `pairs` still happen with chance 1 - level (Clopper and Pearson 1934).

    right and pairs may be fractions (effective numbers); they are taken down to whole ones, which is on the safe side.

    >>> round(lower(59, 59, 0.95), 4), round(lower(95, 100, 0.95), 4), lower(0, 10, 0.95)
    (0.9505, 0.8977, 0.0)

    Worked: 59 of 59: p ** 59 = .05, so p = .05 ** (1 / 59) = .9505.
    """
    whole = math.floor(pairs + 1e-9)
    # Errors are kept whole from above: as many errors among fewer pairs.
    hits = whole - min(whole, math.ceil(pairs - right - 1e-9))
    if hits <= 0:
        return 0.0
    if hits == whole:
        return (1 - level) ** (1 / whole)
    low, high = 0.0, hits / whole
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(hits, whole, middle) < 1 - level else (low, middle)
    return low


def _tail(hits: int, pairs: int, p: float) -> float:
    """P(X >= hits) for X ~ Binomial(pairs, p), 0 < p < 1."""
    k = np.arange(hits, pairs + 1, dtype=np.float64)
    steps = np.log(pairs - k[:-1]) - np.log(k[:-1] + 1) + math.log(p) - math.log1p(-p)
    first = math.lgamma(pairs + 1) - math.lgamma(hits + 1) - math.lgamma(pairs - hits + 1)
    first += hits * math.log(p) + (pairs - hits) * math.log1p(-p)
    return float(np.exp(first + np.concatenate(([0.0], np.cumsum(steps)))).sum())


def bound(item: Ints, right: Bools, level: float) -> Bound:
    """The share of pairs that are right, with bounds that allow for errors which come together in an item.

    item: [n] cluster codes; right: [n]. The pairs count as n / design effect independent ones, where the design effect
    is the variance of the share between items over that of as many independent pairs, at least 1 (Korn and Graubard 1998).
    A few errors say little of how they come together, none says nothing. So no bound lies beyond what as many items
    would show without a single error, however many pairs they have.

    >>> one = bound(np.repeat(np.arange(4), 100), np.ones(400, bool), 0.95)
    >>> round(one.low, 3), one.effective, round(bound(np.arange(400), np.ones(400, bool), 0.95).low, 3)
    (0.473, 4.0, 0.993)

    Worked: 4 items, no error: p ** 4 = .05, so p = .473; 400 items: .05 ** (1 / 400) = .993.
    """
    pairs = len(right)
    if not pairs:
        return Bound(None, None, None, 0, 0, 0, 0.0)
    sums = columns_by_cluster(item, np.column_stack((right.astype(np.float64), np.ones(pairs))))
    hits, share = int(right.sum()), float(right.mean())
    items = len(sums)
    effective = pairs / _design_effect(sums, share) if 0 < hits < pairs else float(items)
    kept, lost = share * effective, (1 - share) * effective
    most = lower(items, items, level)
    low, high = min(most, lower(kept, effective, level)), max(1 - most, 1 - lower(lost, effective, level))
    return Bound(share, low, high, hits, pairs, items, effective)


def _design_effect(sums: Floats, share: float) -> float:
    """sums: [items, 2], right and pairs; 0 < share < 1. 1 where there is only one item: nothing tells it."""
    items, pairs = len(sums), float(sums[:, 1].sum())
    if items < 2:
        return 1.0
    alone = share * (1 - share) / pairs
    apart = sums[:, 0] - share * sums[:, 1]
    between = items / (items - 1) * float((apart**2).sum()) / pairs**2
    return max(1.0, between / alone)


def needed(share: float, target: float, tail: float) -> int | None:
    """Independent pairs with which a true `share` has its lower bound at `target` or above; None where it is not above it.

    tail: chance of the bound lying too high.

    >>> needed(1.0, 0.95, 0.05), needed(0.97, 0.95, 0.05), needed(0.95, 0.95, 0.05)
    (59, 386, None)
    """
    if share <= target:
        return None
    first, last = 1, 1
    while not _reaches(share, last, target, tail):
        first, last = last, 2 * last
        if last > MOST:
            return None
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if _reaches(share, middle, target, tail) else (middle + 1, last)
    return last


def pairs_needed(found: Bound, target: float, tail: float) -> float | None:
    """Pairs like those found (as many an item, errors as close together) whose lower bound would reach the target, if the
    share stays what it is; None where no number helps."""
    number = None if found.value is None else needed(found.value, target, tail)
    if number is None:
        return None
    items = needed(1.0, target, tail) or 0
    return max(number * found.pairs / found.effective, items * found.pairs / found.items)


def _reaches(share: float, pairs: int, target: float, tail: float) -> bool:
    """Whether the lower bound of `share` reaches the target: so many hits are too rare there."""
    hits = pairs - min(pairs, math.ceil((1 - share) * pairs - 1e-9))
    return hits > 0 and _tail(hits, pairs, target) <= tail * (1 + 1e-9)


def planning_tail(level: float, power: float) -> float:
    """The tail at which to bound now so that a second sample as large passes at `level` with chance `power`.

    >>> round(planning_tail(0.95, 0.9), 4)
    0.0017

    Worked: z(.95) + z(.9) = 1.645 + 1.282 = 2.926; beyond it lie .0017 of the normal.
    """
    normal = NormalDist()
    return 1 - normal.cdf(normal.inv_cdf(level) + normal.inv_cdf(power))
