"""Retention curves, reliability bins and histograms: by hand, and against the scorecard's own figures."""

from __future__ import annotations

import numpy as np
import pytest
import slow_scorecard
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_world import Inputs
from small_evidence import small_evidence

from adjudge.scorecard.curves import histograms, reliability, retention_curve
from adjudge.scorecard.measure import measure
from adjudge.scorecard.settings import ScorecardSettings

PAIRS = ["a cup", "a lamp", "b lamp", "b sofa", "c lamp"]


def test_a_curve_by_hand() -> None:
    """Clicks 10, 5, 3, 2, 0 by falling score: half needs the first pair, 75 % the first two, all of them
    four."""
    evidence = small_evidence(
        PAIRS, clicks=[10, 5, 3, 2, 0], sales=[1, 0, 1, 0, 0], search="yn.yy", recommended=[1, 1, 1, 0, 1]
    )
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    first, middle, last = retention_curve("m", evidence, scores, ScorecardSettings(curve_points=3))
    assert first == {
        "model": "m",
        "retention": 0.5,
        "threshold": 0.9,
        "clicks_kept": 0.5,
        "keyphrases_kept": 1 / 4,
        "sales_kept": 0.5,
        "search_pass_rate": 1.0,
    }
    assert (middle["threshold"], middle["clicks_kept"], middle["search_pass_rate"]) == (0.8, 0.75, 0.5)
    assert (last["retention"], last["threshold"], last["clicks_kept"]) == (1.0, 0.6, 1.0)
    assert last["keyphrases_kept"] == 3 / 4


def test_pairs_tied_at_the_threshold_are_all_kept() -> None:
    evidence = small_evidence(PAIRS, clicks=[5, 5, 0, 0, 0])
    rows = retention_curve(
        "m", evidence, np.array([0.9, 0.8, 0.8, 0.8, 0.1]), ScorecardSettings(curve_points=2)
    )
    assert [row["keyphrases_kept"] for row in rows] == [1 / 5, 4 / 5]


def test_a_share_without_a_whole_is_null() -> None:
    evidence = small_evidence(PAIRS, clicks=[1, 1, 1, 1, 1], recommended=[0] * 5)
    row = retention_curve("m", evidence, np.linspace(0, 1, 5), ScorecardSettings(curve_points=2))[0]
    assert (row["sales_kept"], row["keyphrases_kept"], row["search_pass_rate"]) == (None, None, None)


def test_retentions_out_of_reach_have_no_point() -> None:
    """The unscored pair holds 4 of 10 clicks, so at most 60 % can be kept."""
    evidence = small_evidence(PAIRS, clicks=[3, 3, 4, 0, 0])
    scores = np.array([0.9, 0.8, np.nan, 0.2, 0.1])
    rows = retention_curve("m", evidence, scores, ScorecardSettings(curve_points=11))
    assert [row["retention"] for row in rows] == [0.5, 0.55, 0.6]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), min_size=5, max_size=5),
    st.sampled_from(["clicks", "pairs"]),
)
def test_every_point_is_the_threshold_rule(rows: list[tuple[int, int]], weighting: str) -> None:
    plain = [{"m": score / 10, "clicks": clicks} for score, clicks in rows]
    evidence = small_evidence(PAIRS, clicks=[row["clicks"] for row in plain])
    scores = np.array([row["m"] for row in plain])
    chosen = ScorecardSettings(curve_points=6, weighting=weighting)
    points = {p["retention"]: p["threshold"] for p in retention_curve("m", evidence, scores, chosen)}
    for retention in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        assert points.get(retention) == slow_scorecard.threshold(plain, "m", retention, weighting)


def test_the_point_at_the_retention_is_the_scorecards(market: Inputs) -> None:
    evidence, scores = market
    chosen = ScorecardSettings(replicates=0)
    measured = measure(evidence, scores, chosen, None, np.random.default_rng(0))
    card = {(r["model"], r["metric"]): r["value"] for r in measured.rows if r["segment_by"] == "all"}
    for model, values in scores.items():
        points = retention_curve(model, evidence, values, chosen)
        (point,) = [p for p in points if p["retention"] == 0.95]
        for name in ("threshold", "clicks_kept", "keyphrases_kept", "sales_kept", "search_pass_rate"):
            assert point[name] == pytest.approx(card[model, name], rel=1e-12)
        kept = [p["keyphrases_kept"] for p in points]
        assert kept == sorted(kept), "a looser filter keeps more"


def test_reliability_by_hand() -> None:
    """Scores .05 and .15 share no bin of ten; .91 and .99 do, one of them relevant."""
    sources = {"truth": "nny.y", "clicks": "y...."}
    evidence = small_evidence(PAIRS, sources=sources, recommended=[1, 1, 1, 1, 1])
    rows = reliability("m", evidence, np.array([0.05, 0.15, 0.91, 0.5, np.nan]), 10)
    assert [(r["bin_low"], r["pairs"], r["share_relevant"]) for r in rows] == [
        (0.0, 1, 0.0),
        (0.1, 1, 0.0),
        (0.9, 1, 1.0),
    ]
    assert [r["mean_score"] for r in rows] == [0.05, 0.15, 0.91]
    assert {r["against"] for r in rows} == {"truth"}, "clicks only ever say yes"


def test_reliability_counts_recommended_pairs_alone_and_needs_probabilities() -> None:
    evidence = small_evidence(PAIRS, sources={"truth": "ynyny"}, recommended=[1, 0, 1, 0, 1])
    assert sum(r["pairs"] for r in reliability("m", evidence, np.full(5, 0.4), 10)) == 3
    assert reliability("m", evidence, np.array([0.1, 0.2, 1.5, 0.3, 0.4]), 10) == []
    nothing = small_evidence(PAIRS, sources={"truth": "ynyny"}, recommended=[0] * 5)
    assert reliability("m", nothing, np.full(5, 0.4), 10) == []


def test_a_score_of_one_belongs_to_the_last_bin() -> None:
    evidence = small_evidence(PAIRS, sources={"truth": "ynyny"})
    (row,) = reliability("m", evidence, np.ones(5), 4)
    assert (row["bin_low"], row["bin_high"], row["pairs"], row["share_relevant"]) == (0.75, 1.0, 5, 0.6)


def test_reliability_bins_hold_every_scored_pair(market: Inputs) -> None:
    evidence, scores = market
    for against, verdicts in evidence.sources.items():
        rows = [r for r in reliability("B", evidence, scores["B"], 7) if r["against"] == against]
        if verdicts.yes[verdicts.known].all():
            assert rows == []
            continue
        used = evidence.recommended & verdicts.known
        assert sum(r["pairs"] for r in rows) == used.sum()
        yes = sum(r["share_relevant"] * r["pairs"] for r in rows)
        assert yes == pytest.approx(verdicts.yes[used].sum())
        assert all(r["bin_low"] <= r["mean_score"] <= r["bin_high"] for r in rows)


def test_histograms_by_hand() -> None:
    evidence = small_evidence(PAIRS, clicks=[1, 0, 2, 0, 0], search="yn...", truth="y.n..")
    rows = histograms("m", evidence, np.array([0.1, 0.6, 0.9, np.nan, 0.3]), 2)
    pairs = {}
    for row in rows:
        pairs.setdefault(row["group"], []).append(row["pairs"])
    assert pairs == {
        "clicked": [1, 1],
        "search passed": [1, 0],
        "search rejected": [0, 1],
        "relevant": [1, 0],
        "irrelevant": [0, 1],
    }
    assert {(r["bin_low"], r["bin_high"]) for r in rows} == {(0.0, 0.5), (0.5, 1.0)}


def test_histograms_of_other_scores_span_their_own_range() -> None:
    evidence = small_evidence(PAIRS, clicks=[1, 1, 1, 1, 1])
    rows = histograms("m", evidence, np.array([-2.0, 0.0, 1.0, 6.0, np.nan]), 4)
    assert (rows[0]["bin_low"], rows[-1]["bin_high"]) == (-2.0, 6.0)
    assert [row["pairs"] for row in rows] == [1, 2, 0, 1]


def test_a_group_without_scored_pairs_has_no_histogram() -> None:
    evidence = small_evidence(PAIRS, clicks=[1, 0, 0, 0, 0], truth="nn...")
    rows = histograms("m", evidence, np.array([np.nan, 0.5, 0.5, 0.5, 0.5]), 3)
    assert {row["group"] for row in rows} == {"irrelevant"}
