"""Relevance rates from few human labels and many judgments: prediction-powered inference.

Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Science 382 (PPI); Angelopoulos, Duchi and Zrnic
(2023), arXiv 2311.01453 (PPI++, the weight). Both rest on the labelled pairs being a random sample of the
judged ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from adjudge.stats.cluster_bootstrap import Floats, Ints
from adjudge.stats.sampling import Sampling

METHODS = ("people only", "judge only", "ppi", "ppi++")
SHIFTED = 3.29
"""Standard errors between labelled and other pairs' judgments past which the sample is called not random (1
in 1,000)."""


@dataclass(frozen=True)
class Rate:
    """An estimated share of relevant pairs.

    weight: of the judge (0 = people only, 1 = ppi). None: not to be had.
    """

    method: str
    value: float | None
    low: float | None
    high: float | None
    se: float | None
    weight: float | None
    labelled: int
    judged: int
    note: str | None = None


def rates(relevant: Floats, judged: Floats, item: Ints, sampling: Sampling) -> list[Rate]:
    """The four estimates of the share of relevant pairs.

    relevant: [n] in 0..1, what people say (the share of a pair's annotators who call it relevant), NaN where
    unlabelled. judged: [n] in 0..1, the judge's verdict or probability. item: [n] clusters.

    ppi = mean(judged, unlabelled) + mean(relevant - judged, labelled). ppi++ gives the judge the weight w
    that makes the variance least: mean(relevant) + w * (mean(judged, unlabelled) - mean(judged, labelled)), w
    cut to 0..1. Variances are those of item sums, so that pairs of an item may depend on each other.

    Worked, each pair its own item: labelled relevant 1 0 1 1, judged 1 0 0 1; unlabelled judged 1 1 1 1 0 0.
    ppi = .6667 + .25 = .9167. Influences: sum(a b) = .5 / 16, sum(b b) = 1 / 16, sum(d d) = (4 / 3) / 36; w =
    .03125 / (.0625 + .037037) = .31395; ppi++ = .75 + .31395 * .16667 = .80233; variance (.75 / 16 - .31395 *
    .03125) * 4 / 3.
    """
    labelled, item = ~np.isnan(relevant), np.unique(item, return_inverse=True)[1]
    n, rest = int(labelled.sum()), int((~labelled).sum())
    problem = _problem(labelled, item, sampling)
    naive = float(judged.mean()) if len(judged) else None
    judge_only = Rate("judge only", naive, None, None, None, None, n, n + rest, "no correction, no interval")
    if problem is not None:
        absent = [Rate(m, None, None, None, None, None, n, n + rest, problem) for m in METHODS]
        absent[1] = judge_only
        return absent
    people, judge = (
        _influence(np.where(labelled, relevant, 0.0), labelled, item),
        _apart(judged, labelled, item),
    )
    mean = float(relevant[labelled].mean())
    gap = float(judged[~labelled].mean() - judged[labelled].mean()) if rest else 0.0
    clusters = len(np.unique(item[labelled]))
    note = _not_random(gap, _se(judge, clusters))
    spread = float(judge @ judge)
    best = min(1.0, max(0.0, float(people @ judge) / spread)) if spread > 0 else 0.0
    made = []
    for method, weight in (("people only", 0.0), ("ppi", 1.0), ("ppi++", best)):
        if not rest and method == "ppi":
            weight = 0.0
        se = _se(people - weight * judge, clusters)
        reach = NormalDist().inv_cdf(1 - (1 - sampling.level) / 2) * se
        value = mean + weight * gap
        made.append(
            Rate(
                method, value, value - reach, value + reach, se, weight, n, n + rest, note if weight else None
            )
        )
    return [made[0], judge_only, *made[1:]]


def _problem(labelled: np.ndarray, item: Ints, sampling: Sampling) -> str | None:
    clusters = len(np.unique(item[labelled]))
    if labelled.sum() < sampling.min_pairs or clusters < sampling.min_clusters:
        return (
            f"{int(labelled.sum())} labelled pairs of {clusters} items; "
            f"{sampling.min_pairs} of {sampling.min_clusters} are needed"
        )
    return None


def _influence(values: Floats, used: np.ndarray, item: Ints) -> Floats:
    """[C]: each item's pull on the mean of the used values, sum of (value - mean) / number."""
    clusters = int(item.max()) + 1
    number = int(used.sum())
    if not number:
        return np.zeros(clusters)
    centred = np.where(used, values - values[used].mean(), 0.0) / number
    return np.asarray(np.bincount(item, weights=centred, minlength=clusters), np.float64)


def _apart(judged: Floats, labelled: np.ndarray, item: Ints) -> Floats:
    """[C]: each item's pull on mean(judged, labelled) - mean(judged, unlabelled)."""
    if labelled.all():
        return np.zeros(int(item.max()) + 1)
    return _influence(judged, labelled, item) - _influence(judged, ~labelled, item)


def _se(pull: Floats, clusters: int) -> float:
    """Standard error from the items' pulls; the correction counts the items with labels, the fewer ones."""
    return math.sqrt(float(pull @ pull) * clusters / (clusters - 1))


def _not_random(gap: float, se: float) -> str | None:
    """A warning if the judge's answers on labelled and other pairs differ more than chance allows."""
    if se > 0 and abs(gap) > SHIFTED * se:
        return (
            f"the labelled pairs are no random sample: the judge's mean there is {-gap:+.3f} off that of "
            f"the others ({abs(gap) / se:.1f} standard errors). Draw one with: adjudge label export "
            "--sample N"
        )
    return None
