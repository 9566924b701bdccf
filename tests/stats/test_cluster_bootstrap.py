"""The cluster bootstrap: against a formula, its coverage, and when there is no interval."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.stats.cluster_bootstrap import Floats, columns_by_cluster, estimate, estimates, sums_by_cluster
from adjudge.stats.sampling import Sampling


def mean(sums: Floats) -> Floats:
    return sums[..., 1] / sums[..., 0]


def planted(rng: np.random.Generator, items: int, each: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Items with `each` pairs; all pairs of an item say yes together nine times in ten."""
    chance = rng.random(items) < 0.4
    item = np.repeat(np.arange(items), each)
    own = rng.random(len(item)) < 0.1
    return item, np.where(own, rng.random(len(item)) < 0.4, chance[item]).astype(float)


def of(item: np.ndarray, yes: np.ndarray, sampling: Sampling, rng: np.random.Generator) -> object:
    sums = columns_by_cluster(item, np.stack([np.ones(len(yes)), yes], axis=1))
    return estimate(sums, mean, len(yes), sampling, rng)


def test_standard_error_is_the_cluster_formula() -> None:
    """Of a mean: sqrt(sum over items of (sum of deviations) ** 2) / n."""
    item, yes = planted(np.random.default_rng(1), 400)
    found = of(item, yes, Sampling(replicates=3_000), np.random.default_rng(2))
    formula = np.sqrt((np.bincount(item, yes - yes.mean()) ** 2).sum()) / len(yes)
    assert found.se == pytest.approx(formula, rel=0.05)
    pairwise = np.sqrt(yes.mean() * (1 - yes.mean()) / len(yes))
    assert found.se > 1.5 * pairwise


def test_coverage_of_clustered_data() -> None:
    """95 % intervals hold the truth in 90 to 99 of 100 tries (600 tries; pairs taken for independent hold it
    in 70)."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        found = of(*planted(rng, 80), Sampling(replicates=200), rng)
        held += found.low <= 0.4 <= found.high
    assert 0.90 <= held / 600 <= 0.99


def test_few_items_no_interval() -> None:
    item, yes = planted(np.random.default_rng(4), 19)
    found = of(item, yes, Sampling(), np.random.default_rng(0))
    assert found.value is not None
    assert (found.low, found.high, found.se) == (None, None, None)
    assert "19 items" in found.note


def test_undefined_resamples_no_interval() -> None:
    sums = np.zeros((30, 2))
    sums[0] = 1
    found = estimate(
        sums, lambda s: np.where(s[..., 0] > 0, 1.0, np.nan), 30, Sampling(), np.random.default_rng(0)
    )
    assert found.value == 1
    assert found.low is None
    assert "resamples" in found.note


def test_no_pairs_is_absent() -> None:
    assert estimate(np.zeros((0, 2)), mean, 0, Sampling(), np.random.default_rng(0)).value is None


def test_pooling_many_items_keeps_the_width() -> None:
    item, yes = planted(np.random.default_rng(5), 3_000)
    all_ = of(item, yes, Sampling(replicates=1_500), np.random.default_rng(6))
    pooled = of(item, yes, Sampling(replicates=1_500, most_clusters=300), np.random.default_rng(6))
    assert pooled.value == all_.value
    assert pooled.se == pytest.approx(all_.se, rel=0.15)


def test_same_seed_same_interval_and_shared_resamples() -> None:
    item, yes = planted(np.random.default_rng(7), 100)
    sums = sums_by_cluster(item, yes.astype(int), 2)
    both = estimates(
        sums,
        {"yes": lambda s: s[..., 1] / s.sum(-1), "no": lambda s: s[..., 0] / s.sum(-1)},
        len(yes),
        Sampling(),
        np.random.default_rng(8),
    )
    again = estimate(sums, lambda s: s[..., 1] / s.sum(-1), len(yes), Sampling(), np.random.default_rng(8))
    assert both["yes"] == again
    assert both["no"].low == pytest.approx(1 - both["yes"].high)
