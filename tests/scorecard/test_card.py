"""Rows of the scorecard: values, changes, intervals, and what is withheld with its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adjudge.scorecard.card import MetricValues, card_rows, change_of, ratio
from adjudge.scorecard.settings import ScorecardSettings

SETTINGS = ScorecardSettings(replicates=4, level=0.5, min_support=10, min_clusters=3)


def values(
    name: str = "sales_kept",
    observed: float = 0.5,
    replicates: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4),
    by: str = "all",
    support: int = 50,
    clusters: int = 5,
    problem: str = "",
) -> MetricValues:
    """One metric in one segment."""
    row = np.array([[observed, *replicates]])
    return MetricValues(name, by, ("x",), row, np.array([support]), np.array([clusters]), problem)


def only(metric: MetricValues, production: MetricValues | None = None, **other: Any) -> dict:
    chosen = ScorecardSettings(**{**vars_of(SETTINGS), **other})
    (row,) = card_rows("m", [metric], None if production is None else [production], chosen)
    return row


def vars_of(settings: ScorecardSettings) -> dict[str, Any]:
    names = ("replicates", "level", "min_support", "min_clusters")
    return {name: getattr(settings, name) for name in names}


def test_a_row_by_hand() -> None:
    """The middle half of .1 .2 .3 .4 runs from .175 to .325 (linear between order statistics)."""
    row = only(values())
    assert row == {
        "model": "m",
        "metric": "sales_kept",
        "segment_by": "all",
        "segment": "x",
        "value": 0.5,
        "low": pytest.approx(0.175),
        "high": pytest.approx(0.325),
        "change": None,
        "change_low": None,
        "change_high": None,
        "support": 50,
        "note": None,
    }


def test_a_change_is_taken_replicate_by_replicate() -> None:
    """Sales kept is a ratio: .5 / .25 - 1 = 1; the replicates' changes are -.5, 0, .5 and 1."""
    production = values(observed=0.25, replicates=(0.2, 0.2, 0.2, 0.2))
    row = only(values(), production)
    assert row["change"] == pytest.approx(1.0)
    assert (row["change_low"], row["change_high"]) == (pytest.approx(-0.125), pytest.approx(0.625))


def test_a_paired_change_is_narrower_than_the_values_suggest() -> None:
    """Both models rise and fall together, so their difference does not vary at all."""
    wild = (0.1, 0.9, 0.2, 0.8)
    production = values("auc", 0.4, tuple(v - 0.1 for v in wild))
    row = only(values("auc", 0.5, wild), production)
    assert row["change"] == pytest.approx(0.1)
    assert row["change_high"] - row["change_low"] == pytest.approx(0.0, abs=1e-12)
    assert row["high"] - row["low"] > 0.5


def test_a_metric_that_production_lacks_has_no_change() -> None:
    row = only(values("recall"), values("precision"))
    assert (row["change"], row["change_low"], row["change_high"]) == (None, None, None)
    other_segmentation = only(values("recall"), values("recall", by="category"))
    assert other_segmentation["change"] is None


@pytest.mark.parametrize(
    ("metric", "note"),
    [
        (values(problem="no pair has a click"), "no pair has a click"),
        (values(by="category", support=9), "support 9 is below 10"),
        (values(support=0), "support 0 is below 1"),
        (values(observed=float("nan")), "undefined: one class or the denominator is empty"),
        (values(observed=float("inf")), "undefined: one class or the denominator is empty"),
    ],
    ids=["no threshold", "small segment", "nothing at all", "undefined", "infinite"],
)
def test_a_value_is_withheld_with_its_reason(metric: MetricValues, note: str) -> None:
    row = only(metric, metric)
    assert row["note"] == note
    names = ("value", "low", "high", "change", "change_low", "change_high")
    assert [row[name] for name in names] == [None] * 6


def test_all_pairs_need_one_pair_and_segments_the_floor() -> None:
    assert only(values(support=1))["value"] == 0.5
    assert only(values(by="words", support=10))["value"] == 0.5
    assert only(values(by="words", support=1), min_support=1)["value"] == 0.5


def test_few_clusters_take_the_interval_alone() -> None:
    row = only(values(clusters=2), values(clusters=2))
    assert row["note"] == "no interval: 2 clusters, 3 needed"
    assert (row["value"], row["change"]) == (0.5, 0.0)
    assert (row["low"], row["high"], row["change_low"], row["change_high"]) == (None,) * 4


def test_without_replicates_nothing_is_said_of_the_missing_interval() -> None:
    row = only(values(replicates=(), clusters=1), replicates=0)
    assert (row["value"], row["low"], row["high"], row["note"]) == (0.5, None, None, None)


def test_one_undefined_replicate_takes_the_interval() -> None:
    row = only(values(replicates=(0.1, float("nan"), 0.3, 0.4)))
    assert (row["value"], row["low"], row["high"]) == (0.5, None, None)


def test_production_that_keeps_nothing_gives_no_ratio() -> None:
    row = only(values(), values(observed=0.0, replicates=(0.0,) * 4))
    assert row["value"] == 0.5
    assert row["change"] is None


def test_every_segment_has_a_row_in_order() -> None:
    table = np.array([[0.5, 0.4], [0.6, 0.7], [float("nan"), 0.1]])
    metric = MetricValues(
        "recall", "category", ("a", "b", "c"), table, np.array([20, 5, 30]), np.array([9, 9, 9])
    )
    rows = card_rows("m", [metric], None, SETTINGS)
    assert [row["segment"] for row in rows] == ["a", "b", "c"]
    assert [row["value"] for row in rows] == [0.5, None, None]


def test_changes_by_hand() -> None:
    new, old = np.array([0.3, 0.3, 0.3]), np.array([0.6, 0.2, 0.0])
    assert change_of("ratio", new, old)[:2] == pytest.approx([-0.5, 0.5])
    assert np.isnan(change_of("ratio", new, old)[2])
    assert change_of("difference", new, old) == pytest.approx([-0.3, 0.1, 0.3])
    assert np.isnan(change_of("none", new, old)).all()


@given(
    arrays(float, 5, elements=st.floats(0, 10)), arrays(float, 5, elements=st.sampled_from([0.0, 0.5, 3.0]))
)
def test_a_ratio_is_a_division_or_nothing(above: np.ndarray, below: np.ndarray) -> None:
    for a, b, value in zip(above, below, ratio(above, below), strict=True):
        if b > 0:
            assert value == a / b
        else:
            assert np.isnan(value)
