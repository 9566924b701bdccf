"""The routing curve: its ends, its points by hand, random routing, and its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import draw

from adjudge.cascade import validation
from adjudge.cascade.curve import CURVE, curve, rows, thinned
from adjudge.cascade.region import LabelledAnswers, Region
from adjudge.cascade.settings import CascadeSettings
from adjudge.stats.sampling import Sampling

FEW = CascadeSettings(target=0.8, sampling=Sampling(replicates=100))


def test_the_curve_begins_with_the_strong_judge_and_ends_with_the_cheap_one() -> None:
    rng = np.random.default_rng(1)
    first, second = draw(rng, 800), draw(rng, 800)
    choice = validation.choose(first, 2, FEW)

    def share(region: Region) -> float:
        return float(1 - region.inside(second.step, second.confidence).mean())

    points = curve(second, choice.regions, choice.index, share, FEW, rng)
    by = {(point.kind, point.against, point.index): point for point in points}
    last = len(choice.regions) - 1
    assert by["all strong", "labels", 0].agreement.value == pytest.approx(second.strong_right.mean())
    assert by["all cheap", "labels", last].agreement.value == pytest.approx(second.right.mean())
    assert by["all strong", "strong judge", 0].agreement.value == 1.0
    assert [point.index for point in points if point.chosen] == [choice.index] * 2
    middle = by["cascade", "labels", choice.index]
    blind = by["random", "labels", choice.index]
    assert middle.agreement.low > blind.agreement.high
    calls = share(choice.region)
    mixed = calls * second.strong_right.mean() + (1 - calls) * second.right.mean()
    assert blind.agreement.value == pytest.approx(mixed)


def four_answers() -> LabelledAnswers:
    """Two sure answers (one right), two unsure ones (both wrong); the strong judge is right on the last
    three."""
    right, strong = np.array([1, 0, 0, 0], bool), np.array([0, 1, 1, 1], bool)
    sure = np.array([0.9, 0.9, 0.5, 0.5])
    same = np.array([1, 0, 0, 1], bool)
    return LabelledAnswers(np.arange(4), np.zeros(4, np.int64), sure, right, strong, same, np.ones(4, bool))


REGIONS = (Region((None, None)), Region((0.8, None)), Region((0.0, 0.0)))


def points_of(answers: LabelledAnswers) -> dict[tuple[str, str], float | None]:
    shares = dict(zip(REGIONS, (1.0, 0.5, 0.0), strict=True))
    points = curve(answers, REGIONS, 1, shares.__getitem__, FEW, np.random.default_rng(0))
    return {(point.kind, point.against): point.agreement.value for point in points}


def test_the_points_by_hand() -> None:
    """Region in the middle: the cheap judge answers the first two (1 right), the strong one the others (2
    right)."""
    by = points_of(four_answers())
    assert by["all strong", "labels"] == 0.75
    assert by["cascade", "labels"] == 0.75
    assert by["all cheap", "labels"] == 0.25
    assert by["random", "labels"] == pytest.approx(0.5 * 0.75 + 0.5 * 0.25)
    assert by["cascade", "strong judge"] == pytest.approx(3 / 4)
    assert by["all cheap", "strong judge"] == pytest.approx(2 / 4)
    assert by["random", "strong judge"] == pytest.approx(0.5 + 0.5 * 2 / 4)


def test_only_pairs_that_both_judges_scored_count() -> None:
    """Without the last pair: the strong judge is right on two of three."""
    answers = replace(four_answers(), asked=np.array([1, 1, 1, 0], bool))
    by = points_of(answers)
    assert by["all strong", "labels"] == pytest.approx(2 / 3)
    assert by["all cheap", "labels"] == pytest.approx(1 / 3)


def test_there_is_no_curve_without_answers_of_the_strong_judge() -> None:
    answers = replace(four_answers(), asked=np.zeros(4, bool))
    rng = np.random.default_rng(0)
    assert curve(answers, REGIONS, 1, lambda region: 0.5, FEW, rng) == ()
    assert rng.random() == np.random.default_rng(0).random()


def test_all_points_share_the_resamples() -> None:
    """Random routing at share 1 would be the strong judge; the cascade's region of nothing is it exactly."""
    answers = draw(np.random.default_rng(4), 600)
    regions = (Region((None, None)), Region((2.0, 2.0)), Region((0.0, 0.0)))
    points = curve(answers, regions, 1, lambda region: 1.0, FEW, np.random.default_rng(0))
    by = {(point.kind, point.against): point.agreement for point in points}
    assert by["cascade", "labels"] == by["all strong", "labels"]
    assert by["random", "labels"].low == pytest.approx(by["all strong", "labels"].low)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.integers(3, 30), st.data())
def test_thinned_holds_both_ends_and_the_chosen_one_and_few_others(
    shares: list[float], points: int, data: st.DataObject
) -> None:
    shares = sorted(shares, reverse=True)
    chosen = data.draw(st.integers(0, len(shares) - 1))
    indices = thinned(shares, chosen, points)
    assert indices == sorted(set(indices))
    assert {0, chosen, len(shares) - 1} <= set(indices)
    if shares[0] > shares[-1]:
        assert len(indices) <= points + 2


def test_thinned_spreads_over_the_share_of_calls() -> None:
    """101 regions of a hundredth each, five points: every fourth of the calls."""
    shares = [1 - n / 100 for n in range(101)]
    assert thinned(shares, 50, 5) == [0, 25, 50, 75, 100]


def test_rows_have_the_columns_of_the_table() -> None:
    shares = dict(zip(REGIONS, (1.0, 0.5, 0.0), strict=True))
    points = curve(four_answers(), REGIONS, 1, shares.__getitem__, FEW, np.random.default_rng(0))
    listed = rows(points, [float(n) for n in range(len(points))])
    table = pa.Table.from_pylist(listed, schema=CURVE)
    assert set(listed[0]) == set(CURVE.names)
    assert table["place"].to_pylist() == [point.index for point in points]
    assert table["money"].to_pylist() == [float(n) for n in range(len(points))]
    assert table["note"][0].as_py() == "4 items; an interval needs 20"
