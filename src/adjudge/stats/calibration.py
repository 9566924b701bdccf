"""Calibration: from a logit to a probability (Platt scaling) or to the steps of a scale (proportional odds).

Both are fitted on rows that the model was not trained on. Calibration error and log loss measure the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig, NotEnoughData

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
BINS = 10
"""Equal-width bins of the calibration error."""
STEEPEST = 10.0
"""The largest slope of a Platt fit that is believed."""
TOLERANCE, MOST_STEPS = 1e-12, 100
"""Of the logistic regression: the largest gradient at its end, and the most Newton steps."""
LEAST, RIDGE = 1e-12, 1e-4
TINIEST = float(np.finfo(np.float64).eps)
"""A probability of 0 or 1 is read as this far from it, as scikit-learn's log_loss does."""


@dataclass(frozen=True)
class Calibration:
    """`a` > 0, so that calibration never changes the order of scores."""

    a: float = 1.0
    b: float = 0.0

    def __call__(self, logits: Floats) -> Floats:
        return sigmoid(self.a * logits + self.b)


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + e^-x) in float64, without overflow. sigmoid(ln 3) = 0.75."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(values, dtype=np.float64)))


def platt(logits: Floats, labels: Floats, weights: Floats) -> Calibration:
    """Weighted logistic regression of labels (0 or 1) on one logit, without penalty, on Platt's targets.

    Targets are (N+ + 1) / (N+ + 2) and 1 / (N- + 2) (Platt 1999), N in rows, so that separable rows still
    give finite a and b. Logits (-1, 1) with labels (0, 1): targets 1/3 and 2/3, so a = ln 2 = 0.6931, b = 0.
    The identity comes back if the labels are of one class, go against the logits (a <= 0), or if the logits
    say next to nothing (a > `STEEPEST`, which would magnify rounding).
    """
    from sklearn.linear_model import LogisticRegression

    positive = labels > 0.5
    up, down = int(positive.sum()), int((~positive).sum())
    centre, spread = float(np.mean(logits)), float(np.std(logits))
    if not up or not down or not spread:
        return Calibration()
    targets = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))
    # A target between 0 and 1 is a row of each class, weighing the target and the rest. Standardised logits
    # keep
    # the Hessian well conditioned.
    design = np.tile((np.asarray(logits, np.float64) - centre) / spread, 2)[:, None]
    shares = np.concatenate([weights * targets, weights * (1 - targets)])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=TOLERANCE, max_iter=MOST_STEPS)
    model.fit(design, np.repeat([1, 0], len(logits)), sample_weight=shares)
    a = float(model.coef_[0, 0]) / spread
    b = float(model.intercept_[0]) - a * centre
    return Calibration(a, b) if 0 < a <= STEEPEST else Calibration()


def are_probabilities(scores: Floats) -> bool:
    """Whether all scores are in 0..1, so that log loss and calibration mean something."""
    return not len(scores) or bool(scores.min() >= 0 and scores.max() <= 1)


def bin_of(scores: Floats, bins: int = BINS) -> NDArray[np.int32]:
    """[n]: which of `bins` equal-width bins of 0..1 a score is in; 1 belongs to the last."""
    return np.minimum((scores * bins).astype(np.int32), bins - 1)


def log_losses(scores: Floats, relevant: NDArray[np.bool_]) -> Floats:
    """[n]: -ln of the probability that each pair's label got. Scores in 0..1.

    >>> log_losses(np.array([0.8, 0.8]), np.array([True, False])).round(4)
    array([0.2231, 1.6094])
    """
    of_label = np.where(relevant, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(of_label, TINIEST, 1.0)))


def ece(scores: Floats, labels: Floats, weights: Floats) -> float:
    """Expected calibration error over ten equal bins: the weighted mean gap of score and share of positives.

    Scores (0.15, 0.15, 0.85) with labels (0, 1, 1): gaps 0.35 (two rows) and 0.15, so (2 x 0.35 + 0.15) / 3 =
    0.2833.
    """
    gaps = np.bincount(bin_of(scores), weights * (scores - labels), BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def report(logits: Floats, labels: Floats, weights: Floats) -> dict[str, float]:
    """ECE before and after Platt; after is cross-fitted (each half scored by the other half's fit)."""
    even = np.arange(len(logits)) % 2 == 0
    scores = np.empty(len(logits))
    for half in (even, ~even):
        scores[half] = platt(logits[~half], labels[~half], weights[~half])(logits[half])
    return {
        "ece_before": ece(sigmoid(logits), labels, weights),
        "ece_after": ece(scores, labels, weights),
    }


@dataclass(frozen=True)
class Cuts:
    """The steps of `scale` on one logit, by proportional odds (McCullagh 1980): P(step > k) = sigmoid(slope x
    logit - cuts[k]). slope > 0, so that a higher logit is never a lower step; cuts rise, so that the steps
    cannot cross.

    Slope 1, cuts (-ln 3, 0), logit 0: P(step > k) = (0.75, 0.5), so the steps have 0.25, 0.25 and 0.5.
    """

    scale: str
    slope: float
    cuts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.slope > 0 or not self.cuts or np.any(np.diff(self.cuts) <= 0):
            raise BadConfig(
                f"Cuts of {self.scale}: slope {self.slope}, cuts {self.cuts}; "
                "allowed are a slope above 0 and rising cuts"
            )

    def above(self, logits: Floats) -> Floats:
        """P(step > k) of logits (rows,), float64 (rows, K - 1)."""
        return sigmoid(self.slope * np.asarray(logits, np.float64)[:, None] - np.array(self.cuts))


def logit(probabilities: Floats) -> Floats:
    """ln(p / (1 - p)), p held within 1e-12 of 0 and 1; NaN stays. logit(0.75) = ln 3."""
    inside = np.clip(np.asarray(probabilities, np.float64), LEAST, 1 - LEAST)
    return np.log(inside) - np.log1p(-inside)


def steps_of(above: Floats) -> Floats:
    """P(step > k) (rows, K - 1) to the share of each step (rows, K), worst first.

    (0.75, 0.5) gives (0.25, 0.25, 0.5).

    Thresholds that cross, as free logits may, would give a negative share: it becomes 0 and the rest sums to
    1.
    """
    ends = np.ones((len(above), 1))
    shares = np.clip(-np.diff(np.hstack([ends, above, 0 * ends]), axis=1), 0.0, None)
    return shares / shares.sum(axis=1, keepdims=True)


def fit_cuts(scale: str, logits: Floats, steps: Ints, weights: Floats, levels: int) -> Cuts:
    """The likeliest slope and cuts of weighted rows: logits (rows,), steps 0 .. levels - 1, weights above 0.

    A slight pull towards slope 1 (`RIDGE`) keeps separable rows finite. Raises NotEnoughData if a step
    does not occur (its cut would be anywhere), or if higher logits go with lower steps.
    """
    from scipy.optimize import minimize

    weight_of = np.bincount(steps.astype(np.int64), weights, levels)
    if len(weight_of) > levels or (weight_of <= 0).any():
        raise NotEnoughData(
            f"cut points of {scale} need rows of each of {levels} steps; "
            f"weights by step: {weight_of.round(1)}"
        )
    spread = float(np.std(logits)) or 1.0
    scaled = np.asarray(logits, np.float64) / spread
    shares = np.cumsum(weight_of[::-1])[::-1][1:] / weight_of.sum()
    start = np.concatenate([[spread], [-logit(shares)[0]], np.log(np.diff(-logit(shares)))])

    def cost(at: Floats) -> float:
        above = sigmoid(at[0] * scaled[:, None] - _rising(at[1:]))
        likelihood = steps_of(above)[np.arange(len(scaled)), steps.astype(np.int64)]
        pull = RIDGE * (at[0] / spread - 1) ** 2
        return float(-(weights * np.log(np.maximum(likelihood, LEAST))).sum() / weights.sum() + pull)

    best = minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 20_000}
    )
    slope = float(best.x[0] / spread)
    if slope <= 0:
        raise NotEnoughData(f"cut points of {scale}: higher logits go with lower steps (slope {slope:.3g})")
    return Cuts(scale, slope, tuple(float(cut) for cut in _rising(best.x[1:])))


def _rising(free: Floats) -> Floats:
    """The first cut, then the logs of the gaps: (1, ln 2) is (1, 3)."""
    return np.cumsum(np.concatenate([free[:1], np.exp(free[1:])]))
