"""Krippendorff's alpha against published examples and Fleiss' kappa; labels by rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.inter_rater import fleiss_kappa

from adjudge.stats.annotators import METRICS, alpha, alpha_estimate, settle
from adjudge.stats.sampling import Sampling

VOTES = arrays(np.int64, st.tuples(st.integers(2, 12), st.just(3)), elements=st.integers(0, 3))


def votes_of(*observers: str, values: str) -> np.ndarray:
    """[units, values] from one string an observer; a dot is a missing grade."""
    return np.array([[column.count(v) for v in values] for column in zip(*observers, strict=True)])


@pytest.mark.parametrize(
    ("metric", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_four_observers_twelve_units_missing_data(metric: str, published: float) -> None:
    """Krippendorff (2011), sections C to E: four observers, twelve units, gaps."""
    votes = votes_of("123321412...", "1233224125.3", ".3332342251.", "12332441251.", values="12345")
    assert round(alpha(votes, metric), 3) == published


def test_two_observers_binary_and_nominal() -> None:
    """Krippendorff (2011), sections A and B: .095 and .692."""
    assert round(alpha(votes_of("0100000000", "1110010010", values="01"), "nominal"), 3) == 0.095
    nominal = votes_of("aabbdcccedda", "babbbccceddd", values="abcde")
    assert round(alpha(nominal, "nominal"), 3) == 0.692


def test_fleiss_kappa_but_for_the_small_sample_term() -> None:
    """With m grades on every one of n pairs, 1 - alpha = (1 - fleiss) * (nm - 1) / nm."""
    rng = np.random.default_rng(5)
    votes = rng.multinomial(3, [0.2, 0.3, 0.5], 80)
    n = votes.sum()
    assert alpha(votes, "nominal") == pytest.approx(1 - (1 - fleiss_kappa(votes)) * (n - 1) / n, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(VOTES)
def test_alpha_laws(votes: np.ndarray) -> None:
    """At most 1; 1 where all agree on more than one value; a pair with one grade changes nothing; with two
    grades all three metrics are one."""
    for metric in METRICS:
        value = alpha(votes, metric)
        assert value is None or value <= 1 + 1e-12
        lone = np.vstack([votes, [[0, 1, 0]]])
        assert value is None or alpha(lone, metric) == pytest.approx(value)
    two = votes[:, :2]
    values = [alpha(two, metric) for metric in METRICS]
    assert values[0] is None or values == pytest.approx([values[0]] * 3)


def test_nothing_to_disagree_on_is_absent() -> None:
    assert alpha(np.array([[3, 0], [3, 0]]), "nominal") is None
    found = alpha_estimate(
        np.array([[1, 0], [0, 1]]), np.array([0, 1]), "nominal", Sampling(), np.random.default_rng(0)
    )
    assert found.value is None
    assert "two annotators" in found.note


def test_interval_holds_the_value_and_narrows() -> None:
    rng = np.random.default_rng(2)

    def found(items: int) -> tuple[float, float]:
        grade = rng.integers(0, 3, items)
        each = np.where(rng.random((3, items)) < 0.7, grade, rng.integers(0, 3, (3, items)))
        votes = np.stack([(each == g).sum(0) for g in range(3)], axis=1)
        got = alpha_estimate(votes, np.arange(items), "ordinal", Sampling(replicates=300), rng)
        assert got.low < got.value < got.high
        return got.high - got.low, got.se

    assert found(1_600)[0] < 0.7 * found(400)[0]


def test_rules() -> None:
    votes = np.array([[0, 0, 3, 0], [0, 1, 2, 0], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    label, sure = settle(votes, "unanimous")
    assert sure.tolist() == [True, False, False, True, False]
    assert label[sure].tolist() == [2, 2]
    assert settle(votes, "majority")[1].tolist() == [True, True, False, True, False]
    assert settle(votes, "majority", min_annotators=3)[1].tolist() == [True, True, False, False, False]
