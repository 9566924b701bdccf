"""Platt calibration: score = sigmoid(a x logit + b), fitted on rows the weights were not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS, TOLERANCE, BINS, STEEPEST = 100, 1e-10, 10, 10.0


@dataclass(frozen=True)
class Calibration:
    """`a` > 0, so that calibration never changes the order of scores."""

    a: float = 1.0
    b: float = 0.0

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        return sigmoid(self.a * logits + self.b)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) in float64, without overflow. sigmoid(ln 3) = 0.75."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(values, dtype=np.float64)))


def platt(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Calibration:
    """Weighted logistic regression of labels (0 or 1) on one logit, by Newton's method, with Platt's targets.

    Targets are (N+ + 1) / (N+ + 2) and 1 / (N- + 2) (Platt 1999), N in rows, so that separable rows still give
    finite a and b. Logits (-1, 1) with labels (0, 1): targets 1/3 and 2/3, so a = ln 2 = 0.6931, b = 0. Where
    the labels are of one class, fit the logits backwards (a <= 0), or the logits say next to nothing
    (a > `STEEPEST`, which would magnify rounding), the identity comes back.
    """
    positive = labels > 0.5
    up, down = int(positive.sum()), int((~positive).sum())
    if not up or not down:
        return Calibration()
    targets = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))
    # Newton on standardised logits from zero, where the curve bends most, with halved steps where it overshoots.
    spread = float(np.std(logits)) or 1.0
    design = np.column_stack([logits / spread, np.ones_like(logits)]).astype(np.float64)
    found, cost = np.zeros(2), _cost(design @ np.zeros(2), targets, weights)
    for _ in range(STEPS):
        predicted = sigmoid(design @ found)
        slope = design.T @ (weights * (predicted - targets))
        bend = (design * (weights * predicted * (1 - predicted))[:, None]).T @ design
        step = np.linalg.solve(bend + 1e-12 * np.trace(bend) * np.eye(2), slope)
        while (lower := _cost(design @ (found - step), targets, weights)) > cost and np.abs(
            step
        ).max() > TOLERANCE:
            step = step / 2
        found, cost = found - step, lower
        if np.abs(step).max() <= TOLERANCE:
            break
    a, b = float(found[0] / spread), float(found[1])
    return Calibration(a, b) if 0 < a <= STEEPEST else Calibration()


def _cost(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    return float((weights * (np.logaddexp(0.0, logits) - targets * logits)).sum())


def ece(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Expected calibration error over ten equal bins: the weighted mean gap of score and share of positives.

    Scores (.15, .15, .85) with labels (0, 1, 1): gaps .35 (two rows) and .15: (2 x .35 + .15) / 3 = 0.2833.
    """
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    gaps = np.bincount(places, weights * (scores - labels), BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def report(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """ECE before Platt and after it; after is cross-fitted (each half scored with the other half's a and b)."""
    half = np.arange(len(logits)) % 2 == 0
    scores = np.empty(len(logits))
    for here in (half, ~half):
        scores[here] = platt(logits[~here], labels[~here], weights[~here])(logits[here])
    return {
        "ece_before": ece(sigmoid(logits), labels, weights),
        "ece_after": ece(scores, labels, weights),
    }
