"""Area under the ROC curve (AUC): value, DeLong's components, intervals, and paired differences.

Scores are NaN-free here; the caller leaves unscored pairs out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.stats.cluster_bootstrap import draw, interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer]


def auc(scores: Floats, relevant: Bools, weights: Floats | None = None) -> float:
    """Chance that a relevant pair outscores an irrelevant one, ties counting half (Mann-Whitney's U).

    weights [n] >= 0 say how often each pair counts. NaN if one of the two classes is empty.

    >>> auc(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    weight = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    s, yes = scores[order], np.where(relevant[order], weight[order], 0.0)
    no = weight[order] - yes
    starts = np.flatnonzero(np.r_[True, s[1:] != s[:-1]]) if len(s) else np.zeros(0, int)
    if not len(starts) or yes.sum() == 0 or no.sum() == 0:
        return float("nan")
    yes_tied, no_tied = np.add.reduceat(yes, starts), np.add.reduceat(no, starts)
    below = np.cumsum(no_tied) - no_tied
    return float((yes_tied * (below + no_tied / 2)).sum() / (yes.sum() * no.sum()))


def auc_band(auc: float, relevant: int, irrelevant: int, z: float = 1.96) -> tuple[float, float]:
    """A normal-theory interval of an AUC, from its value and the pairs of either class (Hanley and McNeil
    1982).

    se^2 = (A (1 - A) + (n - 1) (Q1 - A^2) + (m - 1) (Q2 - A^2)) / (n m), Q1 = A / (2 - A), Q2 = 2 A^2 / (1 +
    A), for n relevant and m irrelevant pairs. Pairs are taken as independent: if they share items the true
    interval is wider.

    0.8 of 50 and 50: (0.16 + 49 x 0.02667 + 49 x 0.07111) / 2,500 = 0.00198, se 0.0445, so 0.713 to 0.887.
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (relevant - 1) * (q1 - auc**2) + (irrelevant - 1) * (q2 - auc**2)
    wide = z * float(np.sqrt(max(spread, 0.0) / (relevant * irrelevant)))
    return max(0.0, auc - wide), min(1.0, auc + wide)


def placements(
    scores: Floats, relevant: Bools, segment: Ints, segments: int, order: Ints | None = None
) -> Floats:
    """[n]: each pair's share of the other class, in its own segment, that it is on the right side of.

    For a relevant pair that is the share of irrelevant ones scored lower, for an irrelevant one the share of
    relevant ones scored higher, ties counting half; 0 if the segment has no pair of the other class. The mean
    over either class is the segment's AUC: these are DeLong's structural components (DeLong et al. 1988).
    order: rows by rising score, if the caller has them already.

    Relevant 0.9 and 0.4, irrelevant 0.5 in one segment: the three are placed 1, 0 and 0.5; the AUC is 0.5.
    """
    placed = np.zeros(len(scores))
    if not len(scores):
        return placed
    order = np.argsort(scores, kind="stable") if order is None else order
    if segments > 1:
        # Sorting by score and then, stably, by segment groups segments in score order. NumPy's stable sort of
        # 16-bit numbers is a radix sort, several times faster than that of wider ones.
        codes = segment[order].astype(np.uint16) if segments < 2**16 else segment[order]
        order = order[np.argsort(codes, kind="stable")]
    s, yes, g = scores[order], relevant[order], segment[order]
    starts = np.flatnonzero(np.r_[True, (s[1:] != s[:-1]) | (g[1:] != g[:-1])])
    size = np.diff(np.r_[starts, len(s)])
    yes_tied = np.add.reduceat(yes.astype(np.int64), starts)
    no_tied = size - yes_tied
    yes_all = np.bincount(segment[relevant], minlength=segments)
    no_all = np.bincount(segment[~relevant], minlength=segments)
    at = g[starts]
    # Running counts over all segments, less what earlier segments hold.
    no_before = np.cumsum(no_tied) - no_tied - (np.cumsum(no_all) - no_all)[at]
    yes_until = np.cumsum(yes_tied) - (np.cumsum(yes_all) - yes_all)[at]
    yes_after = yes_all[at] - yes_until
    of_yes = (no_before + no_tied / 2) / np.maximum(no_all[at], 1)
    of_no = (yes_after + yes_tied / 2) / np.maximum(yes_all[at], 1)
    placed[order] = np.where(yes, np.repeat(of_yes, size), np.repeat(of_no, size))
    return placed


@dataclass(frozen=True)
class PairedAuc:
    """One model's AUC, or its difference to that of the model `minus` (empty for an AUC itself).

    low and high are None if a replicate had one class only. pairs, relevant and clusters say what it rests
    on.
    """

    model: str
    minus: str
    segment: str
    value: float
    low: float | None
    high: float | None
    pairs: int
    relevant: int
    clusters: int


def paired_auc(
    scores: Mapping[str, Floats],
    relevant: Bools,
    cluster: Sequence[Any],
    against: Sequence[str],
    segments: Mapping[str, Bools],
    rng: np.random.Generator,
    replicates: int = 1000,
    level: float = 0.95,
) -> list[PairedAuc]:
    """Every model's AUC and its difference to each model of `against`, in each segment that holds both
    classes.

    scores: [n] per model, without NaN; cluster: [n], what is drawn together (the keyphrase); segments: rows
    by name. Percentile intervals of a multinomial bootstrap over clusters. All models are resampled with the
    same draws, so the interval of a difference is of paired data and narrower than the models' own intervals
    suggest.

    Relevant 0.9 and 0.2, irrelevant 0.5 and 0.1: AUC 3/4. Another model that gets all four right has 1, a
    difference of 0.25.
    """
    figures: list[PairedAuc] = []
    for name, rows in segments.items():
        yes = relevant[rows]
        if yes.all() or not yes.any():
            continue
        codes = np.unique(np.asarray(cluster)[rows], return_inverse=True)[1]
        draws = draw(rng, int(codes.max()) + 1, replicates, "multinomial")
        values = {
            model: np.array([auc(column[rows], yes, times[codes].astype(np.float64)) for times in draws])
            for model, column in scores.items()
        }
        support = (int(rows.sum()), int(yes.sum()), draws.shape[1])
        for model, replicated in values.items():
            figures.append(_paired(model, "", name, replicated, support, level))
            for other in against:
                if other != model:
                    difference = replicated - values[other]
                    figures.append(_paired(model, other, name, difference, support, level))
    return figures


def _paired(
    model: str, minus: str, segment: str, values: Floats, support: tuple[int, int, int], level: float
) -> PairedAuc:
    ends = [None if np.isnan(end) else float(end) for end in interval(values[1:], level)]
    return PairedAuc(model, minus, segment, float(values[0]), ends[0], ends[1], *support)
