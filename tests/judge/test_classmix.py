"""Class mixes matched to a target: by hand, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.judge.classmix import mix_of, planned, resampled, shares_of, target_of, total_variation
from adjudge.records import ORDINAL3

THIRDS = (1 / 3, 1 / 3, 1 / 3)


def test_the_worked_example() -> None:
    assert planned([60, 30, 10], THIRDS, 2) == [30, 30, 20]
    assert total_variation(shares_of([30, 30, 20]), THIRDS) == pytest.approx(1 / 12)
    assert total_variation(shares_of([33, 33, 20]), THIRDS) == pytest.approx(0.1008, abs=1e-4)
    assert total_variation(shares_of([30, 20, 20]), THIRDS) == pytest.approx(0.0952, abs=1e-4)


def test_a_factor_that_reaches_it_meets_the_target() -> None:
    assert planned([60, 30, 10], THIRDS, 6) == [33, 33, 33]
    assert planned([60, 30, 10], (0.6, 0.3, 0.1), 1) == [60, 30, 10]
    assert planned([50, 50, 0], (0.5, 0.0, 0.5), 3)[1:] == [0, 0]


def test_targets_are_spelled_in_four_ways() -> None:
    counts = [10, 30, 60]
    assert target_of("as labelled", ORDINAL3, counts) == (0.1, 0.3, 0.6)
    assert target_of("even", ORDINAL3, counts) == THIRDS
    assert target_of("high=.5, moderate=0.25,irrelevant=.25", ORDINAL3, counts) == (0.25, 0.25, 0.5)
    for bad, why in (
        ("often", "is unknown"),
        ("high=.5,moderate=.1", "sum to 0.6"),
        ("good=1", "did you mean|allowed"),
    ):
        with pytest.raises(BadConfig, match=why):
            target_of(bad, ORDINAL3, counts)
    with pytest.raises(NotEnoughData, match="no class of the target"):
        planned([5, 0, 0], (0.0, 0.5, 0.5), 2)


def test_rows_are_repeated_evenly_and_by_the_seed() -> None:
    steps = np.array([0] * 6 + [1] * 3 + [2])
    rows = resampled(steps, [3, 3, 2], np.random.default_rng(1))
    assert np.bincount(steps[rows]).tolist() == [3, 3, 2]
    assert rows.tolist() == resampled(steps, [3, 3, 2], np.random.default_rng(1)).tolist()
    assert sorted(set(rows[steps[rows] == 1].tolist())) == [6, 7, 8]
    assert rows[steps[rows] == 2].tolist() == [9, 9]
    told = mix_of(ORDINAL3, THIRDS, [6, 3, 1], [3, 3, 2])
    assert told.distance_after < told.distance_before


@given(
    counts=st.lists(st.integers(0, 300), min_size=2, max_size=4),
    weights=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    factor=st.floats(1, 10),
)
def test_no_row_is_used_too_often_and_the_mix_never_gets_worse(
    counts: list[int], weights: list[float], factor: float
) -> None:
    if not sum(counts):
        return
    target = shares_of(weights[: len(counts)])
    taken = planned(counts, target, factor)
    for there, used in zip(counts, taken, strict=True):
        assert used <= there * factor + 1e-9
        assert used >= min(1, there)
        assert used >= there / factor - 1 or not there
    worst = total_variation(shares_of(counts), target)
    slack = 0.5 * len(counts) / max(sum(taken), 1) + 1e-9
    assert total_variation(shares_of(taken), target) <= worst + slack
