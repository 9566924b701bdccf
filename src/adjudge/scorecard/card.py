"""From replicates to the rows of scorecard.parquet: value, interval, change, and what is withheld."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.definitions import metric
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.stats.cluster_bootstrap import interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MetricValues:
    """One metric in all segments of one segmentation.

    values: [segments, B], column 0 as observed, NaN = undefined. support: pairs (queries for a ranking
    metric) in the denominator [segments]; clusters: [segments]. problem: why there is no threshold, or "".
    """

    metric: str
    by: str
    names: tuple[str, ...]
    values: Floats
    support: NDArray[np.int64]
    clusters: NDArray[np.int64]
    problem: str = ""


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below, NaN unless below is positive.

    >>> ratio(np.array([1.0, 1.0]), np.array([4.0, 0.0]))
    array([0.25,  nan])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def change_of(kind: str, values: Floats, production: Floats) -> Floats:
    """`values` against production's, replicate by replicate.

    ratio: value / production - 1; difference: value - production; none: NaN.

    >>> change_of("ratio", np.array([0.3]), np.array([0.6]))
    array([-0.5])
    """
    if kind == "difference":
        return values - production
    if kind == "none":
        return np.full(values.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(production != 0, values / production - 1, np.nan)


def card_rows(
    model: str,
    metrics: Sequence[MetricValues],
    production: Sequence[MetricValues] | None,
    settings: ScorecardSettings,
) -> list[dict[str, Any]]:
    """One model's rows; `production` holds the production model's metrics, or None if none is named."""
    baseline = {(values.metric, values.by): values.values for values in production or ()}
    rows = []
    for values in metrics:
        against = baseline.get((values.metric, values.by))
        change = np.full(values.values.shape, np.nan)
        if against is not None:
            change = change_of(metric(values.metric).kind, values.values, against)
        low, high = interval(values.values[:, 1:], settings.level)
        change_low, change_high = interval(change[:, 1:], settings.level)
        for s, name in enumerate(values.names):
            note = _withheld(values, s, settings)
            shown = not note
            enough = values.clusters[s] >= settings.min_clusters
            if shown and not enough and settings.replicates:
                note = f"no interval: {values.clusters[s]} clusters, {settings.min_clusters} needed"
            rows.append(
                {
                    "model": model,
                    "metric": values.metric,
                    "segment_by": values.by,
                    "segment": name,
                    "value": _number(values.values[s, 0], shown),
                    "low": _number(low[s], shown and enough),
                    "high": _number(high[s], shown and enough),
                    "change": _number(change[s, 0], shown),
                    "change_low": _number(change_low[s], shown and enough),
                    "change_high": _number(change_high[s], shown and enough),
                    "support": int(values.support[s]),
                    "note": note or None,
                }
            )
    return rows


def _withheld(values: MetricValues, s: int, settings: ScorecardSettings) -> str:
    """Why a value is not shown, or ""."""
    if values.problem:
        return values.problem
    least = 1 if values.by == "all" else settings.min_support
    if values.support[s] < least:
        return f"support {values.support[s]} is below {least}"
    return "" if np.isfinite(values.values[s, 0]) else "undefined: one class or the denominator is empty"


def _number(value: float, shown: bool) -> float | None:
    return float(value) if shown and np.isfinite(value) else None
