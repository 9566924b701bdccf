"""How often sources agree, pair by pair: the share of equal verdicts, and Cohen's kappa."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from adjudge.scorecard.evidence import SourceVerdicts
from adjudge.stats.agreement import kappa


def source_agreement(sources: Mapping[str, SourceVerdicts]) -> list[dict[str, Any]]:
    """Rows of results.AGREEMENT for every two sources that share a pair.

    `human` and `human majority` are the same people and are not compared. Kappa is null if either source gave
    verdicts of one kind only. Clicks only ever say yes: against them `agree` is the share of click-positive
    pairs that the other source calls relevant (paper 1's concordance).
    """
    rows = []
    for (a, first), (b, second) in combinations(sources.items(), 2):
        both = first.known & second.known
        pairs = int(both.sum())
        if not pairs or {a, b} == {"human", "human majority"}:
            continue
        verdicts = 2 * first.yes[both].astype(np.int64) + second.yes[both]
        matrix = np.bincount(verdicts, minlength=4).reshape(2, 2)
        of_one_kind = 0 in matrix.sum(axis=0) or 0 in matrix.sum(axis=1)
        rows.append(
            {
                "source_a": a,
                "source_b": b,
                "pairs": pairs,
                "agree": int(np.trace(matrix)) / pairs,
                "kappa": None if of_one_kind else float(kappa(matrix.astype(np.float64))),
            }
        )
    return rows
