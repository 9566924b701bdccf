"""Platt calibration by hand, against scikit-learn, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.stats.calibration import (
    Calibration,
    Cuts,
    are_probabilities,
    bin_of,
    ece,
    fit_cuts,
    log_losses,
    logit,
    platt,
    report,
    sigmoid,
    steps_of,
)


def test_platt_by_hand() -> None:
    found = platt(np.array([-1.0, 1.0]), np.array([0.0, 1.0]), np.ones(2))
    assert found.a == pytest.approx(math.log(2), abs=1e-6)
    assert found.b == pytest.approx(0.0, abs=1e-6)
    assert sigmoid(np.array([math.log(3), -1000.0, 1000.0])).tolist() == pytest.approx([0.75, 0.0, 1.0])


def test_platt_equals_a_logistic_regression_on_platts_targets() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=400) * 4
    labels = (rng.random(400) < sigmoid(0.4 * logits - 0.7)).astype(float)
    weights = rng.uniform(0.5, 2.0, 400)
    up, down = labels.sum(), (1 - labels).sum()
    targets = np.where(labels > 0, (up + 1) / (up + 2), 1 / (down + 2))
    doubled = np.concatenate([logits, logits])[:, None]
    shares = np.concatenate([weights * targets, weights * (1 - targets)])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    theirs.fit(doubled, np.repeat([1, 0], 400), sample_weight=shares)
    found = platt(logits, labels, weights)
    assert found.a == pytest.approx(float(theirs.coef_[0, 0]), rel=1e-4)
    assert found.b == pytest.approx(float(theirs.intercept_[0]), rel=1e-4)


def test_separable_rows_stay_finite_and_hopeless_ones_are_left_alone() -> None:
    logits, labels = np.linspace(-50, 50, 100), np.repeat([0.0, 1.0], 50)
    found = platt(logits, labels, np.ones(100))
    assert 0 < found.a < 10
    assert abs(found.b) < 10
    assert platt(logits, 1 - labels, np.ones(100)) == Calibration()
    assert platt(logits, np.ones(100), np.ones(100)) == Calibration()


def test_ece_by_hand() -> None:
    scores, labels = np.array([0.15, 0.15, 0.85]), np.array([0.0, 1.0, 1.0])
    assert ece(scores, labels, np.ones(3)) == pytest.approx(0.85 / 3)
    assert ece(np.array([1.0]), np.array([1.0]), np.ones(1)) == 0.0


def test_calibration_mends_overconfidence() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(size=4000)
    labels = (rng.random(4000) < sigmoid(truth)).astype(float)
    found = report(5 * truth + 2, labels, np.ones(4000))
    assert found["ece_before"] > 0.15
    assert found["ece_after"] < 0.03


def test_calibration_finds_the_slope_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < Calibration(0.5, -1.0)(logits)
    found = platt(logits, labels, np.ones(20_000))
    assert (found.a, found.b) == (pytest.approx(0.5, abs=0.04), pytest.approx(-1, abs=0.06))
    twice = LogisticRegression(C=np.inf).fit(logits[:, None], labels)
    assert found.a == pytest.approx(twice.coef_[0, 0], abs=1e-3)


def test_a_calibrated_score_by_hand() -> None:
    assert Calibration(2.0, 0.0)(np.array([np.log(3)]))[0] == pytest.approx(0.9)


def test_cuts_have_a_worked_example() -> None:
    above = Cuts("ordinal3", 1.0, (-math.log(3), 0.0)).above(np.zeros(1))
    assert above[0].tolist() == pytest.approx([0.75, 0.5])
    assert steps_of(above)[0].tolist() == pytest.approx([0.25, 0.25, 0.5])
    assert logit(np.array([0.75]))[0] == pytest.approx(math.log(3))


def test_crossed_thresholds_give_no_negative_share() -> None:
    shares = steps_of(np.array([[0.4, 0.6], [np.nan, np.nan]]))
    assert shares[0].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert np.isnan(shares[1]).all()


@pytest.mark.parametrize("bad", [(0.0, (0.0, 1.0)), (1.0, (1.0, 0.0)), (1.0, ())])
def test_cuts_that_make_no_steps_are_refused(bad: tuple[float, tuple[float, ...]]) -> None:
    with pytest.raises(BadConfig, match="slope above 0 and rising cuts"):
        Cuts("ordinal3", *bad)


def test_cuts_are_those_of_statsmodels() -> None:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2, 800)
    noisy = 0.7 * logits + rng.logistic(size=800)
    steps = (noisy > -1).astype(int) + (noisy > 0.5)
    found = fit_cuts("ordinal3", logits, steps, np.ones(800), 3)
    theirs = OrderedModel(steps, logits[:, None], distr="logit").fit(method="bfgs", disp=False)
    slope, first, gap = theirs.params
    assert found.slope == pytest.approx(slope, abs=2e-3)
    assert found.cuts == pytest.approx((first, first + math.exp(gap)), abs=3e-3)
    twice = fit_cuts("ordinal3", np.repeat(logits, 2), np.repeat(steps, 2), np.full(1600, 0.5), 3)
    assert twice.cuts == pytest.approx(found.cuts, abs=1e-4)


def test_cuts_need_every_step_and_the_right_direction() -> None:
    with pytest.raises(NotEnoughData, match="each of 3 steps"):
        fit_cuts("ordinal3", np.arange(4.0), np.array([0, 0, 2, 2]), np.ones(4), 3)
    with pytest.raises(NotEnoughData, match="lower steps"):
        fit_cuts("ordinal3", -np.arange(9.0), np.arange(9) // 3, np.ones(9), 3)


def random_rows(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(rng.normal() * 4, rng.uniform(0.1, 20), n)
    labels = (rng.random(n) < sigmoid(rng.uniform(0.05, 3) * logits - rng.normal())).astype(float)
    return logits, labels, rng.uniform(0.1, 3, n)


def damped_newton(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The fit that artifacts of earlier versions were calibrated with: Newton's method with halved steps."""
    positive = labels > 0.5
    up, down = int(positive.sum()), int((~positive).sum())
    targets = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))
    spread = float(np.std(logits)) or 1.0
    design = np.column_stack([logits / spread, np.ones_like(logits)])

    def cost(at: np.ndarray) -> float:
        z = design @ at
        return float((weights * (np.logaddexp(0.0, z) - targets * z)).sum())

    at, least = np.zeros(2), cost(np.zeros(2))
    for _ in range(100):
        predicted = sigmoid(design @ at)
        slope = design.T @ (weights * (predicted - targets))
        bend = (design * (weights * predicted * (1 - predicted))[:, None]).T @ design
        step = np.linalg.solve(bend + 1e-12 * np.trace(bend) * np.eye(2), slope)
        while cost(at - step) > least and np.abs(step).max() > 1e-10:
            step = step / 2
        at, least = at - step, cost(at - step)
        if np.abs(step).max() <= 1e-10:
            break
    return float(at[0] / spread), float(at[1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.integers(10, 400))
def test_platt_equals_the_fit_of_earlier_versions(seed: int, n: int) -> None:
    logits, labels, weights = random_rows(seed, n)
    found = platt(logits, labels, weights)
    if found == Calibration():
        return
    a, b = damped_newton(logits, labels, weights)
    assert found.a == pytest.approx(a, rel=1e-6)
    assert found.b == pytest.approx(b, rel=1e-6, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_no_other_line_is_likelier(seed: int) -> None:
    """Moving a or b either way from the fit never lowers the cost on Platt's targets."""
    logits, labels, weights = random_rows(seed, 60)
    found = platt(logits, labels, weights)
    if found == Calibration():
        return
    up, down = labels.sum(), (1 - labels).sum()
    targets = np.where(labels > 0, (up + 1) / (up + 2), 1 / (down + 2))

    def cost(a: float, b: float) -> float:
        z = a * logits + b
        return float((weights * (np.logaddexp(0.0, z) - targets * z)).sum())

    least = cost(found.a, found.b)
    for a, b in ((1.01, 0), (0.99, 0), (1, 0.01), (1, -0.01)):
        assert cost(found.a * a, found.b + b) >= least


@pytest.mark.parametrize(
    "logits", [np.ones(10), np.zeros(10), np.full(10, 1e9)], ids=["ones", "zeros", "large"]
)
def test_equal_logits_say_nothing_and_are_left_alone(logits: np.ndarray) -> None:
    assert platt(logits, np.repeat([0.0, 1.0], 5), np.ones(10)) == Calibration()


def test_logits_far_from_zero_are_fitted_as_well() -> None:
    logits, labels, weights = random_rows(4, 300)
    near, far = platt(logits, labels, weights), platt(logits + 1e6, labels, weights)
    assert far.a == pytest.approx(near.a, rel=1e-5)
    assert sigmoid(far.a * 1e6 + far.b) == pytest.approx(sigmoid(near.b), abs=1e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(2, 20))
def test_a_score_is_in_the_bin_that_holds_it(scores: list[float], bins: int) -> None:
    for score, code in zip(scores, bin_of(np.array(scores), bins), strict=True):
        assert code / bins <= score + 1e-9
        assert score <= (code + 1) / bins + 1e-9


def test_the_last_bin_holds_one() -> None:
    assert bin_of(np.array([0.0, 0.0999, 0.1, 0.95, 1.0]), 10).tolist() == [0, 0, 1, 9, 9]


def test_log_losses_equal_sklearn() -> None:
    rng = np.random.default_rng(3)
    score, yes = np.r_[rng.random(500), 0.0, 1.0], rng.random(502) < 0.4
    assert log_losses(score, yes).mean() == pytest.approx(log_loss(yes, score))
    assert log_losses(np.array([0.8, 0.8]), np.array([True, False])).round(4).tolist() == [0.2231, 1.6094]


def test_probabilities_are_between_zero_and_one() -> None:
    assert are_probabilities(np.array([0.0, 1.0]))
    assert are_probabilities(np.array([]))
    assert not are_probabilities(np.array([0.5, 1.0001]))
    assert not are_probabilities(np.array([-0.1, 0.5]))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0.1, 3)), min_size=1, max_size=40))
def test_ece_is_the_weighted_gap_of_ten_bins(found: list[tuple[float, bool, float]]) -> None:
    scores, labels, weights = (np.array(column, float) for column in zip(*found, strict=True))
    gap = 0.0
    for b in range(10):
        inside = np.minimum((scores * 10).astype(int), 9) == b
        gap += abs((weights[inside] * (scores[inside] - labels[inside])).sum())
    assert ece(scores, labels, weights) == pytest.approx(gap / weights.sum(), abs=1e-12)
