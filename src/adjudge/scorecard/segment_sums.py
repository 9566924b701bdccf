"""Sums of pair columns per segment and bootstrap replicate, over all pairs or over those kept by a threshold.

Every business metric is a ratio of sums over pairs, so a replicate is the same sums with each pair times its
cluster's draw. Pairs kept in every replicate are added up per cluster once; only the pairs between the lowest
and the highest threshold are looked at replicate by replicate. The result is exact, and there is no loop over
pairs.
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


class SegmentSums:
    """Sums of pair columns per segment and replicate, for one segmentation.

    A *cell* is a cluster's share of a segment: its pairs in that segment. Cells are numbered by segment, then
    by cluster, so that a segment's cells are a slice.
    """

    def __init__(
        self, segmentation: Segmentation, cluster: NDArray[np.int32], by_cluster: NDArray[np.uint8]
    ) -> None:
        """cluster: int32 [n]; by_cluster: the draws transposed, uint8 [clusters, B]."""
        self.segmentation = segmentation
        self.segments = len(segmentation.names)
        self.cluster, self.by_cluster = cluster, by_cluster
        clusters = len(by_cluster)
        if self.segments > 1:
            key = segmentation.codes.astype(np.int64) * clusters + cluster
            cells, inverse = np.unique(key, return_inverse=True)
        else:  # One segment: cells are clusters, and nothing need be sorted.
            cells, inverse = np.arange(clusters, dtype=np.int64), cluster
        self.cell = inverse.astype(np.int32)
        self.cell_segment, self.cell_cluster = cells // clusters, cells % clusters
        self.bounds = np.searchsorted(self.cell_segment, np.arange(self.segments + 1))

    @property
    def by_item(self) -> bool:
        """Whether a segment holds whole items."""
        return self.segmentation.by in ("all", "category")

    def every(self, columns: Sequence[NDArray]) -> Floats:
        """[columns, segments, B]: sums over all pairs."""
        return self._add(columns, None)

    def kept(self, columns: Sequence[NDArray], scores: Floats, thresholds: Thresholds) -> Floats:
        """[columns, segments, B]: sums over pairs kept in each replicate; NaN if it has no threshold."""
        exist = thresholds.exist
        if not exist.any():
            return np.full((len(columns), self.segments, len(exist)), np.nan)
        cuts = np.where(exist, thresholds.values, np.inf)
        low = np.min(cuts, axis=1)[thresholds.group]
        high = np.max(np.where(exist, cuts, -np.inf), axis=1)[thresholds.group]
        sums = self._add(columns, scores >= high)
        between = np.flatnonzero((scores >= low) & (scores < high))
        sums += self._between(columns, between, scores, cuts, thresholds.group)
        sums[:, :, ~exist] = np.nan
        return sums

    def clusters(self, used: NDArray[np.bool_]) -> NDArray[np.int64]:
        """[segments]: clusters with at least one `used` pair."""
        cells = np.bincount(self.cell[used], minlength=len(self.cell_cluster)) > 0
        return np.bincount(self.cell_segment[cells], minlength=self.segments)

    def support(self, used: NDArray[np.bool_]) -> NDArray[np.int64]:
        """[segments]: `used` pairs."""
        return np.bincount(self.segmentation.codes[used], minlength=self.segments)

    def _add(self, columns: Sequence[NDArray], where: NDArray[np.bool_] | None) -> Floats:
        """[columns, segments, B]: sums per cell, then the cells of a segment times their clusters' draws."""
        per_cell = np.zeros((len(columns), len(self.cell_cluster)))
        for c, column in enumerate(columns):
            rows = np.flatnonzero(column if where is None else (column != 0) & where)
            per_cell[c] = np.bincount(self.cell[rows], weights=column[rows], minlength=per_cell.shape[1])
        replicates = self.by_cluster.shape[1]
        sums = np.zeros((len(columns), self.segments, replicates))
        step = max(1, _BLOCK // replicates)
        for s, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            for start in range(first, last, step):
                cells = slice(start, min(start + step, last))
                times = self.by_cluster[self.cell_cluster[cells]].astype(np.float64)
                sums[:, s] += per_cell[:, cells] @ times
        return sums

    def _between(
        self,
        columns: Sequence[NDArray],
        rows: NDArray,
        scores: Floats,
        cuts: Floats,
        group: NDArray[np.int32],
    ) -> Floats:
        """[columns, segments, B]: the sums of pairs that some replicates keep and others drop."""
        replicates = self.by_cluster.shape[1]
        sums = np.zeros((len(columns) * self.segments, replicates))
        step = max(1, _BLOCK // replicates)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            is_kept = scores[block, None] >= cuts[group[block]]
            weight = self.by_cluster[self.cluster[block]] * is_kept
            values = np.stack([column[block].astype(np.float64) for column in columns])
            at, row = np.nonzero(values)
            target = at * self.segments + self.segmentation.codes[block][row]
            # A sparse matrix of [column and segment, pair] adds up all columns and segments in one product.
            matrix = sparse.csr_matrix((values[at, row], (target, row)), shape=(len(sums), len(block)))
            sums += matrix @ weight.astype(np.float64)
        return sums.reshape(len(columns), self.segments, replicates)
