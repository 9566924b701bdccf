"""Drift of a label mix, by hand and against scipy; the interval is over items."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from adjudge.stats.sampling import Sampling
from adjudge.trust.drift import Drift, chi_square, distances, drift, psi

GRADES = ("irrelevant", "moderate", "high")
MIX, TARGET = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
SAMPLING = Sampling(replicates=400)


def test_the_worked_numbers() -> None:
    assert float(distances(np.array([50.0, 30, 20]), TARGET)) == pytest.approx(0.1)
    assert psi(MIX, TARGET) == pytest.approx(0.0511, abs=5e-5)
    square, p = chi_square(np.array([50.0, 30, 20]), TARGET)
    assert square == pytest.approx(5.0)
    assert p == pytest.approx(np.exp(-2.5), abs=1e-9)


def test_chi_square_is_scipys() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        counts = rng.integers(1, 90, 4).astype(float)
        target = rng.dirichlet(np.ones(4))
        theirs = chisquare(counts, counts.sum() * target)
        assert chi_square(counts, target) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_a_grade_that_the_target_excludes_is_told() -> None:
    assert chi_square(np.array([1.0, 5, 4]), np.array([0.0, 0.5, 0.5])) == (None, 0.0)
    assert chi_square(np.array([0.0, 5, 5]), np.array([0.0, 0.5, 0.5])) == pytest.approx((0.0, 1.0))


def found(mix: tuple[float, ...], rows: int, per_item: int, limit: float = 0.05) -> Drift:
    rng = np.random.default_rng(7)
    item = np.arange(rows) // per_item
    # One grade an item where an item has several rows: pairs of an item are alike.
    steps = rng.choice(3, rows // per_item + 1, p=mix)[item] if per_item > 1 else rng.choice(3, rows, p=mix)
    return drift(GRADES, steps, item, tuple(TARGET), limit, SAMPLING, rng)


def test_the_same_mix_is_quiet_and_another_drifts() -> None:
    quiet, loud = found(tuple(TARGET), 4000, 1), found((0.6, 0.3, 0.1), 4000, 1)
    assert not quiet.drifted
    assert quiet.p > 0.001
    assert loud.drifted
    assert loud.distance.low is not None
    assert loud.distance.low > 0.15
    assert loud.p < 1e-6
    assert loud.mix == pytest.approx((0.6, 0.3, 0.1), abs=0.03)


def test_pairs_of_one_item_widen_the_interval() -> None:
    alone, together = found((0.6, 0.3, 0.1), 2000, 1), found((0.6, 0.3, 0.1), 2000, 10)
    widths = [one.distance.high - one.distance.low for one in (alone, together)]  # type: ignore[operator]
    assert widths[1] > 2 * widths[0]
