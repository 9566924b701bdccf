"""AUC, its normal-theory interval and DeLong's components: by hand, by counting, and against scikit-learn."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import adjudge.stats.auc
from adjudge.stats.auc import auc, auc_band, placements

rows = st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 2)), min_size=1, max_size=80).map(
    lambda found: tuple(np.array(column) for column in zip(*found, strict=True))
)


def test_auc_by_hand() -> None:
    """Relevant at .9 and .8, irrelevant at .8 and .1: 1 + 1 + .5 + 1 of 4 comparisons."""
    assert auc(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False])) == 0.875
    assert doctest.testmod(adjudge.stats.auc).failed == 0


def test_one_class_or_nothing_has_no_auc() -> None:
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(auc(np.array([]), np.array([], bool)))
    zero = np.array([1.0, 0.0])
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, False]), zero)), "a weight of 0 is absence"


def test_auc_band_by_hand() -> None:
    """.8 of 50 and 50: se .0445; of one class's size and the other's alike; never beyond 0 and 1."""
    assert auc_band(0.8, 50, 50) == pytest.approx((0.8 - 1.96 * 0.0445, 0.8 + 1.96 * 0.0445), abs=1e-4)
    assert auc_band(0.5, 30, 70) == pytest.approx(auc_band(0.5, 70, 30))
    assert auc_band(0.99, 2, 2)[1] == 1.0


def test_auc_band_is_as_wide_as_chance_makes_it() -> None:
    """Under chance the AUC's variance is (n + m + 1) / (12 n m) (Mann and Whitney 1947), met to a percent."""
    low, high = auc_band(0.5, 400, 600)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(1_001 / (12 * 400 * 600)), rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 4)), min_size=2, max_size=60))
def test_auc_equals_sklearn(found: list[tuple[int, bool, int]]) -> None:
    score, yes, weight = (np.array(column) for column in zip(*found, strict=True))
    value = auc(score / 10, yes, weight.astype(float))
    if (weight[yes].sum() > 0) and (weight[~yes].sum() > 0):
        assert value == pytest.approx(roc_auc_score(yes, score, sample_weight=weight))
    else:
        assert np.isnan(value)


@given(rows)
def test_turning_the_scores_round_mirrors_the_auc(columns: tuple[np.ndarray, ...]) -> None:
    score, yes, _ = columns
    value = auc(score.astype(float), yes)
    if not np.isnan(value):
        assert auc(-score.astype(float), yes) == pytest.approx(1 - value)
        assert auc(score.astype(float), ~yes) == pytest.approx(1 - value)
        assert auc(np.exp(score / 3), yes) == pytest.approx(value)


def test_placements_by_hand() -> None:
    """Relevant .9 and .4, irrelevant .5: the first is right of all, the second of none, the third between
    them."""
    placed = placements(np.array([0.9, 0.4, 0.5]), np.array([True, True, False]), np.zeros(3, np.int32), 1)
    assert placed.tolist() == [1.0, 0.0, 0.5]
    tied = placements(np.array([0.5, 0.5]), np.array([True, False]), np.zeros(2, np.int32), 1)
    assert tied.tolist() == [0.5, 0.5]
    assert len(placements(np.array([]), np.array([], bool), np.array([], np.int32), 3)) == 0


@given(rows)
def test_placements_equal_counting(columns: tuple[np.ndarray, ...]) -> None:
    score, yes, segment = columns
    placed = placements(score / 10, yes, segment.astype(np.int32), 3)
    for at in range(len(score)):
        others = score[(segment == segment[at]) & (yes != yes[at])]
        sign = 1 if yes[at] else -1
        right = sum((sign * (score[at] - other) > 0) + 0.5 * (score[at] == other) for other in others)
        assert placed[at] == pytest.approx(right / len(others) if len(others) else 0.0)


@given(rows)
def test_placements_average_to_each_segments_auc(columns: tuple[np.ndarray, ...]) -> None:
    score, yes, segment = columns
    placed = placements(score / 10, yes, segment.astype(np.int32), 3)
    for code in range(3):
        inside = segment == code
        expected = auc(score[inside] / 10, yes[inside])
        if not np.isnan(expected):
            assert placed[inside & yes].mean() == pytest.approx(expected)
            assert placed[inside & ~yes].mean() == pytest.approx(expected)


@given(rows)
def test_an_order_given_or_many_segments_change_nothing(columns: tuple[np.ndarray, ...]) -> None:
    score, yes, segment = columns
    values, codes = score / 10, segment.astype(np.int32)
    plain = placements(values, yes, codes, 3)
    order = np.argsort(values, kind="stable")
    assert np.array_equal(placements(values, yes, codes, 3, order), plain)
    assert np.array_equal(placements(values, yes, codes, 70_000), plain), "beyond 16 bits"
