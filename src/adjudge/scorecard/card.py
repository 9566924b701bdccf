"""From replicates to the rows of scorecard.parquet: value, interval, change, and what is withheld."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.bootstrap import interval
from adjudge.scorecard.definitions import metric
from adjudge.scorecard.settings import ScorecardSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
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
    model: str, cells: list[Cell], production: list[Cell] | None, settings: ScorecardSettings
) -> list[dict[str, Any]]:
    """One model's rows; `production` holds the production model's cells, or None where none is named."""
    against = {(cell.metric, cell.by): cell for cell in production or ()}
    rows = []
    for cell in cells:
        other = against.get((cell.metric, cell.by))
        change = np.full(cell.values.shape, np.nan)
        if other is not None:
            change = change_of(metric(cell.metric).kind, cell.values, other.values)
        low, high = interval(cell.values[:, 1:], settings.level)
        change_low, change_high = interval(change[:, 1:], settings.level)
        for s, name in enumerate(cell.names):
            note = _withheld(cell, s, settings)
            shown = not note
            few = cell.clusters[s] < settings.min_clusters
            has_interval = shown and not few
            if shown and few and settings.replicates:
                note = f"no interval: {cell.clusters[s]} clusters, {settings.min_clusters} needed"
            rows.append(
                {
                    "model": model,
                    "metric": cell.metric,
                    "segment_by": cell.by,
                    "segment": name,
                    "value": _number(cell.values[s, 0], shown),
                    "low": _number(low[s], has_interval),
                    "high": _number(high[s], has_interval),
                    "change": _number(change[s, 0], shown),
                    "change_low": _number(change_low[s], has_interval),
                    "change_high": _number(change_high[s], has_interval),
                    "support": int(cell.support[s]),
                    "note": note or None,
                }
            )
    return rows


def _withheld(cell: Cell, s: int, settings: ScorecardSettings) -> str:
    """Why a value is not shown, or ""."""
    if cell.problem:
        return cell.problem
    least = 1 if cell.by == "all" else settings.min_support
    if cell.support[s] < least:
        return f"support {cell.support[s]} is below {least}"
    return "" if np.isfinite(cell.values[s, 0]) else "undefined: one class or the denominator is empty"


def _number(value: float, shown: bool) -> float | None:
    return float(value) if shown and np.isfinite(value) else None
