"""Paired AUCs by hand, against scikit-learn, and the laws of a paired difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from adjudge.stats.auc import PairedAuc, paired_auc

YES = np.array([True, True, False, False])
EVERY = {"all": np.ones(4, bool)}


def one(found: list[PairedAuc], model: str, minus: str = "", segment: str = "all") -> PairedAuc:
    (figure,) = [f for f in found if (f.model, f.minus, f.segment) == (model, minus, segment)]
    return figure


def test_by_hand() -> None:
    scores = {"some": np.array([0.9, 0.2, 0.5, 0.1]), "whole": np.array([0.9, 0.8, 0.5, 0.1])}
    found = paired_auc(scores, YES, list("abcd"), ["some"], EVERY, np.random.default_rng(0), 200)
    assert one(found, "some").value == 0.75
    assert one(found, "whole").value == 1.0
    difference = one(found, "whole", "some")
    assert difference.value == 0.25
    assert (difference.pairs, difference.relevant, difference.clusters) == (4, 2, 4)
    assert one(found, "whole").low is None, "with four clusters some replicate has one class only"
    assert not [f for f in found if f.model == f.minus]


def many(seed: int, n: int = 300) -> tuple[dict[str, np.ndarray], np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    yes = rng.random(n) < 0.5
    good = yes + rng.normal(0, 1, n)
    return {"good": good, "near": good + rng.normal(0, 0.2, n)}, yes, rng.integers(0, 60, n).tolist()


def test_values_are_scikit_learns_and_equal_clusters_draw_equal_samples() -> None:
    scores, yes, cluster = many(1)
    rows = {"all": np.ones(len(yes), bool), "half": np.arange(len(yes)) % 2 == 0}
    found = paired_auc(scores, yes, cluster, ["good"], rows, np.random.default_rng(0), 300)
    for name, kept in rows.items():
        for model, values in scores.items():
            figure = one(found, model, segment=name)
            assert figure.value == pytest.approx(roc_auc_score(yes[kept], values[kept]))
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low < figure.value < figure.high
    difference, near = one(found, "near", "good"), one(found, "near")
    assert difference.high is not None
    assert difference.low is not None
    assert near.high is not None
    assert near.low is not None
    assert difference.high - difference.low < (near.high - near.low) / 2


def test_intervals_are_those_of_a_loop_over_drawn_clusters() -> None:
    scores, yes, cluster = many(2)
    found = paired_auc(
        scores, yes, cluster, [], {"all": np.ones(len(yes), bool)}, np.random.default_rng(3), 400
    )
    rng, groups = np.random.default_rng(4), np.array(cluster)
    names = np.unique(groups)
    values = []
    for _ in range(400):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.choice(names, len(names))])
        values.append(roc_auc_score(yes[rows], scores["good"][rows]))
    figure = one(found, "good")
    assert (figure.low, figure.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=0.02)


def test_a_segment_of_one_class_has_no_row() -> None:
    found = paired_auc(
        {"m": np.arange(4.0)}, YES, list("abcd"), [], {"yes": YES}, np.random.default_rng(0), 10
    )
    assert found == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_monotone_map_changes_nothing(seed: int) -> None:
    scores, yes, cluster = many(seed, 60)
    if yes.all() or not yes.any():
        return
    rows = {"all": np.ones(len(yes), bool)}
    plain = paired_auc(scores, yes, cluster, ["near"], rows, np.random.default_rng(0), 20)
    mapped = {name: np.exp(one) for name, one in scores.items()}
    assert paired_auc(mapped, yes, cluster, ["near"], rows, np.random.default_rng(0), 20) == plain
