"""The clustered bootstrap: draw how often each item (or keyphrase) counts, and re-add the sums.

Every statistic here is a ratio of sums over pairs, so a replicate is the same sums with each pair times
its cluster's draw. Pairs kept in every replicate are added up per cluster once; only the pairs between the
lowest and the highest threshold are looked at replicate by replicate. Exact, and no loop over pairs.
Cluster bootstrap: Cameron, Gelbach and Miller (2008), section II; Poisson draws: Chamandy et al. (2012).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from adjudge.scorecard.segments import Segmentation
from adjudge.scorecard.threshold import Thresholds

Floats = NDArray[np.float64]
_BLOCK = 4_000_000
"""Numbers in one dense block: 32 MB."""


def draw(rng: np.random.Generator, clusters: int, replicates: int, resampling: str) -> NDArray[np.uint8]:
    """How often each cluster counts: uint8 [replicates + 1, clusters]; row 0, the data as observed, is ones."""
    draws = np.ones((replicates + 1, clusters), np.uint8)
    for b in range(1, replicates + 1):
        if resampling == "poisson":
            draws[b] = rng.poisson(1.0, clusters)
        else:
            draws[b] = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
    return draws


def interval(replicates: Floats, level: float) -> tuple[Floats, Floats]:
    """Percentile interval over the last axis; NaN where any replicate is undefined or there are none."""
    if replicates.shape[-1] == 0:
        empty = np.full(replicates.shape[:-1], np.nan)
        return empty, empty.copy()
    tail = (1 - level) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=-1)
    return np.asarray(low), np.asarray(high)


class Sums:
    """Sums of pair columns per segment and replicate, for one segmentation."""

    def __init__(
        self, segmentation: Segmentation, cluster: NDArray[np.int32], by_cluster: NDArray[np.uint8]
    ) -> None:
        """cluster: int32 [n]; by_cluster: draws the other way round, uint8 [clusters, B]."""
        self.segmentation = segmentation
        self.number = len(segmentation.names)
        self.by_item = segmentation.by in ("all", "category")
        self.cluster, self.by_cluster = cluster, by_cluster
        key = segmentation.codes.astype(np.int64) * len(by_cluster) + cluster
        cells, inverse = np.unique(key, return_inverse=True) if self.number > 1 else (None, cluster)
        if cells is None:
            cells = np.arange(len(by_cluster), dtype=np.int64)
        self.cell = inverse.astype(np.int32)
        self.cell_segment, self.cell_cluster = cells // len(by_cluster), cells % len(by_cluster)
        self.bounds = np.searchsorted(self.cell_segment, np.arange(self.number + 1))

    def every(self, columns: Sequence[NDArray]) -> Floats:
        """[columns, segments, B]: sums over all pairs."""
        return self._add(columns, None)

    def kept(self, columns: Sequence[NDArray], scores: Floats, thresholds: Thresholds) -> Floats:
        """[columns, segments, B]: sums over pairs kept in each replicate; NaN where it has no threshold."""
        exist = thresholds.exist
        shape = (len(columns), self.number, len(exist))
        if not exist.any():
            return np.full(shape, np.nan)
        cuts = np.where(exist, thresholds.values, np.inf)
        low = np.min(cuts, axis=1)[thresholds.group]
        high = np.max(np.where(exist, cuts, -np.inf), axis=1)[thresholds.group]
        sums = self._add(columns, scores >= high)
        between = np.flatnonzero((scores >= low) & (scores < high))
        sums += self._between(columns, between, scores, cuts, thresholds.group)
        sums[:, :, ~exist] = np.nan
        return sums

    def clusters(self, used: NDArray[np.bool_]) -> NDArray[np.int64]:
        """[segments]: clusters with at least one pair where `used`."""
        cells = np.bincount(self.cell[used], minlength=len(self.cell_cluster)) > 0
        return np.bincount(self.cell_segment[cells], minlength=self.number)

    def support(self, used: NDArray[np.bool_]) -> NDArray[np.int64]:
        """[segments]: pairs where `used`."""
        return np.bincount(self.segmentation.codes[used], minlength=self.number)

    def _add(self, columns: Sequence[NDArray], where: NDArray[np.bool_] | None) -> Floats:
        per_cell = np.zeros((len(columns), len(self.cell_cluster)))
        for c, column in enumerate(columns):
            rows = np.flatnonzero(column if where is None else (column != 0) & where)
            per_cell[c] = np.bincount(self.cell[rows], weights=column[rows], minlength=per_cell.shape[1])
        return self._times(per_cell)

    def _times(self, per_cell: Floats) -> Floats:
        """[columns, segments, B] from [columns, cells]; a cell is a cluster's part of a segment."""
        replicates = self.by_cluster.shape[1]
        sums = np.zeros((len(per_cell), self.number, replicates))
        step = max(1, _BLOCK // replicates)
        for s, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            for start in range(first, last, step):
                cells = slice(start, min(start + step, last))
                sums[:, s] += per_cell[:, cells] @ self.by_cluster[self.cell_cluster[cells]].astype(
                    np.float64
                )
        return sums

    def _between(
        self,
        columns: Sequence[NDArray],
        rows: NDArray,
        scores: Floats,
        cuts: Floats,
        group: NDArray[np.int32],
    ) -> Floats:
        replicates = self.by_cluster.shape[1]
        sums = np.zeros((len(columns) * self.number, replicates))
        step = max(1, _BLOCK // replicates)
        for start in range(0, len(rows), step):
            mine = rows[start : start + step]
            kept = scores[mine, None] >= cuts[group[mine]]
            weight = self.by_cluster[self.cluster[mine]] * kept
            values = np.stack([column[mine].astype(np.float64) for column in columns])
            at, row = np.nonzero(values)
            codes = self.segmentation.codes[mine]
            matrix = sparse.csr_matrix(
                (values[at, row], (at * self.number + codes[row], row)), shape=(len(sums), len(mine))
            )
            sums += matrix @ weight.astype(np.float64)
        return sums.reshape(len(columns), self.number, replicates)
