"""The routing curve: share of calls to the strong judge against agreement, beside random routing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge.cascade.region import LabelledAnswers, Region
from adjudge.cascade.settings import CascadeSettings
from adjudge.stats.cluster_bootstrap import Estimate, Floats, Statistic, columns_by_cluster, estimates

CURVE = pa.schema(
    [
        *(("kind", pa.string()), ("against", pa.string()), ("strong_share", pa.float64())),
        *(("value", pa.float64()), ("low", pa.float64()), ("high", pa.float64()), ("se", pa.float64())),
        *(("pairs", pa.int64()), ("clusters", pa.int64()), ("note", pa.string())),
        *(("money", pa.float64()), ("chosen", pa.bool_()), ("place", pa.int64())),
    ]
)
"""Columns of curve.parquet. kind: cascade, random, all cheap, all strong. against: labels or strong judge;
value, low, high: the agreement with them. strong_share: of all pairs, asked of the strong judge. money: both
judges, null without prices. place: number of the region, from none of the answers to all."""
_EACH, _CHEAP, _STRONG, _SAME, _REGIONS = range(5)
"""Columns of the sums: pairs, cheap judge right, strong judge right, judges agree, then two per region."""


@dataclass(frozen=True)
class Point:
    """A point of the curve; index: of its region, column `place` of the table.

    kind: `cascade`, `random` (the strong judge is asked about as many pairs, drawn blindly), `all cheap`,
    `all strong`. against: `labels` or `strong judge`. strong_share: of all pairs, asked of the strong judge.
    """

    index: int
    kind: str
    against: str
    strong_share: float
    agreement: Estimate
    chosen: bool = False


def curve(
    answers: LabelledAnswers,
    regions: Sequence[Region],
    chosen: int,
    strong_share: Callable[[Region], float],
    settings: CascadeSettings,
    rng: np.random.Generator,
) -> tuple[Point, ...]:
    """Agreement of the cascade at each of the nested regions (thinned to `points`), and of random routing.

    answers: with labels that the regions were not made on. Only pairs that both judges scored count, and all
    points share the resamples. Empty if the strong judge scored none.
    """
    if not answers.asked.any():
        return ()
    both = answers.at(answers.asked)
    shares = [strong_share(region) for region in regions]
    indices = thinned(shares, chosen, settings.points)
    columns = [np.ones(len(both)), both.right, both.strong_right, both.same]
    statistics: dict[str, Statistic] = {}
    for n, index in enumerate(indices):
        inside = regions[index].inside(both.step, both.confidence)
        columns += [np.where(inside, both.right, both.strong_right), np.where(inside, both.same, True)]
        statistics[f"cascade labels {index}"] = partial(_share_of, _REGIONS + 2 * n)
        statistics[f"cascade strong judge {index}"] = partial(_share_of, _REGIONS + 2 * n + 1)
        statistics[f"random labels {index}"] = partial(_mixed, shares[index], _STRONG, _CHEAP)
        statistics[f"random strong judge {index}"] = partial(_mixed, shares[index], _EACH, _SAME)
    sums = columns_by_cluster(both.item, np.column_stack(columns).astype(np.float64))
    agreements = estimates(sums, statistics, len(both), settings.sampling, rng)
    last = len(regions) - 1
    ends = {0: "all strong", last: "all cheap"}
    return tuple(
        Point(
            index=index,
            kind=ends.get(index, kind),
            against=against,
            strong_share=float(shares[index]),
            agreement=agreements[f"{kind} {against} {index}"],
            chosen=kind == "cascade" and index == chosen,
        )
        for kind in ("cascade", "random")
        for against in ("labels", "strong judge")
        for index in indices
        if kind == "cascade" or 0 < index < last
    )


def _share_of(column: int, sums: Floats) -> Floats:
    """A column's sum over the number of pairs."""
    return np.asarray(sums[..., column] / np.maximum(sums[..., _EACH], 1))


def _mixed(share: float, strong: int, cheap: int, sums: Floats) -> Floats:
    """Agreement if a share of pairs, drawn blindly, goes to the strong judge, the rest to the cheap."""
    return share * _share_of(strong, sums) + (1 - share) * _share_of(cheap, sums)


def thinned(strong_share: Sequence[float], chosen: int, points: int) -> list[int]:
    """At most about `points` indices, spread evenly over the share of calls; always both ends and the chosen
    one.

    >>> thinned([1.0, 0.9, 0.89, 0.5, 0.0], 2, 3)
    [0, 2, 3, 4]
    """
    last = len(strong_share) - 1
    indices, previous = {0, last, chosen}, 0
    step = (strong_share[0] - strong_share[-1]) / max(points - 1, 1)
    for index in range(last + 1):
        if strong_share[previous] - strong_share[index] >= step:
            indices.add(index)
            previous = index
    return sorted(indices)


def rows(points: Sequence[Point], money: Sequence[float | None]) -> list[dict[str, Any]]:
    """The curve's rows, as CURVE names them."""
    names = ("kind", "against", "strong_share", "chosen")
    return [
        {name: getattr(point, name) for name in names}
        | {"place": point.index, **asdict(point.agreement), "money": spent}
        for point, spent in zip(points, money, strict=True)
    ]
