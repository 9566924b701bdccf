"""Cluster bootstrap: intervals of statistics whose pairs are not independent, because pairs of one item are
alike.

A statistic is a function of sums over pairs. Sums are kept per item, items are drawn with replacement, and
the statistic is computed on the sums of each draw (Cameron, Gelbach and Miller 2008, section II).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.stats.sampling import Sampling

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
Statistic = Callable[[Floats], Floats]
"""Sums [..., M] to values [...], NaN where undefined."""
_BLOCK = 8_000_000
"""Numbers in one dense block: 64 MB."""


@dataclass(frozen=True)
class Estimate:
    """A value, its interval and its standard error; None if the data cannot carry it, and `note` says why.

    pairs: what it rests on; clusters: the items those are from.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    pairs: int = 0
    clusters: int = 0
    note: str | None = None


def draw(
    rng: np.random.Generator, clusters: int, replicates: int, resampling: str = "multinomial"
) -> NDArray[np.uint8]:
    """How often each cluster counts: uint8 [replicates + 1, clusters]; row 0, the data as observed, is ones.

    `multinomial` draws as many clusters as there are, with replacement; `poisson` draws each count by itself
    (Chamandy et al. 2012). The random numbers are those of one replicate after the other, whatever the block
    size.
    """
    draws = np.ones((replicates + 1, clusters), np.uint8)
    step = max(1, _BLOCK // max(clusters, 1))
    for start in range(1, replicates + 1, step):
        size = min(step, replicates + 1 - start)
        if resampling == "poisson":
            draws[start : start + size] = rng.poisson(1.0, (size, clusters))
        else:
            drawn = rng.integers(0, clusters, (size, clusters)) + clusters * np.arange(size)[:, None]
            times = np.bincount(drawn.ravel(), minlength=size * clusters)
            draws[start : start + size] = times.reshape(size, clusters)
    return draws


def interval(replicates: Floats, level: float) -> tuple[Floats, Floats]:
    """Percentile interval over the last axis; NaN if any replicate is undefined or there are none."""
    if replicates.shape[-1] == 0:
        empty = np.full(replicates.shape[:-1], np.nan)
        return empty, empty.copy()
    tail = (1 - level) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=-1)
    return np.asarray(low), np.asarray(high)


def sums_by_cluster(cluster: Ints, cell: Ints, cells: int, weight: NDArray[Any] | None = None) -> Floats:
    """[C, cells]: how often (or with what weight) each cell occurs in each cluster; clusters in rising order.

    cluster, cell, weight: [n], one entry per pair; only clusters that occur get a row.

    >>> sums_by_cluster(np.array([7, 7, 3]), np.array([0, 1, 1]), 2)
    array([[0., 1.],
           [1., 1.]])
    """
    _, code = np.unique(cluster, return_inverse=True)
    clusters = int(code.max()) + 1 if len(code) else 0
    flat = np.bincount(code * cells + cell, weights=weight, minlength=clusters * cells)
    return flat.astype(np.float64).reshape(clusters, cells)


def columns_by_cluster(cluster: Ints, columns: Floats) -> Floats:
    """[C, M]: sums of columns [n, M] per cluster, clusters in rising order."""
    _, code = np.unique(cluster, return_inverse=True)
    clusters = int(code.max()) + 1 if len(code) else 0
    sums = [np.bincount(code, weights=column, minlength=clusters) for column in columns.T]
    return np.stack(sums, axis=1) if sums else np.zeros((clusters, 0))


def estimate(
    sums: Floats, statistic: Statistic, pairs: int, sampling: Sampling, rng: np.random.Generator
) -> Estimate:
    """The statistic of the sums [C, M] and its percentile interval; see `estimates`."""
    return estimates(sums, {"": statistic}, pairs, sampling, rng)[""]


def estimates(
    sums: Floats,
    statistics: Mapping[str, Statistic],
    pairs: int,
    sampling: Sampling,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Several statistics of the same sums [C, M], each with its percentile interval, on the same resamples.

    There is no interval if clusters are fewer than `min_clusters`, or if a replicate has no value.
    """
    clusters = len(sums)
    if pairs < 1:
        return {name: Estimate(None, note="no pairs") for name in statistics}
    enough = clusters >= sampling.min_clusters
    resamples = resampled(sums, sampling, rng) if enough else np.zeros((0, sums.shape[1]))
    few = None if enough else f"{clusters} items; an interval needs {sampling.min_clusters}"
    total = sums.sum(0)
    return {
        name: _estimate(float(statistic(total)), statistic(resamples), (pairs, clusters), few, sampling.level)
        for name, statistic in statistics.items()
    }


def _estimate(
    value: float, replicates: Floats, support: tuple[int, int], few: str | None, level: float
) -> Estimate:
    pairs, clusters = support
    if np.isnan(value):
        why = "undefined: one grade only, or nothing to compare"
        return Estimate(None, pairs=pairs, clusters=clusters, note=why)
    if few is not None or not len(replicates) or not np.isfinite(replicates).all():
        why = (
            "no interval: undefined in some resamples"
            if len(replicates)
            else "no interval: no replicates asked"
        )
        return Estimate(value, pairs=pairs, clusters=clusters, note=few or why)
    low, high = interval(replicates, level)
    se = float(replicates.std(ddof=1)) if len(replicates) > 1 else None
    return Estimate(value, float(low), float(high), se, pairs, clusters)


def resampled(sums: Floats, sampling: Sampling, rng: np.random.Generator) -> Floats:
    """[B, M]: the sums of B draws of as many clusters as there are, with replacement."""
    sums = _pooled(sums, sampling.most_clusters, rng)
    draws = draw(rng, len(sums), sampling.replicates)[1:]
    step = max(1, _BLOCK // max(len(sums), 1))
    blocks = [np.zeros((0, sums.shape[1]))]
    blocks += [draws[start : start + step].astype(np.float64) @ sums for start in range(0, len(draws), step)]
    return np.concatenate(blocks)


def _pooled(sums: Floats, most: int, rng: np.random.Generator) -> Floats:
    """At most `most` groups of clusters, drawn at random and equal in number but for one."""
    if len(sums) <= most:
        return sums
    groups = rng.permutation(len(sums)) % most
    return columns_by_cluster(groups, sums)
