"""Platt calibration by hand, against scikit-learn, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.stats.calibration import (
    Calibration,
    Cuts,
    ece,
    fit_cuts,
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
