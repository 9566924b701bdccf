"""AUC, log loss and calibration error per segment and replicate: against scikit-learn and resampled pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs_world import Inputs
from sklearn.metrics import log_loss, roc_auc_score

from adjudge.scorecard.card import MetricValues
from adjudge.scorecard.quality import quality_metrics
from adjudge.scorecard.segment_sums import SegmentSums
from adjudge.scorecard.segments import Segmentation
from adjudge.stats.auc import auc
from adjudge.stats.cluster_bootstrap import draw

NAMES = ("x", "y")


class Labelled:
    """Random scored pairs with labels for most, in two segments and six clusters."""

    def __init__(self, seed: int, n: int = 80, replicates: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.scores = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 21, n) / 20)
        self.labelled = rng.random(n) < 0.8
        self.relevant = self.labelled & (rng.random(n) < 0.5)
        self.codes = rng.integers(0, 2, n).astype(np.int32)
        self.cluster = rng.integers(0, 6, n).astype(np.int32)
        self.draws = draw(rng, 6, replicates, "poisson")
        by_cluster = np.ascontiguousarray(self.draws.T)
        self.sums = [
            SegmentSums(Segmentation("all", ("all",), np.zeros(n, np.int32)), self.cluster, by_cluster),
            SegmentSums(Segmentation("words", NAMES, self.codes), self.cluster, by_cluster),
        ]

    def measure(self, scores: np.ndarray | None = None) -> dict[tuple[str, str], MetricValues]:
        values = self.scores if scores is None else scores
        found = quality_metrics(self.sums, values, self.labelled, self.relevant, 10)
        return {(metric.metric, metric.by): metric for metric in found}

    def used(self, segment: int | None = None) -> np.ndarray:
        rows = self.labelled & ~np.isnan(self.scores)
        return rows if segment is None else rows & (self.codes == segment)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_values_equal_scikit_learns(seed: int) -> None:
    case = Labelled(seed)
    found = case.measure()
    for by, segments in (("all", [None]), ("words", [0, 1])):
        for s, segment in enumerate(segments):
            rows = case.used(segment)
            yes, scores = case.relevant[rows], case.scores[rows]
            if 0 < yes.sum() < len(yes):
                assert found["auc", by].values[s, 0] == pytest.approx(roc_auc_score(yes, scores))
                assert found["log_loss", by].values[s, 0] == pytest.approx(log_loss(yes, scores))
            else:
                assert np.isnan(found["auc", by].values[s, 0])
            assert found["auc", by].support[s] == rows.sum()
            assert found["auc", by].clusters[s] == len(set(case.cluster[rows].tolist()))


def test_calibration_error_by_hand() -> None:
    """Two pairs at .15 with one relevant, two at .85 with two: (2 x .35 + 2 x .15) / 4 = .25."""
    codes, cluster = np.zeros(5, np.int32), np.arange(5, dtype=np.int32)
    sums = [SegmentSums(Segmentation("all", ("all",), codes), cluster, np.ones((5, 1), np.uint8))]
    scores = np.array([0.15, 0.15, 0.85, 0.85, 0.5])
    labelled = np.array([True, True, True, True, False])
    relevant = np.array([True, False, True, True, False])
    found = {m.metric: m for m in quality_metrics(sums, scores, labelled, relevant, 10)}
    assert found["ece"].values[0, 0] == pytest.approx(0.25)
    assert (found["ece"].by, found["ece"].support.tolist()) == ("all", [4])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_replicates_of_losses_equal_repeated_rows(seed: int) -> None:
    case = Labelled(seed, replicates=4)
    found = case.measure()
    rows = np.flatnonzero(case.used())
    for b, drawn in enumerate(case.draws):
        times = drawn[case.cluster[rows]]
        repeated = np.repeat(rows, times)
        if not len(repeated):
            assert np.isnan(found["log_loss", "all"].values[0, b])
            continue
        yes, scores = case.relevant[repeated], case.scores[repeated]
        expected = log_loss(yes, scores, labels=[False, True])
        assert found["log_loss", "all"].values[0, b] == pytest.approx(expected)
        bins = np.minimum((scores * 10).astype(int), 9)
        gaps = sum(abs((scores - yes)[bins == at].sum()) for at in range(10))
        assert found["ece", "all"].values[0, b] == pytest.approx(gaps / len(repeated), abs=1e-12)


def test_the_interval_of_an_auc_equals_resampling_pairs(market: Inputs) -> None:
    """The DeLong components' replicates against the exact AUC of the same draws, pair by pair."""
    evidence, scores = market
    rng = np.random.default_rng(6)
    draws = draw(rng, len(evidence.items), 200, "poisson")
    by_all = Segmentation("all", ("all",), np.zeros(len(evidence), np.int32))
    sums = [SegmentSums(by_all, evidence.item, np.ascontiguousarray(draws.T))]
    labelled, yes = evidence.truth.known, evidence.truth.yes
    found = quality_metrics(sums, scores["C"], labelled, yes, 10)[0].values[0]
    exact = np.array([auc(scores["C"], yes, times[evidence.item].astype(float)) for times in draws])
    assert found[0] == pytest.approx(exact[0], rel=1e-12)
    assert np.abs(found - exact).max() < 0.1 * (exact.max() - exact.min())
    assert np.corrcoef(found, exact)[0, 1] > 0.99


def test_scores_that_are_no_probabilities_have_an_auc_alone() -> None:
    case = Labelled(3)
    found = case.measure(case.scores * 9 - 4)
    assert {metric for metric, _ in found} == {"auc"}
    assert found["auc", "all"].values[0, 0] == case.measure()["auc", "all"].values[0, 0]


def test_one_class_has_no_auc_but_a_loss() -> None:
    case = Labelled(4)
    case.relevant = case.labelled.copy()
    found = case.measure()
    assert np.isnan(found["auc", "all"].values[0, 0])
    assert found["log_loss", "all"].values[0, 0] > 0
    case.labelled = case.relevant = np.zeros(len(case.scores), bool)
    assert np.isnan(case.measure()["log_loss", "all"].values[0, 0])
