"""From a logit to a probability (Platt) or to the steps of a scale (cut points), fitted on rows not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.errors import BadConfig, NotEnoughData

STEPS, TOLERANCE, BINS, STEEPEST = 100, 1e-10, 10, 10.0
LEAST, RIDGE = 1e-12, 1e-4


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


@dataclass(frozen=True)
class Cuts:
    """The steps of `scale` on one logit, by proportional odds (McCullagh 1980): P(step > k) = sigmoid(slope x logit -
    cuts[k]). slope > 0, so that a higher logit is never a lower step; cuts rise, so that the steps cannot cross.

    Slope 1, cuts (-ln 3, 0), logit 0: P(step > k) = (.75, .5), so the three steps have .25, .25 and .5.
    """

    scale: str
    slope: float
    cuts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.slope > 0 or not self.cuts or np.any(np.diff(self.cuts) <= 0):
            raise BadConfig(
                f"Cuts of {self.scale}: slope {self.slope}, cuts {self.cuts}; allowed are a slope above 0 and rising cuts"
            )

    def above(self, logits: np.ndarray) -> np.ndarray:
        """P(step > k) of logits (rows,), float64 (rows, K - 1)."""
        return sigmoid(self.slope * np.asarray(logits, np.float64)[:, None] - np.array(self.cuts))


def logit(probabilities: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)), p held within 1e-12 of 0 and 1; NaN stays. logit(.75) = ln 3."""
    inside = np.clip(np.asarray(probabilities, np.float64), LEAST, 1 - LEAST)
    return np.log(inside) - np.log1p(-inside)


def steps_of(above: np.ndarray) -> np.ndarray:
    """P(step > k) (rows, K - 1) to the share of each step (rows, K), worst first; (.75, .5) to (.25, .25, .5).

    Thresholds that cross, as free logits may, would give a negative share: it becomes 0 and the rest sums to 1.
    """
    ends = np.ones((len(above), 1))
    shares = np.clip(-np.diff(np.hstack([ends, above, 0 * ends]), axis=1), 0.0, None)
    return shares / shares.sum(axis=1, keepdims=True)


def fit_cuts(scale: str, logits: np.ndarray, steps: np.ndarray, weights: np.ndarray, levels: int) -> Cuts:
    """The likeliest slope and cuts of weighted rows: logits (rows,), steps 0 .. levels - 1, weights above 0.

    A slight pull towards slope 1 (`RIDGE`) keeps separable rows finite. Raises NotEnoughData where a step does not
    occur (its cut would be anywhere), or where higher logits go with lower steps.
    """
    from scipy.optimize import minimize

    seen = np.bincount(steps.astype(np.int64), weights, levels)
    if len(seen) > levels or (seen <= 0).any():
        raise NotEnoughData(
            f"cut points of {scale} need rows of each of {levels} steps; weights by step: {seen.round(1)}"
        )
    spread = float(np.std(logits)) or 1.0
    scaled = np.asarray(logits, np.float64) / spread
    shares = np.cumsum(seen[::-1])[::-1][1:] / seen.sum()
    start = np.concatenate([[spread], [-logit(shares)[0]], np.log(np.diff(-logit(shares)))])

    def cost(at: np.ndarray) -> float:
        above = sigmoid(at[0] * scaled[:, None] - _rising(at[1:]))
        found = steps_of(above)[np.arange(len(scaled)), steps.astype(np.int64)]
        pull = RIDGE * (at[0] / spread - 1) ** 2
        return float(-(weights * np.log(np.maximum(found, LEAST))).sum() / weights.sum() + pull)

    best = minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 20_000}
    )
    slope = float(best.x[0] / spread)
    if slope <= 0:
        raise NotEnoughData(f"cut points of {scale}: higher logits go with lower steps (slope {slope:.3g})")
    return Cuts(scale, slope, tuple(float(cut) for cut in _rising(best.x[1:])))


def _rising(free: np.ndarray) -> np.ndarray:
    """The first cut, then the logs of the gaps: (1, ln 2) is (1, 3)."""
    return np.cumsum(np.concatenate([free[:1], np.exp(free[1:])]))
