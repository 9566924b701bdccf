"""The parity gate: may a reduced precision take the place of float32? Judged on held-out pairs, not on max error alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.config import check_range
from adjudge.errors import NotEnoughData

LEAST_PAIRS = 200


@dataclass(frozen=True)
class GateLimits:
    """auc_lost         AUC of float32 less that of the candidate, at most
    decisions_changed  share of pairs that move across the threshold, at most
    max_error          largest difference of two scores (they lie in [0, 1]), at most
    mean_error         mean absolute difference, at most
    """

    auc_lost: float = 0.001
    decisions_changed: float = 0.005
    max_error: float = 0.05
    mean_error: float = 0.005

    def __post_init__(self) -> None:
        for name in ("auc_lost", "decisions_changed", "max_error", "mean_error"):
            check_range("GateLimits", name, getattr(self, name), 0.0, 1.0)


@dataclass(frozen=True)
class Parity:
    """A candidate beside float32 on `pairs` held-out pairs; `threshold` is the one decisions were taken at."""

    pairs: int
    threshold: float
    auc_fp32: float
    auc: float
    decisions_changed: float
    max_error: float
    mean_error: float

    @property
    def auc_lost(self) -> float:
        return self.auc_fp32 - self.auc

    def failures(self, limits: GateLimits) -> list[str]:
        """Each limit that is passed over, in words; empty where the candidate may be used."""
        names = ("auc_lost", "decisions_changed", "max_error", "mean_error")
        seen = {name: (getattr(self, name), getattr(limits, name)) for name in names}
        # Written so that a NaN fails.
        return [f"{name} {value:.3g} > {most:g}" for name, (value, most) in seen.items() if not value <= most]


def parity(exact: np.ndarray, candidate: np.ndarray, relevant: np.ndarray, threshold: float) -> Parity:
    """Compare two sets of scores (rows,) of the same pairs; `relevant` is their labels as booleans.

    Scores (.2, .6, .9) and (.3, .45, .9) at threshold .5, labels (0, 1, 1): one decision of three changed, largest
    error .15, mean error (.1 + .15 + 0) / 3 = .0833, AUC 1 both. Raises NotEnoughData below `LEAST_PAIRS` pairs or
    where all labels are of one kind.
    """
    if len(exact) < LEAST_PAIRS or relevant.all() or not relevant.any():
        raise NotEnoughData(
            f"the gate saw {len(exact)} held-out pairs, {int(relevant.sum())} of them relevant; allowed are {LEAST_PAIRS} or "
            "more, of both kinds. Give it more labelled pairs that the model was not trained on."
        )
    gaps = np.abs(exact - candidate)
    return Parity(
        pairs=len(exact),
        threshold=threshold,
        auc_fp32=auc(exact, relevant),
        auc=auc(candidate, relevant),
        decisions_changed=float(np.mean((exact >= threshold) != (candidate >= threshold))),
        max_error=float(gaps.max()),
        mean_error=float(gaps.mean()),
    )


def auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Share of (relevant, irrelevant) pairs of pairs in the right order, ties half (Mann-Whitney).

    Scores (.1, .4, .4, .8) with labels (0, 0, 1, 1): 3.5 of 4 = 0.875. NaN where a score is NaN.
    """
    if np.isnan(scores).any():
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    up = int(relevant.sum())
    return float((ranks[relevant].sum() - up * (up + 1) / 2) / (up * (len(scores) - up)))
