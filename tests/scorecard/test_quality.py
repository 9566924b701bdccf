"""AUC, log loss, kappa and ranking against other people's implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, log_loss, ndcg_score, roc_auc_score

from adjudge.scorecard.agreement import source_agreement
from adjudge.scorecard.disagreements import score_ranks
from adjudge.scorecard.evidence import SourceVerdicts
from adjudge.stats.auc import auc, auc_band, placements
from adjudge.stats.calibration import bin_of, log_losses
from adjudge.stats.segments import head_keyphrases


def test_auc_by_hand() -> None:
    """Relevant at .9 and .8, irrelevant at .8 and .1: 1 + 1 + .5 + 1 of 4 comparisons."""
    assert auc(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False])) == 0.875


def test_auc_band_by_hand() -> None:
    """.8 of 50 and 50: se .0445; of one class's size and the other's alike; never beyond 0 and 1."""
    assert auc_band(0.8, 50, 50) == pytest.approx((0.8 - 1.96 * 0.0445, 0.8 + 1.96 * 0.0445), abs=1e-4)
    assert auc_band(0.5, 30, 70) == pytest.approx(auc_band(0.5, 70, 30))
    assert auc_band(0.99, 2, 2)[1] == 1.0


def test_auc_band_is_as_wide_as_chance_makes_it() -> None:
    """Under chance the AUC's variance is (n + m + 1) / (12 n m) (Mann and Whitney 1947); this one is of it to a percent."""
    low, high = auc_band(0.5, 400, 600)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(1_001 / (12 * 400 * 600)), rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 4)), min_size=2, max_size=60))
def test_auc_equals_sklearn(rows: list[tuple[int, bool, int]]) -> None:
    score, yes, weight = (np.array(column) for column in zip(*rows, strict=True))
    found = auc(score / 10, yes, weight.astype(float))
    if (weight[yes].sum() > 0) and (weight[~yes].sum() > 0):
        assert found == pytest.approx(roc_auc_score(yes, score, sample_weight=weight))
    else:
        assert np.isnan(found)


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 2)), min_size=1, max_size=80))
def test_placements_average_to_each_segments_auc(rows: list[tuple[int, bool, int]]) -> None:
    score, yes, code = (np.array(column) for column in zip(*rows, strict=True))
    placed = placements(score / 10, yes, code.astype(np.int32), 3)
    for segment in range(3):
        mine = code == segment
        expected = auc(score[mine] / 10, yes[mine])
        if not np.isnan(expected):
            assert placed[mine & yes].mean() == pytest.approx(expected)
            assert placed[mine & ~yes].mean() == pytest.approx(expected)


def test_log_loss_equals_sklearn() -> None:
    rng = np.random.default_rng(3)
    score, yes = np.r_[rng.random(500), 0.0, 1.0], rng.random(502) < 0.4
    assert log_losses(score, yes).mean() == pytest.approx(log_loss(yes, score))


def test_the_last_bin_holds_one() -> None:
    assert bin_of(np.array([0.0, 0.0999, 0.1, 0.95, 1.0]), 10).tolist() == [0, 0, 1, 9, 9]


def test_kappa_by_hand_and_by_sklearn() -> None:
    """20 both yes, 5 and 10 split, 15 both no: agree .7, by chance .5, kappa .4."""
    rng = np.random.default_rng(5)
    a, b, known = rng.random(400) < 0.5, rng.random(400) < 0.6, rng.random(400) < 0.8
    sources = {"x": SourceVerdicts(a & known, known), "y": SourceVerdicts(b, np.ones(400, bool))}
    (row,) = source_agreement(sources)
    assert row["pairs"] == known.sum()
    assert row["agree"] == pytest.approx((a == b)[known].mean())
    assert row["kappa"] == pytest.approx(cohen_kappa_score(a[known], b[known]))


def test_against_clicks_kappa_is_absent_and_agreement_is_concordance() -> None:
    clicked, judge = np.array([True, True, True, False]), np.array([True, True, False, False])
    sources = {"clicks": SourceVerdicts(clicked, clicked), "llm": SourceVerdicts(judge, np.ones(4, bool))}
    (row,) = source_agreement(sources)
    assert (row["pairs"], row["agree"], row["kappa"]) == (3, pytest.approx(2 / 3), None)


def test_score_ranks_share_scored_lower() -> None:
    ranks = score_ranks(np.array([0.2, 0.9, 0.9, np.nan]))
    assert ranks[:3].tolist() == pytest.approx([0, 1 / 3, 1 / 3])
    assert np.isnan(ranks[3])


def test_head_keeps_ties_together() -> None:
    assert head_keyphrases(np.array([50, 30, 15, 5, 0]), 0.8).tolist() == [True, True, False, False, False]
    assert head_keyphrases(np.array([40, 20, 20, 20, 0]), 0.5).tolist() == [True, True, True, True, False]
    assert not head_keyphrases(np.zeros(3, int), 0.9).any()


def test_ndcg_equals_sklearn() -> None:
    """One keyphrase, seven items, gains 0 1 10 100."""
    import ir_measures

    from adjudge.stats.ranking import parse_metrics

    rng = np.random.default_rng(11)
    steps, score = rng.integers(0, 4, 7), rng.random(7)
    measure = parse_metrics(["nDCG@5"])["nDCG@5"]
    names = [str(i) for i in range(7)]
    wanted = {"q": dict(zip(names, steps.tolist(), strict=True))}
    run = {"q": dict(zip(names, score.tolist(), strict=True))}
    (value,) = ir_measures.iter_calc([measure], wanted, run)
    gains = np.array([0, 1, 10, 100])[steps]
    assert value.value == pytest.approx(ndcg_score([gains], [score], k=5))
