"""Exact bounds of a share: Clopper and Pearson against scipy, and what pairs of one item are worth."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from adjudge.stats import bounds


def test_worked_examples_in_the_docstrings() -> None:
    result = doctest.testmod(bounds)
    assert result.attempted > 0
    assert result.failed == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.998]))
def test_the_lower_bound_is_clopper_and_pearsons(pairs: int, share: float, level: float) -> None:
    hits = round(share * pairs)
    exact = beta.ppf(1 - level, hits, pairs - hits + 1) if hits else 0.0
    assert bounds.lower(hits, pairs, level) == pytest.approx(exact, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.82, 1), st.floats(0.6, 0.8), st.sampled_from([0.05, 0.0017]))
def test_so_many_labels_reach_the_target_and_fewer_by_one_do_not(
    share: float, target: float, tail: float
) -> None:
    number = bounds.needed(share, target, tail)
    assert number is not None
    assert bounds.lower(share * number, number, 1 - tail) >= target - 1e-9


def test_errors_that_come_together_count_as_fewer_pairs() -> None:
    """100 items of 4 pairs each, all four right or all four wrong: worth about 100 pairs, not 400."""
    item = np.repeat(np.arange(100), 4)
    right = np.repeat(np.arange(100) >= 10, 4)
    together = bounds.bound(item, right, 0.95)
    alone = bounds.bound(np.arange(400), right, 0.95)
    assert together.value == alone.value == 0.9
    assert together.effective == pytest.approx(99, abs=0.5)
    assert together.low == pytest.approx(bounds.lower(0.9 * 99, 99, 0.95), abs=1e-9)
    assert alone.effective == pytest.approx(399)
    assert alone.low == pytest.approx(beta.ppf(0.05, 359, 41), abs=1e-9)
    assert bounds.bound(item[:0], right[:0], 0.95).low is None


def test_without_errors_items_are_counted_and_few_errors_show_no_more() -> None:
    """600 labels of 4 items show 0.05 ** (1 / 4) = 0.473, with no error as with one; of 600 items 0.995."""
    item, right = np.repeat(np.arange(4), 150), np.ones(600, bool)
    flawless = bounds.bound(item, right, 0.95)
    assert (flawless.effective, flawless.items) == (4, 4)
    assert flawless.low == pytest.approx(0.05**0.25)
    flawed = right.copy()
    flawed[0] = False
    assert bounds.bound(item, flawed, 0.95).low <= flawless.low
    assert bounds.bound(np.arange(600), right, 0.95).low == pytest.approx(0.05 ** (1 / 600))
    none = bounds.bound(item, ~right, 0.95)
    assert none.high == pytest.approx(1 - 0.05**0.25)


def test_the_lower_bound_of_clustered_pairs_lies_too_high_no_oftener_than_promised() -> None:
    """Items share their chance of an error (beta-binomial); few of 400 draws have a bound above 0.9."""
    rng = np.random.default_rng(4)
    item = np.repeat(np.arange(60), 10)
    too_high = naive_too_high = 0
    for _ in range(400):
        chance = rng.beta(0.9 * 4, 0.1 * 4, 60)
        right = rng.random(600) < chance[item]
        too_high += bounds.bound(item, right, 0.95).low > 0.9
        naive_too_high += bounds.lower(int(right.sum()), 600, 0.95) > 0.9
    # 5 % are promised; 400 draws of 5 % give 20, and 33 or more with chance 0.003.
    assert too_high <= 32
    # The test can see the difference: pairs counted as independent break the promise.
    assert naive_too_high > 40
