"""Platt calibration by hand, against scikit-learn, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from adjudge.calibration import Calibration, ece, platt, report, sigmoid


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
