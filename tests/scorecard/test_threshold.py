"""The threshold rule: by hand, against a plain loop, and its laws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.scorecard.threshold import ClickCurve, choose, needed_weight, threshold_at_retention

pairs = st.lists(
    st.tuples(st.one_of(st.integers(0, 20).map(lambda v: v / 20), st.just(float("nan"))), st.integers(0, 30)),
    min_size=1,
    max_size=40,
)
retentions = st.integers(1, 100).map(lambda v: v / 100)


def slow_threshold(scores: list[float], weights: list[int], retention: float) -> float | None:
    """The rule read aloud: try every observed score from the highest down."""
    total = sum(weights)
    for t in sorted({s for s in scores if s == s}, reverse=True):
        kept = sum(w for s, w in zip(scores, weights, strict=True) if s >= t)
        if total and kept >= Fraction(str(retention)) * total:
            return t
    return None


def test_by_hand_with_a_tie() -> None:
    """Clicks 10, 5, 3, 2 at .9, .8, .8, .1: .75 needs 15 of 20, reached inside the tie, so both .8 are
    kept."""
    scores, clicks = np.array([0.9, 0.8, 0.8, 0.1]), np.array([10, 5, 3, 2])
    assert threshold_at_retention(scores, clicks, 0.75) == 0.8
    assert threshold_at_retention(scores, clicks, 0.5) == 0.9
    assert threshold_at_retention(scores, clicks, 0.9) == 0.8
    assert threshold_at_retention(scores, clicks, 0.95) == 0.1


@pytest.mark.parametrize(
    ("total", "retention", "needed"),
    [(20, 0.95, 19), (21, 0.95, 20), (10, 0.7, 7), (3, 0.1, 1), (100, 1.0, 100), (10**12, 0.95, 95 * 10**10)],
)
def test_needed_weight_is_exact(total: int, retention: float, needed: int) -> None:
    assert needed_weight(total, retention) == needed


@given(pairs, retentions)
def test_equals_the_rule_read_aloud(rows: list[tuple[float, int]], retention: float) -> None:
    scores, weights = [s for s, _ in rows], [w for _, w in rows]
    expected = slow_threshold(scores, weights, retention)
    if expected is None:
        with pytest.raises(NotEnoughData):
            threshold_at_retention(np.array(scores), np.array(weights), retention)
    else:
        assert threshold_at_retention(np.array(scores), np.array(weights), retention) == expected


@given(pairs, retentions, retentions)
def test_a_higher_retention_never_raises_it(rows: list[tuple[float, int]], one: float, other: float) -> None:
    scores, weights = np.array([s for s, _ in rows]), np.array([w for _, w in rows])
    curve = ClickCurve(scores, weights)
    low, high = (curve.threshold(weights, r) for r in sorted((one, other)))
    assert np.isnan(high) or high <= low


@given(pairs, retentions)
def test_keeps_its_share_and_the_next_higher_score_would_not(
    rows: list[tuple[float, int]], retention: float
) -> None:
    scores, weights = np.array([s for s, _ in rows]), np.array([w for _, w in rows])
    t = ClickCurve(scores, weights).threshold(weights, retention)
    if not np.isnan(t):
        share = Fraction(str(retention)) * int(weights.sum())
        assert weights[scores >= t].sum() >= share
        assert weights[scores > t].sum() < share


@given(pairs, retentions, st.randoms(use_true_random=False))
def test_order_and_pairs_without_clicks_change_nothing(
    rows: list[tuple[float, int]], retention: float, random: object
) -> None:
    scores, weights = np.array([s for s, _ in rows]), np.array([w for _, w in rows])
    t = ClickCurve(scores, weights).threshold(weights, retention)
    turned = list(rows)
    random.shuffle(turned)  # type: ignore[attr-defined]
    more = [*turned, (0.97, 0), (0.01, 0), (0.5, 0)]
    scores, weights = np.array([s for s, _ in more]), np.array([w for _, w in more])
    assert np.array_equal(ClickCurve(scores, weights).threshold(weights, retention), t, equal_nan=True)


def test_unscored_clicks_are_lost() -> None:
    scores, clicks = np.array([0.9, np.nan, 0.2]), np.array([9, 1, 0])
    assert threshold_at_retention(scores, clicks, 0.9) == 0.9
    with pytest.raises(NotEnoughData, match=r"scored pairs hold 9 of 10 click weight, less than the 10 that"):
        threshold_at_retention(scores, clicks, 0.95)


def test_says_what_is_wrong() -> None:
    with pytest.raises(NotEnoughData, match="no pair has a click"):
        threshold_at_retention(np.array([0.5]), np.array([0]), 0.9)
    with pytest.raises(BadConfig, match="retention is 0: allowed is above 0"):
        threshold_at_retention(np.array([0.5]), np.array([1]), 0)
    with pytest.raises(BadConfig, match="fractions or negatives"):
        threshold_at_retention(np.array([0.5]), np.array([0.5]), 0.9)


@given(pairs, retentions, st.integers(0, 2**31))
@settings(max_examples=40)
def test_replicates_equal_repeating_the_rows(
    rows: list[tuple[float, int]], retention: float, seed: int
) -> None:
    """A draw of 2 for a cluster is the same as writing its pairs down twice."""
    scores, weights = np.array([s for s, _ in rows]), np.array([w for _, w in rows])
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 5, len(rows)).astype(np.int32)
    draws = rng.poisson(1.0, (4, 5)).astype(np.uint8)
    found = ClickCurve(scores, weights).replicates(weights, cluster, draws, retention)
    for b, drawn in enumerate(draws):
        times = drawn[cluster]
        expected = slow_threshold(
            np.repeat(scores, times).tolist(), np.repeat(weights, times).tolist(), retention
        )
        assert np.array_equal(found[b], np.nan if expected is None else expected, equal_nan=True)


def test_a_category_below_the_floor_uses_the_threshold_of_all() -> None:
    """Category 0 has 3 clicked pairs, category 1 has 1; the floor is 2."""
    scores = np.array([0.9, 0.8, 0.1, 0.3, 0.7])
    clicks = np.array([10, 10, 10, 1, 0])
    codes = np.array([0, 0, 0, 1, 1], np.int32)
    ones = np.ones((1, 1), np.uint8)
    found = choose(scores, clicks, np.zeros(5, np.int32), ones, 0.6, (codes, 2, 2))
    assert found.overall.tolist() == [0.8]
    assert found.separate.tolist() == [True, False]
    assert found.values[:, 0].tolist() == [0.8, 0.8]
    own = choose(scores, clicks, np.zeros(5, np.int32), ones, 0.6, (codes, 2, 1))
    assert own.values[:, 0].tolist() == [0.8, 0.3]
    assert own.kept(scores).tolist() == [True, True, False, True, True]
