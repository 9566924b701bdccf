"""The parity gate: may a reduced precision take the place of float32? Judged on held-out pairs, not on max
error alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from adjudge.config import setting, settings
from adjudge.errors import NotEnoughData
from adjudge.stats.auc import auc

LEAST_PAIRS = 200


@settings
class GateLimits:
    """How far a reduced precision may stray from float32."""

    auc_lost: Annotated[float, setting("Most AUC that the candidate may lose.", ge=0.0, le=1.0)] = 0.001
    decisions_changed: Annotated[
        float, setting("Largest share of pairs that may move across the threshold.", ge=0.0, le=1.0)
    ] = 0.005
    max_error: Annotated[
        float, setting("Largest difference of two scores (they lie in [0, 1]).", ge=0.0, le=1.0)
    ] = 0.05
    mean_error: Annotated[float, setting("Largest mean absolute difference.", ge=0.0, le=1.0)] = 0.005


@dataclass(frozen=True)
class Parity:
    """A candidate beside float32 on `pairs` held-out pairs; `threshold` is the one decisions were taken
    at."""

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
        """Each limit that is passed over, in words; empty if the candidate may be used."""
        names = ("auc_lost", "decisions_changed", "max_error", "mean_error")
        compared = {name: (getattr(self, name), getattr(limits, name)) for name in names}
        # Written so that a NaN fails.
        return [
            f"{name} {value:.3g} > {most:g}" for name, (value, most) in compared.items() if not value <= most
        ]


def parity(exact: np.ndarray, candidate: np.ndarray, relevant: np.ndarray, threshold: float) -> Parity:
    """Compare two sets of scores (rows,) of the same pairs; `relevant` is their labels as booleans.

    Scores (0.2, 0.6, 0.9) and (0.3, 0.45, 0.9) at threshold 0.5, labels (0, 1, 1): one decision of three
    changed, largest error 0.15, mean error (0.1 + 0.15 + 0) / 3 = 0.0833, AUC 1 both. Raises NotEnoughData
    below `LEAST_PAIRS` pairs or where all labels are of one kind.
    """
    if len(exact) < LEAST_PAIRS or relevant.all() or not relevant.any():
        raise NotEnoughData(
            f"the gate saw {len(exact)} held-out pairs, {int(relevant.sum())} of them relevant; allowed are "
            f"{LEAST_PAIRS} or more, of both kinds. Give it more labelled pairs that the model was not "
            "trained on."
        )
    gaps = np.abs(exact - candidate)
    return Parity(
        pairs=len(exact),
        threshold=threshold,
        auc_fp32=_auc(exact, relevant),
        auc=_auc(candidate, relevant),
        decisions_changed=float(np.mean((exact >= threshold) != (candidate >= threshold))),
        max_error=float(gaps.max()),
        mean_error=float(gaps.mean()),
    )


def _auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """The AUC, NaN if a score is NaN: a candidate that leaves pairs without a score fails its limit."""
    return float("nan") if np.isnan(scores).any() else auc(scores, relevant)
