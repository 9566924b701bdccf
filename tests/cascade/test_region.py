"""Confidence and regions: by hand, by property, and against another pool-adjacent-violators algorithm."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import draw

from adjudge.cascade.region import Block, LabelledAnswers, Region, blocks, confidence, nested_regions
from adjudge.records import BINARY, FOUR, SCALES, scale

answers = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 20).map(lambda n: n / 20), st.booleans()), max_size=80
)
Rows = list[tuple[int, float, bool]]


def columns(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    step = np.array([row[0] for row in rows], np.int64)
    return step, np.array([row[1] for row in rows], float), np.array([row[2] for row in rows], bool)


def test_confidence_on_two_grades_is_the_probability_of_the_grade_given() -> None:
    step, probability = np.array([1, 0, 1, 0]), np.array([0.9, 0.2, 0.4, 1.0])
    misleading = np.array([0.0, 1.0, 0.5, 0.5])
    assert confidence(step, probability, misleading, BINARY) == pytest.approx([0.9, 0.8, 0.4, 0.0])


def test_confidence_falls_with_the_distance_to_the_expected_step_and_stays_in_range() -> None:
    """Steps 2, 2, 0 with expected steps 2, 2.25 and 3: 1, 0.75, and -2, which counts as 0."""
    expected = np.array([2.0, 2.25, 3.0])
    sure = confidence(np.array([2, 2, 0]), np.full(3, np.nan), expected, FOUR)
    assert sure == pytest.approx([1.0, 0.75, 0.0])


@pytest.mark.parametrize("name", sorted(SCALES))
def test_a_judge_that_gives_no_probability_is_certain(name: str) -> None:
    here = scale(name)
    step, unknown = np.arange(len(here.grades)), np.full(len(here.grades), np.nan)
    assert confidence(step, unknown, unknown, here).tolist() == [1.0] * len(step)


def test_without_an_expected_step_the_side_of_the_grade_counts() -> None:
    """On four grades the two upper ones are relevant: probability of relevance 0.7 is 0.3 of irrelevance."""
    sure = confidence(np.arange(4), np.full(4, 0.7), np.full(4, np.nan), FOUR)
    relevant = np.arange(4) >= FOUR.relevant_from
    assert sure == pytest.approx(np.where(relevant, 0.7, 0.3))


def test_a_threshold_is_inside_and_none_is_never() -> None:
    region = Region((0.5, None, 0.0))
    step, sure = np.array([0, 0, 1, 2]), np.array([0.5, 0.49, 1.0, 0.0])
    assert region.inside(step, sure).tolist() == [True, False, False, True]
    assert region.inside(step[:0], sure[:0]).tolist() == []


def test_a_region_in_words() -> None:
    assert Region((None, 0.0)).in_words(BINARY) == "irrelevant never; relevant always"
    assert Region((0.975, 0.8)).in_words(BINARY) == (
        "irrelevant if the probability is at most 0.025; relevant if the probability is at least 0.8"
    )
    assert "fair if the confidence is at least 0.8" in Region((None, 0.8, None, None)).in_words(FOUR)


@settings(max_examples=80, deadline=None)
@given(answers, st.integers(1, 9))
def test_each_nested_region_holds_the_one_before(rows: Rows, size: int) -> None:
    step, sure, right = columns(rows)
    inside = [region.inside(step, sure) for region in nested_regions(step, sure, right, 3, size)]
    assert not inside[0].any()
    assert inside[-1].all()
    assert all((small <= large).all() for small, large in pairwise(inside))


def test_blocks_by_hand() -> None:
    """Surest first, two a run: (2 of 2), (1 of 2), (2 of 2) -> the last two pool to 3 of 4."""
    sure = np.array([0.99, 0.97, 0.9, 0.9, 0.7, 0.6])
    right = np.array([1, 1, 0, 1, 1, 1], bool)
    pooled = blocks(1, sure, right, 2)
    assert [(block.least, block.right, block.pairs) for block in pooled] == [(0.97, 2, 2), (0.0, 3, 4)]
    assert blocks(1, sure[:0], right[:0], 2) == []


def test_a_short_last_run_joins_the_one_before() -> None:
    """Seven answers in runs of three: 3 and 4; fewer answers than a run are one block from confidence 0."""
    sure, right = np.linspace(0.9, 0.3, 7), np.array([1, 1, 1, 0, 1, 0, 0], bool)
    assert [(b.right, b.pairs) for b in blocks(0, sure, right, 3)] == [(3, 3), (1, 4)]
    assert [(b.least, b.right, b.pairs) for b in blocks(0, sure, right, 50)] == [(0.0, 4, 7)]


def test_equal_confidences_stay_together() -> None:
    sure, right = np.array([0.9, 0.9, 0.9, 0.5]), np.array([1, 1, 0, 0], bool)
    assert [(b.least, b.pairs) for b in blocks(0, sure, right, 1)] == [(0.9, 3), (0.0, 1)]


def pooled_by_stack(grade: int, sure: np.ndarray, right: np.ndarray, size: int) -> list[Block]:
    """Pool adjacent violators on a stack: each run joins the block before it while its share is no lower."""
    order = np.argsort(-sure, kind="stable")
    runs: list[list[int]] = [[]]
    for position, index in enumerate(order):
        runs[-1].append(int(index))
        tied = position + 1 < len(order) and sure[order[position + 1]] == sure[index]
        if len(runs[-1]) >= size and not tied:
            runs.append([])
    last = runs.pop()
    if last:
        runs = [*runs[:-1], [*runs[-1], *last]] if runs else [last]
    stack: list[tuple[float, int, int]] = []
    for run in runs:
        least, hits, pairs = float(sure[run[-1]]), int(right[run].sum()), len(run)
        while stack and hits * stack[-1][2] >= stack[-1][1] * pairs:
            _, more_hits, more = stack.pop()
            hits, pairs = hits + more_hits, pairs + more
        stack.append((least, hits, pairs))
    if stack:
        stack[-1] = (0.0, *stack[-1][1:])
    return [Block(grade, *entry) for entry in stack]


@settings(max_examples=200, deadline=None)
@given(answers, st.integers(1, 9))
def test_blocks_are_those_of_another_algorithm_in_whole_numbers(rows: Rows, size: int) -> None:
    _, sure, right = columns(rows)
    assert blocks(2, sure, right, size) == pooled_by_stack(2, sure, right, size)


def test_blocks_of_many_answers_are_those_of_the_other_algorithm() -> None:
    for seed in range(5):
        drawn = draw(np.random.default_rng(seed), 4_000)
        sure = np.round(drawn.confidence, 2)
        assert blocks(0, sure, drawn.right, 1) == pooled_by_stack(0, sure, drawn.right, 1)
        assert blocks(0, sure, drawn.right, 20) == pooled_by_stack(0, sure, drawn.right, 20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 5), st.booleans()), min_size=1, max_size=25))
def test_no_thresholds_hold_more_agreeing_answers_than_the_nested_regions(
    rows: list[tuple[int, int, bool]],
) -> None:
    """All pairs of thresholds on two grades: none lies above the line through the nested regions' counts."""
    step, sure, right = columns([(grade, level / 5, hit) for grade, level, hit in rows])
    counts = []
    for region in nested_regions(step, sure, right, 2, 1):
        inside = region.inside(step, sure)
        counts.append((int(inside.sum()), int(right[inside].sum())))
    pairs, hits = zip(*counts, strict=True)
    for least in product([None, 0.2, 0.4, 0.6, 0.8, 1.0], repeat=2):
        inside = Region(least).inside(step, sure)
        assert right[inside].sum() <= np.interp(inside.sum(), pairs, hits) + 1e-9


def test_labelled_answers_at_some_rows_keep_their_columns() -> None:
    drawn = draw(np.random.default_rng(0), 50)
    some = drawn.at(drawn.right)
    assert len(some) == drawn.right.sum()
    assert some.right.all()
    assert (some.item == drawn.item[drawn.right]).all()
    assert (some.confidence == drawn.confidence[drawn.right]).all()


def test_the_bound_of_a_region_is_that_of_its_answers_alone() -> None:
    """Two answers inside, one of them right; those outside do not matter."""
    steps, sure = np.array([0, 0, 0, 1]), np.array([0.9, 0.8, 0.1, 1.0])
    right = np.array([True, False, False, False])
    answers = LabelledAnswers(np.arange(4), steps, sure, right, right, right, right)
    bound = answers.bound(Region((0.5, None)), 0.95)
    assert (bound.value, bound.right, bound.pairs, bound.items) == (0.5, 1, 2, 2)
