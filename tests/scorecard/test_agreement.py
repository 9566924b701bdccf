"""How often sources agree: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from small_evidence import verdicts

from adjudge.scorecard.agreement import source_agreement
from adjudge.scorecard.evidence import SourceVerdicts


def test_by_hand() -> None:
    """20 both yes, 5 and 10 split, 15 both no: agree .7, by chance .5, kappa .4."""
    a = "y" * 25 + "n" * 25
    b = "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    (row,) = source_agreement({"a": verdicts(a), "b": verdicts(b)})
    assert row == {
        "source_a": "a",
        "source_b": "b",
        "pairs": 50,
        "agree": 0.7,
        "kappa": pytest.approx(0.4, abs=1e-15),
    }


def test_kappa_equals_sklearn_on_shared_pairs() -> None:
    rng = np.random.default_rng(5)
    a, b, known = rng.random(400) < 0.5, rng.random(400) < 0.6, rng.random(400) < 0.8
    sources = {"x": SourceVerdicts(a & known, known), "y": SourceVerdicts(b, np.ones(400, bool))}
    (row,) = source_agreement(sources)
    assert row["pairs"] == known.sum()
    assert row["agree"] == pytest.approx((a == b)[known].mean())
    assert row["kappa"] == pytest.approx(cohen_kappa_score(a[known], b[known]))


def test_against_clicks_kappa_is_absent_and_agreement_is_concordance() -> None:
    sources = {"clicks": verdicts("yyy."), "llm": verdicts("yynn")}
    (row,) = source_agreement(sources)
    assert (row["pairs"], row["agree"], row["kappa"]) == (3, pytest.approx(2 / 3), None)


def test_the_same_people_are_not_compared_with_themselves() -> None:
    sources = {"human": verdicts("yn."), "human majority": verdicts("yny"), "truth": verdicts("yyn")}
    pairs = [(row["source_a"], row["source_b"]) for row in source_agreement(sources)]
    assert pairs == [("human", "truth"), ("human majority", "truth")]


def test_sources_that_share_no_pair_have_no_row() -> None:
    assert source_agreement({"a": verdicts("y."), "b": verdicts(".n")}) == []
    assert source_agreement({"a": verdicts("yn")}) == []


@given(st.lists(st.tuples(st.sampled_from("yn."), st.sampled_from("yn.")), min_size=1, max_size=40))
def test_any_two_sources_equal_sklearn(said: list[tuple[str, str]]) -> None:
    a, b = ("".join(column) for column in zip(*said, strict=True))
    both = [(x, y) for x, y in said if "." not in (x, y)]
    rows = source_agreement({"a": verdicts(a), "b": verdicts(b)})
    if not both:
        assert rows == []
        return
    (row,) = rows
    assert row["pairs"] == len(both)
    assert row["agree"] == pytest.approx(sum(x == y for x, y in both) / len(both))
    if all(len({pair[side] for pair in both}) == 2 for side in (0, 1)):
        assert row["kappa"] == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))
    else:
        assert row["kappa"] is None
