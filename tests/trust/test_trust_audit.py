"""Contradictions, the category rule and the decision, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.errors import BadConfig
from adjudge.records import FOUR, ORDINAL3
from adjudge.trust.audit import (
    ENGAGED,
    IGNORED,
    INVALID,
    NONE,
    UNKNOWN,
    VALID,
    AuditFloors,
    Validity,
    behaviour,
    contradictions,
    decided,
    validity,
)


def seen(impressions: list[int], clicks: list[int], sales: list[int], expected: list[float]):  # type: ignore[no-untyped-def]
    return behaviour(
        *(np.array(part) for part in (impressions, clicks, sales)), np.array(expected, float), 0.95
    )


def test_coec_and_its_exact_bounds() -> None:
    found = seen([100, 50, 10], [10, 0, 0], [0, 0, 0], [4.0, 5.0, 0.0])
    assert found.coec[:2].tolist() == pytest.approx([2.5, 0.0])
    assert found.low[:2].tolist() == pytest.approx([1.199, 0.0], abs=1e-3)
    assert found.high[:2].tolist() == pytest.approx([4.598, 0.738], abs=1e-3)
    assert np.isnan([found.coec[2], found.low[2], found.high[2]]).all()


def test_what_contradicts_buyers() -> None:
    impressions = [100, 100, 10, 100, 1000, 1000, 100]
    clicks = [10, 10, 10, 1, 0, 0, 0]
    sales = [0, 0, 0, 2, 0, 0, 0]
    expected = [4.0, 4.0, 0.4, 4.0, 20.0, 20.0, 2.0]
    step = np.array([0, 2, 0, 1, 3, 2, 3])
    found = contradictions(step, FOUR, seen(impressions, clicks, sales, expected), AuditFloors())
    # engaged; relevant anyway; too little shown; sold twice; ignored; not the best grade; too little expected
    assert found == [ENGAGED, NONE, NONE, ENGAGED, IGNORED, NONE, NONE]
    without_sales = contradictions(
        step, FOUR, seen(impressions, clicks, sales, expected), AuditFloors(sales=0)
    )
    assert without_sales[3] == NONE


def test_the_pairs_own_clicks_do_not_prove_its_category() -> None:
    clicks = (np.array([100, 100, 12]), np.array([30, 30, 6]), np.array([25, 5, 6]))
    assert validity(*clicks, Validity()).tolist() == [INVALID, VALID, UNKNOWN]


@pytest.mark.parametrize(
    ("kind", "label", "verdict", "valid", "after", "by"),
    [
        (NONE, 0, -1, VALID, 0, "label"),
        (ENGAGED, 0, 2, INVALID, 2, "judge"),
        (ENGAGED, 0, 0, VALID, 1, "category rule"),
        (ENGAGED, 0, 0, INVALID, 0, "category rule"),
        (ENGAGED, 0, -1, VALID, 0, "undecided"),
        (IGNORED, 2, -1, INVALID, 2, "undecided"),
        (ENGAGED, 0, 0, UNKNOWN, 0, "undecided"),
        (IGNORED, 2, 1, VALID, 1, "judge"),
        (IGNORED, 2, 2, INVALID, 0, "category rule"),
        (IGNORED, 2, 2, VALID, 2, "category rule"),
        (IGNORED, 2, 2, UNKNOWN, 2, "undecided"),
    ],
)
def test_who_decides(kind: str, label: int, verdict: int, valid: int, after: int, by: str) -> None:
    found = decided(np.array([label]), [kind], np.array([verdict]), np.array([valid]), ORDINAL3)
    assert (int(found.step[0]), found.by[0]) == (after, by)


def test_a_four_grade_label_moves_to_the_edge_of_its_other_side() -> None:
    found = decided(np.array([0, 3]), [ENGAGED, IGNORED], np.array([0, 3]), np.array([VALID, INVALID]), FOUR)
    assert [FOUR.grades[step] for step in found.step] == ["good", "fair"]


@pytest.mark.parametrize(
    ("field", "value"), [("impressions", 0), ("level", 1.0), ("ignored", 2.0), ("clicks", 0)]
)
def test_floors_outside_their_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(BadConfig, match=field):
        AuditFloors(**{field: value})  # type: ignore[arg-type]
