"""Does a judge's label mix stay at the mix it was tuned for? Total variation, PSI and chi-square against a
target.

Source: paper 2 (arXiv 2605.27704): a labeller's output mix follows its fine-tuning set and is to match
production's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adjudge.stats.cluster_bootstrap import Estimate, Floats, Ints, estimate, sums_by_cluster
from adjudge.stats.sampling import Sampling

LEAST = 1e-4
"""PSI's floor of a share: an empty class would give infinity."""


@dataclass(frozen=True)
class Drift:
    """target, mix: shares by grade, worst first; distance: their total variation, with its interval over
    items; psi; chi_square (None: infinite) with p of seeing so much by chance if pairs were independent draws
    of the target."""

    grades: tuple[str, ...]
    target: tuple[float, ...]
    mix: tuple[float, ...]
    distance: Estimate
    psi: float
    chi_square: float | None
    p: float
    limit: float

    @property
    def drifted(self) -> bool:
        """The distance is above the limit."""
        return self.distance.value is not None and self.distance.value > self.limit


def drift(
    grades: Sequence[str],
    steps: Ints,
    item: Ints,
    target: Sequence[float],
    limit: float,
    sampling: Sampling,
    rng: np.random.Generator,
) -> Drift:
    """Compare the mix of verdicts with the target.

    steps: [n] by grade; item: [n] codes of the pairs' items.
    """
    sums = sums_by_cluster(item, steps, len(grades))
    wanted = np.asarray(target, np.float64)
    distance = estimate(sums, lambda one: distances(one, wanted), len(steps), sampling, rng)
    counts = sums.sum(0)
    square, p = chi_square(counts, wanted)
    mix = counts / max(counts.sum(), 1)
    return Drift(
        tuple(grades), tuple(target), tuple(mix.tolist()), distance, psi(mix, wanted), square, p, limit
    )


def distances(counts: Floats, target: Floats) -> Floats:
    """Total variation [...] of counts [..., K] to a target [K]; NaN without counts.

    >>> float(distances(np.array([50.0, 30, 20]), np.array([.4, .4, .2])).round(4))
    0.1
    """
    total = counts.sum(-1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return 0.5 * np.abs(shares - target).sum(-1)


def psi(mix: Floats, target: Floats) -> float:
    """Population stability index: the sum of (p - q) ln(p / q); under .1 is usually called stable, over .25
    shifted.

    Mix (.5, .3, .2), target (.4, .4, .2): .1 ln 1.25 - .1 ln .75 = .02231 + .02877 = .0511.
    """
    p, q = np.maximum(mix, LEAST), np.maximum(target, LEAST)
    return float(((p - q) * np.log(p / q)).sum())


def chi_square(counts: Floats, target: Floats) -> tuple[float | None, float]:
    """Pearson's statistic and its p; counts of a grade that the target excludes make it infinite: (None, 0).

    Counts (50, 30, 20) at target (.4, .4, .2): 10 ** 2 / 40 + 10 ** 2 / 40 = 5 at 2 degrees of freedom, p =
    exp(-2.5) = .0821.
    """
    from scipy.stats import chi2

    expected = counts.sum() * target
    if (counts[expected <= 0] > 0).any():
        return None, 0.0
    used = expected > 0
    if used.sum() < 2 or not counts.sum():
        return 0.0, 1.0
    square = float(((counts[used] - expected[used]) ** 2 / expected[used]).sum())
    return square, float(chi2.sf(square, int(used.sum()) - 1))
