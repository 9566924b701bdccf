"""Sums per segment and replicate: against writing rows down again, with every kind of threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.scorecard import segment_sums
from adjudge.scorecard.segment_sums import SegmentSums
from adjudge.scorecard.segments import Segmentation
from adjudge.scorecard.threshold import Thresholds, fixed
from adjudge.stats.cluster_bootstrap import draw

NAMES = ("x", "y", "z")


class Case:
    """Random pairs in three segments and five clusters, with two columns."""

    def __init__(self, seed: int, n: int = 60, segments: int = 3, replicates: int = 6) -> None:
        rng = np.random.default_rng(seed)
        self.rng, self.n = rng, n
        self.codes = rng.integers(0, segments, n).astype(np.int32)
        self.cluster = rng.integers(0, 5, n).astype(np.int32)
        self.columns = [rng.integers(0, 4, n), rng.random(n) < 0.3]
        self.scores = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 10, n) / 10)
        self.draws = draw(rng, 5, replicates, "poisson")
        by = Segmentation("all" if segments == 1 else "category", NAMES[:segments], self.codes)
        self.segments = segments
        self.sums = SegmentSums(by, self.cluster, np.ascontiguousarray(self.draws.T))

    def slowly(self, inside: np.ndarray) -> np.ndarray:
        """[columns, segments, B] by a loop over pairs; inside: [n, B], which pairs count in which
        replicate."""
        total = np.zeros((len(self.columns), self.segments, len(self.draws)))
        for row in range(self.n):
            for b, times in enumerate(self.draws):
                if inside[row, b]:
                    for c, column in enumerate(self.columns):
                        total[c, self.codes[row], b] += float(column[row]) * times[self.cluster[row]]
        return total


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_sums_over_all_pairs(seed: int, segments: int) -> None:
    case = Case(seed, segments=segments)
    everything = np.ones((case.n, len(case.draws)), bool)
    assert np.allclose(case.sums.every(case.columns), case.slowly(everything))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_sums_over_kept_pairs_with_a_threshold_per_replicate(seed: int) -> None:
    case = Case(seed)
    overall = case.rng.integers(0, 11, len(case.draws)) / 10
    chosen = Thresholds(overall[None, :], np.zeros(case.n, np.int32), np.ones(1, bool), overall)
    inside = case.scores[:, None] >= overall
    assert np.allclose(case.sums.kept(case.columns, case.scores, chosen), case.slowly(inside))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_sums_over_kept_pairs_with_a_threshold_per_group(seed: int) -> None:
    case = Case(seed)
    values = case.rng.integers(0, 11, (2, len(case.draws))) / 10
    group = case.rng.integers(0, 2, case.n).astype(np.int32)
    chosen = Thresholds(values, group, np.ones(2, bool), values[0])
    inside = case.scores[:, None] >= values[group]
    assert np.allclose(case.sums.kept(case.columns, case.scores, chosen), case.slowly(inside))


def test_a_replicate_without_a_threshold_has_no_sums() -> None:
    case = Case(3)
    overall = np.full(len(case.draws), 0.5)
    overall[2] = np.nan
    chosen = Thresholds(overall[None, :], np.zeros(case.n, np.int32), np.ones(1, bool), overall)
    kept = case.sums.kept(case.columns, case.scores, chosen)
    assert np.isnan(kept[:, :, 2]).all()
    others = [b for b in range(len(case.draws)) if b != 2]
    inside = np.repeat((case.scores >= 0.5)[:, None], len(case.draws), axis=1)
    assert np.allclose(kept[:, :, others], case.slowly(inside)[:, :, others])
    none = Thresholds(overall[None, :] * np.nan, chosen.group, chosen.separate, overall * np.nan)
    assert np.isnan(case.sums.kept(case.columns, case.scores, none)).all()


def test_unscored_pairs_are_never_kept() -> None:
    case = Case(5)
    chosen = fixed(-1.0, case.n, len(case.draws))
    scored = np.repeat(~np.isnan(case.scores)[:, None], len(case.draws), axis=1)
    assert np.allclose(case.sums.kept(case.columns, case.scores, chosen), case.slowly(scored))


def test_small_blocks_give_the_same_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(7)
    overall = case.rng.integers(0, 11, len(case.draws)) / 10
    chosen = Thresholds(overall[None, :], np.zeros(case.n, np.int32), np.ones(1, bool), overall)
    whole = case.sums.every(case.columns), case.sums.kept(case.columns, case.scores, chosen)
    monkeypatch.setattr(segment_sums, "_BLOCK", 1)
    again = case.sums.every(case.columns), case.sums.kept(case.columns, case.scores, chosen)
    assert all(np.allclose(a, b) for a, b in zip(whole, again, strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_support_and_clusters_count_used_pairs(seed: int, segments: int) -> None:
    case = Case(seed, segments=segments)
    used = case.rng.random(case.n) < 0.2
    for s in range(segments):
        rows = used & (case.codes == s)
        assert case.sums.support(used)[s] == rows.sum()
        assert case.sums.clusters(used)[s] == len(set(case.cluster[rows].tolist()))


def test_only_all_and_category_hold_whole_items() -> None:
    for by, whole in (("all", True), ("category", True), ("volume", False), ("words", False), ("bin", False)):
        codes = np.zeros(2, np.int32)
        assert SegmentSums(Segmentation(by, ("x",), codes), codes, np.ones((1, 1), np.uint8)).by_item is whole
