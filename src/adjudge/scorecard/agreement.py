"""How often sources agree, pair by pair, and by Cohen's kappa (scikit-learn)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from adjudge.scorecard.evidence import Verdicts


def kappa(yes_yes: int, yes_no: int, no_yes: int, no_no: int) -> float | None:
    """Cohen's kappa of two sources' verdicts; None where either gave only one kind of verdict.

    >>> round(kappa(20, 5, 10, 15), 3)
    0.4
    """
    from sklearn.metrics import cohen_kappa_score

    a, b = yes_yes + yes_no, yes_yes + no_yes
    total = a + no_yes + no_no
    if 0 in (a, b, total - a, total - b):
        return None
    counts = [yes_yes, yes_no, no_yes, no_no]
    return float(cohen_kappa_score([1, 1, 0, 0], [1, 0, 1, 0], sample_weight=counts))


def agreement(sources: Mapping[str, Verdicts]) -> list[dict[str, Any]]:
    """Rows of results.AGREEMENT for every two sources that share a pair.

    `human` and `human majority` are the same people and are not compared. Against clicks, which only ever
    say yes, `agree` is the share of click-positive pairs that the other source calls relevant
    (paper 1's concordance) and kappa is null.
    """
    rows = []
    for (a, first), (b, second) in combinations(sources.items(), 2):
        both = first.known & second.known
        pairs = int(both.sum())
        if not pairs or {a, b} == {"human", "human majority"}:
            continue
        yes_a, yes_b = first.yes & both, second.yes & both
        yes_yes = int((yes_a & yes_b).sum())
        yes_no, no_yes = int(yes_a.sum()) - yes_yes, int(yes_b.sum()) - yes_yes
        no_no = pairs - yes_yes - yes_no - no_yes
        rows.append(
            {
                "source_a": a,
                "source_b": b,
                "pairs": pairs,
                "agree": (yes_yes + no_no) / pairs,
                "kappa": kappa(yes_yes, yes_no, no_yes, no_no),
            }
        )
    return rows


def score_ranks(scores: np.ndarray) -> np.ndarray:
    """[n]: share of scored pairs that score lower, 0..1; NaN where unscored.

    >>> score_ranks(np.array([0.2, 0.9, 0.9, np.nan])).round(2)
    array([0.  , 0.33, 0.33,  nan])
    """
    ranks = np.full(len(scores), np.nan)
    order = np.argsort(scores, kind="stable")
    order = order[: int((~np.isnan(scores)).sum())]
    if len(order):
        sorted_scores = scores[order]
        starts = np.flatnonzero(np.r_[True, sorted_scores[1:] != sorted_scores[:-1]])
        ranks[order] = np.repeat(starts / len(order), np.diff(np.r_[starts, len(order)]))
    return ranks
