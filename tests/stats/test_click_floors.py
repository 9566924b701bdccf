"""Floors of click-positive pairs: by hand, at the edges, and against the rule in plain Python."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.stats import click_floors
from adjudge.stats.click_floors import ClickFloors

COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)), min_size=1, max_size=30)


def test_worked_examples() -> None:
    outcome = doctest.testmod(click_floors)
    assert outcome.attempted >= 1
    assert outcome.failed == 0


def test_each_floor_alone_decides_at_its_edge() -> None:
    impressions, clicks = np.array([29, 30, 30, 31]), np.array([29, 3, 2, 3])
    # 29 are too few; 3 of 30 are just the rate; 2 of 30 and 3 of 31 are under it.
    assert ClickFloors().positive(impressions, clicks).tolist() == [False, True, False, False]
    assert ClickFloors(impressions=0, clicks=1, ctr=0.0).positive(impressions, clicks).all()
    assert ClickFloors(impressions=0, clicks=4, ctr=0.0).positive(impressions, clicks).tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_a_pair_that_was_never_shown_or_clicked_is_no_positive() -> None:
    none = np.zeros(2, int)
    assert not ClickFloors().positive(none, none).any()
    assert not ClickFloors(impressions=0, clicks=1, ctr=0.0).positive(np.array([0, 100]), none).any()


@given(COUNTS, st.integers(0, 60), st.integers(1, 10), st.sampled_from([0.0, 0.1, 0.25, 1.0]))
def test_the_rule_is_the_one_in_plain_python(
    counts: list[tuple[int, int]], impressions: int, clicks: int, ctr: float
) -> None:
    floors = ClickFloors(impressions, clicks, ctr)
    shown, clicked = (np.array(column) for column in zip(*counts, strict=True))
    expected = [s >= impressions and c >= clicks and c >= ctr * s for s, c in counts]
    assert floors.positive(shown, clicked).tolist() == expected


@given(COUNTS, st.integers(0, 60), st.integers(1, 10))
def test_a_higher_floor_keeps_no_further_pair(
    counts: list[tuple[int, int]], impressions: int, clicks: int
) -> None:
    shown, clicked = (np.array(column) for column in zip(*counts, strict=True))
    base = ClickFloors(impressions, clicks, 0.1).positive(shown, clicked)
    for higher in (
        ClickFloors(impressions + 1, clicks, 0.1),
        ClickFloors(impressions, clicks + 1, 0.1),
        ClickFloors(impressions, clicks, 0.2),
    ):
        assert not (higher.positive(shown, clicked) & ~base).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ctr": 1.5}, "ctr is 1.5.*0 to 1"),
        ({"clicks": 0}, "clicks is 0.*1"),
        ({"impressions": -1}, "impressions is -1.*0"),
        ({"clicks": 2.5}, "clicks is 2.5"),
    ],
)
def test_impossible_floors_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        ClickFloors(**settings)  # type: ignore[arg-type]
