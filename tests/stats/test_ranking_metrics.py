"""Ranking metrics on arrays: nDCG, reciprocal rank and precision by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from adjudge.errors import BadConfig
from adjudge.stats.ranking import GAINS, JudgedDocuments, parse_metrics

NAN = float("nan")


def judged(*grades: list[int]) -> JudgedDocuments:
    """One list of grades per query; documents are numbered through."""
    query = np.repeat(np.arange(len(grades)), [len(steps) for steps in grades])
    flat = np.array([step for steps in grades for step in steps])
    return JudgedDocuments(query, np.arange(len(flat)), flat)


def test_by_hand() -> None:
    """Ranked 1, 3, 0: gains 1 + 100 / log2(3); the best order 3, 1, 0 has 100 + 1 / log2(3)."""
    metrics = parse_metrics(["nDCG@3", "RR(rel=3)@3", "P(rel=2)@2"])
    found = judged([3, 0, 1]).measure(metrics, np.array([0.5, 0.1, 0.9]))
    assert found["nDCG@3"] == pytest.approx((1 + 100 / np.log2(3)) / (100 + 1 / np.log2(3)))
    assert found["RR(rel=3)@3"] == pytest.approx(1 / 2)
    assert found["P(rel=2)@2"] == pytest.approx(1 / 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 12))
def test_ndcg_equals_sklearn(seed: int, documents: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    steps, score = rng.integers(0, 4, documents), rng.permutation(documents) / documents
    name = f"nDCG@{k}"
    found = judged(steps.tolist()).measure(parse_metrics([name]), score)[name]
    gains = np.array(GAINS)[steps]
    assert found == pytest.approx(ndcg_score([gains], [score], k=k))


def test_queries_are_measured_each_by_itself() -> None:
    metrics = parse_metrics(["nDCG@5"])
    both = judged([3, 0], [0, 2, 1]).measure(metrics, np.array([0.1, 0.9, 0.3, 0.2, 0.1]))["nDCG@5"]
    first = judged([3, 0]).measure(metrics, np.array([0.1, 0.9]))["nDCG@5"]
    second = judged([0, 2, 1]).measure(metrics, np.array([0.3, 0.2, 0.1]))["nDCG@5"]
    assert both.tolist() == [first[0], second[0]]


def test_documents_without_a_score_are_not_retrieved() -> None:
    metrics = parse_metrics(["nDCG@5", "P(rel=1)@2"])
    found = judged([3, 1], [2, 2]).measure(metrics, np.array([NAN, 0.5, NAN, NAN]))
    assert found["nDCG@5"][0] == pytest.approx(1 / (100 + 1 / np.log2(3)))
    assert found["P(rel=1)@2"].tolist() == [0.5, 0.0]
    assert found["nDCG@5"][1] == 0.0, "nothing retrieved is worth nothing"


def test_many_models_are_measured_on_one_preparation() -> None:
    documents, metrics = judged([3, 0, 1]), parse_metrics(["nDCG@3"])
    good, bad = np.array([0.9, 0.1, 0.5]), np.array([0.1, 0.9, 0.5])
    assert documents.measure(metrics, good)["nDCG@3"].tolist() == [1.0]
    assert documents.measure(metrics, bad)["nDCG@3"][0] < 1
    assert documents.measure(metrics, good)["nDCG@3"].tolist() == [1.0]


def test_gains_are_the_settings_unless_the_metric_spells_its_own() -> None:
    scores = np.array([0.1, 0.9])
    names = ["nDCG@2", "nDCG(gains={0:0,1:1,2:2,3:3})@2"]
    found = judged([3, 1]).measure(parse_metrics(names), scores)
    ten, one = (1 + g / np.log2(3) for g in (100, 3))
    assert found[names[0]] == pytest.approx(ten / (100 + 1 / np.log2(3)))
    assert found[names[1]] == pytest.approx(one / (3 + 1 / np.log2(3)))
    linear = judged([3, 1]).measure(parse_metrics(["nDCG@2"], (0, 1, 2, 3)), scores)["nDCG@2"]
    assert linear == pytest.approx(found[names[1]])


def test_a_name_that_ir_measures_does_not_know_is_refused() -> None:
    for name in ("foo@3", "nDCG@", "nDCG(x)@3"):
        with pytest.raises(BadConfig, match=r"is unknown to ir-measures .*allowed are e.g. nDCG@10"):
            parse_metrics([name])
    assert parse_metrics([]) == {}


def test_no_queries_have_no_values() -> None:
    nothing = np.array([], int)
    documents = JudgedDocuments(nothing, nothing, nothing)
    assert documents.queries == 0
    assert documents.measure(parse_metrics(["RR@3"]), np.array([]))["RR@3"].tolist() == []
