"""Ranking metrics of the scorecard: keyphrases as queries, against nDCG by its formula."""

from __future__ import annotations

import numpy as np
import pytest
import slow_scorecard
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import small_evidence

from adjudge.scorecard.card import MetricValues
from adjudge.scorecard.evidence import PairEvidence
from adjudge.scorecard.ranking import graded_rows, ranking_metrics
from adjudge.scorecard.segments import segmentations
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.cluster_bootstrap import draw

ITEMS = "abcdef"
PHRASES = ("green sofa", "lamp", "sofa")
SETTINGS = ScorecardSettings(ranking=("nDCG@3",), ranking_floor=2, replicates=0)


def graded(seed: int, missing: float = 0.2) -> tuple[PairEvidence, np.ndarray]:
    """Six items by three keyphrases with grades for most, and scores without ties."""
    rng = np.random.default_rng(seed)
    pairs = [f"{item} {phrase}" for item in ITEMS for phrase in PHRASES]
    grades = [None if rng.random() < missing else int(rng.integers(0, 4)) for _ in pairs]
    scores = rng.permutation(len(pairs)) / len(pairs)
    return small_evidence(pairs, {"a": "x", "b": "y"}, grades=grades), scores


def run(evidence: PairEvidence, scores: dict, chosen: ScorecardSettings, seed: int = 0) -> dict:
    kinds = segmentations(evidence, 50)
    return ranking_metrics(evidence, scores, kinds, chosen, np.random.default_rng(seed))


def overall(found: list[MetricValues]) -> MetricValues:
    (values,) = [values for values in found if values.by == "all"]
    return values


def by_phrase(evidence: PairEvidence, scores: np.ndarray, floor: int) -> dict[str, float]:
    """nDCG@3 of each keyphrase with enough graded items, in plain Python."""
    found = {}
    for code, phrase in enumerate(PHRASES):
        rows = [
            {"step": int(evidence.grade[row]), "m": None if np.isnan(scores[row]) else scores[row]}
            for row in np.flatnonzero((evidence.keyphrase == code) & evidence.graded)
        ]
        if len(rows) >= floor:
            found[phrase] = slow_scorecard.ndcg(rows, "m", 3, SETTINGS.gains)
    return found


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_ndcg_is_the_mean_of_the_formula(seed: int, holes: bool) -> None:
    evidence, scores = graded(seed)
    if holes:
        scores = np.where(np.random.default_rng(seed).random(len(scores)) < 0.3, np.nan, scores)
    values = overall(run(evidence, {"m": scores}, SETTINGS)["m"])
    expected = by_phrase(evidence, scores, 2)
    assert values.values[0, 0] == pytest.approx(np.mean(list(expected.values())))
    assert values.support.tolist() == values.clusters.tolist() == [len(expected)]


def test_segments_are_those_of_whole_keyphrases() -> None:
    """One word or more splits keyphrases, categories split items: only the first is a segmentation of
    queries."""
    evidence, scores = graded(1, missing=0)
    found = {values.by: values for values in run(evidence, {"m": scores}, SETTINGS)["m"]}
    assert set(found) == {"all", "words"}
    expected = by_phrase(evidence, scores, 2)
    assert found["words"].names == ("one", "more")
    means = [np.mean([expected["lamp"], expected["sofa"]]), expected["green sofa"]]
    assert found["words"].values[:, 0] == pytest.approx(means)
    assert found["words"].support.tolist() == [2, 1]


def test_replicates_resample_keyphrases() -> None:
    evidence, scores = graded(2, missing=0)
    chosen = ScorecardSettings(ranking=("nDCG@3",), ranking_floor=2, replicates=30, resampling="multinomial")
    values = overall(run(evidence, {"m": scores}, chosen, seed=5)["m"]).values[0]
    expected = np.array(list(by_phrase(evidence, scores, 2).values()))
    draws = draw(np.random.default_rng(5), 3, 30, "multinomial")
    assert values == pytest.approx(draws @ expected / draws.sum(axis=1))


def test_all_models_see_the_same_replicates() -> None:
    evidence, scores = graded(3, missing=0)
    chosen = ScorecardSettings(ranking=("nDCG@3", "RR@3"), ranking_floor=2, replicates=20)
    found = run(evidence, {"m": scores, "same": scores.copy()}, chosen)
    assert [v.metric for v in found["m"] if v.by == "all"] == ["nDCG@3", "RR@3"]
    for first, second in zip(found["m"], found["same"], strict=True):
        assert np.array_equal(first.values, second.values, equal_nan=True)


def test_keyphrases_below_the_floor_are_left_out() -> None:
    pairs = ["a lamp", "a sofa", "b lamp", "c lamp"]
    evidence = small_evidence(pairs, grades=[3, 3, 0, None])
    assert graded_rows(evidence, ScorecardSettings(ranking_floor=2), np.random.default_rng(0)).tolist() == [
        0,
        2,
    ]
    assert graded_rows(evidence, ScorecardSettings(ranking_floor=1), np.random.default_rng(0)).tolist() == [
        0,
        1,
        2,
    ]
    assert run(evidence, {"m": np.zeros(4)}, ScorecardSettings(ranking_floor=3)) == {"m": []}


def test_at_most_so_many_keyphrases_are_drawn_by_the_seed() -> None:
    evidence, _ = graded(4, missing=0)
    few = ScorecardSettings(ranking_floor=2, ranking_keyphrases=2)
    rows = graded_rows(evidence, few, np.random.default_rng(1))
    assert len(set(evidence.keyphrase[rows].tolist())) == 2
    assert np.array_equal(rows, graded_rows(evidence, few, np.random.default_rng(1)))
    seen = {tuple(graded_rows(evidence, few, np.random.default_rng(seed))) for seed in range(20)}
    assert len(seen) == 3, "each two of three keyphrases are drawn by some seed"


def test_without_grades_or_metrics_there_is_nothing() -> None:
    pairs = ["a lamp", "b lamp"]
    assert run(small_evidence(pairs), {"m": np.zeros(2)}, ScorecardSettings(ranking_floor=1)) == {"m": []}
    graded_pairs = small_evidence(pairs, grades=[1, 2])
    assert run(graded_pairs, {"m": np.zeros(2)}, ScorecardSettings(ranking=(), ranking_floor=1)) == {"m": []}
