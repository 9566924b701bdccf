"""Exact one-sided bounds of a share (Clopper and Pearson), allowing for pairs that share an item.

They serve where a promise rests on the bound (the cascade), not on an interval drawn for a reader: they are
exact for few errors and for none, where a bootstrap sees no spread at all.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import bdtrc, betaincinv

from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints, columns_by_cluster

MOST = 10**6
"""More labels than are worth naming."""


@dataclass(frozen=True)
class Bound:
    """A share and its two one-sided bounds; None without pairs. `effective`: the number of independent pairs
    that would say as much; without an error, the number of items."""

    value: float | None
    low: float | None
    high: float | None
    right: int
    pairs: int
    items: int
    effective: float


def lower(right: float, pairs: float, level: float) -> float:
    """The least share p at which `right` or more of `pairs` still happen with chance 1 - level (Clopper and
    Pearson 1934): a quantile of the beta distribution.

    right and pairs may be fractions (effective numbers); they are taken down to whole ones, which is on the
    safe side.

    >>> round(lower(59, 59, 0.95), 4), round(lower(95, 100, 0.95), 4), lower(0, 10, 0.95)
    (0.9505, 0.8977, 0.0)

    Worked: 59 of 59: p ** 59 = 0.05, so p = 0.05 ** (1 / 59) = 0.9505.
    """
    whole = math.floor(pairs + 1e-9)
    # Errors are rounded up: as many errors among fewer pairs.
    hits = whole - min(whole, math.ceil(pairs - right - 1e-9))
    return float(betaincinv(hits, whole - hits + 1, 1 - level)) if hits > 0 else 0.0


def bound(item: Ints, right: Bools, level: float) -> Bound:
    """The share of pairs that are right, with bounds that allow for errors which come together in an item.

    item: [n] cluster codes; right: [n]. The pairs count as n / design effect independent ones. The design
    effect is the variance of the share between items over that of as many independent pairs, at least 1 (Korn
    and Graubard 1998). A few errors say little of how errors come together, and none says nothing. So no
    bound lies beyond what as many items would show without a single error, however many pairs they have.

    >>> few = bound(np.repeat(np.arange(4), 100), np.ones(400, bool), 0.95)
    >>> round(few.low, 3), few.effective, round(bound(np.arange(400), np.ones(400, bool), 0.95).low, 3)
    (0.473, 4.0, 0.993)

    Worked: 4 items, no error: p ** 4 = 0.05, so p = 0.473; 400 items: 0.05 ** (1 / 400) = 0.993.
    """
    pairs = len(right)
    if not pairs:
        return Bound(None, None, None, 0, 0, 0, 0.0)
    sums = columns_by_cluster(item, np.column_stack((right.astype(np.float64), np.ones(pairs))))
    hits, share = int(right.sum()), float(right.mean())
    items = len(sums)
    effective = pairs / _design_effect(sums, share) if 0 < hits < pairs else float(items)
    right_pairs, wrong_pairs = share * effective, (1 - share) * effective
    most = lower(items, items, level)
    low = min(most, lower(right_pairs, effective, level))
    high = max(1 - most, 1 - lower(wrong_pairs, effective, level))
    return Bound(share, low, high, hits, pairs, items, effective)


def _design_effect(sums: Floats, share: float) -> float:
    """sums: [items, 2], right and pairs; 0 < share < 1. It is 1 with a single item, which shows no spread."""
    items, pairs = len(sums), float(sums[:, 1].sum())
    if items < 2:
        return 1.0
    independent = share * (1 - share) / pairs
    apart = sums[:, 0] - share * sums[:, 1]
    between = items / (items - 1) * float((apart**2).sum()) / pairs**2
    return max(1.0, between / independent)


def needed(share: float, target: float, tail: float) -> int | None:
    """Independent pairs with which a true `share` has its lower bound at `target` or above; None if it is not
    above it.

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
    return first + bisect_left(range(first, last), True, key=lambda n: _reaches(share, n, target, tail))


def pairs_needed(now: Bound, target: float, tail: float) -> float | None:
    """Pairs like those at hand (as many per item, errors as close together) whose lower bound would reach the
    target, if the share stays what it is; None if no number helps."""
    number = None if now.value is None else needed(now.value, target, tail)
    if number is None:
        return None
    items = needed(1.0, target, tail) or 0
    return max(number * now.pairs / now.effective, items * now.pairs / now.items)


def _reaches(share: float, pairs: int, target: float, tail: float) -> bool:
    """Whether the lower bound of `share` reaches the target: that many hits are too rare at the target
    itself."""
    hits = pairs - min(pairs, math.ceil((1 - share) * pairs - 1e-9))
    # bdtrc is P(X > k) of the binomial distribution (scipy.stats.binom.sf, a hundred times as fast for single
    # numbers).
    return hits > 0 and float(bdtrc(hits - 1, pairs, target)) <= tail * (1 + 1e-9)


def planning_tail(level: float, power: float) -> float:
    """The tail at which to bound now so that a second sample as large passes at `level` with chance `power`.

    >>> round(planning_tail(0.95, 0.9), 4)
    0.0017

    Worked: z(0.95) + z(0.9) = 1.645 + 1.282 = 2.926; beyond it lie 0.0017 of the normal.
    """
    normal = NormalDist()
    return 1 - normal.cdf(normal.inv_cdf(level) + normal.inv_cdf(power))
