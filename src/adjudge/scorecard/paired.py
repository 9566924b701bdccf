"""AUC of several models on the same labelled pairs: intervals, and the difference between any two of them.

All models are resampled with the same draws of clusters, so that a difference's interval is of paired data and is
narrower than the two models' own intervals suggest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.bootstrap import draw, interval
from adjudge.stats.auc import auc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One AUC, or the difference of two. `minus` is the model subtracted, empty for an AUC itself. low and high
    are None where a replicate had one class only. pairs, relevant and clusters: what it rests on."""

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
    relevant: NDArray[np.bool_],
    cluster: Sequence[Any],
    against: Sequence[str],
    segments: Mapping[str, NDArray[np.bool_]],
    rng: np.random.Generator,
    replicates: int = 1000,
    level: float = 0.95,
) -> list[Figure]:
    """Every model's AUC and its difference to each model of `against`, in each segment that holds both classes.

    scores: [n] per model, without NaN; cluster: [n], what is drawn together (the keyphrase); segments: rows by
    name. Percentile intervals of a multinomial bootstrap over clusters.

    Relevant .9 and .2, irrelevant .5 and .1: AUC 3/4. Another model that gets all four right has 1, a difference
    of 0.25.
    """
    found: list[Figure] = []
    for name, rows in segments.items():
        yes = relevant[rows]
        if yes.all() or not yes.any():
            continue
        codes = np.unique(np.asarray(cluster)[rows], return_inverse=True)[1]
        draws = draw(rng, int(codes.max()) + 1, replicates, "multinomial")
        values = {model: _replicates(one[rows], yes, draws, codes) for model, one in scores.items()}
        support = (int(rows.sum()), int(yes.sum()), draws.shape[1])
        for model, own in values.items():
            found.append(_figure(model, "", name, own, support, level))
            others = (other for other in against if other != model)
            found += [_figure(model, other, name, own - values[other], support, level) for other in others]
    return found


def _replicates(
    scores: Floats, relevant: NDArray[np.bool_], draws: NDArray[np.uint8], codes: NDArray[Any]
) -> Floats:
    return np.array([auc(scores, relevant, times[codes].astype(np.float64)) for times in draws])


def _figure(
    model: str, minus: str, segment: str, values: Floats, support: tuple[int, int, int], level: float
) -> Figure:
    low, high = interval(values[1:], level)
    known = not np.isnan(low)
    return Figure(
        model,
        minus,
        segment,
        float(values[0]),
        float(low) if known else None,
        float(high) if known else None,
        *support,
    )
