"""Settings of the cluster bootstrap that makes intervals."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_range


@dataclass(frozen=True)
class Sampling:
    """How intervals are made: a bootstrap over items.

    level: of the two-sided interval. replicates: how many. min_clusters, min_pairs: under these a statistic has no
    interval, or (pairs) is absent in a segment. most_clusters: above it items are pooled at random into as many groups,
    which keeps the interval honest (groups are as independent as items) and the memory bounded.
    """

    level: float = 0.95
    replicates: int = 1_000
    min_clusters: int = 20
    min_pairs: int = 20
    most_clusters: int = 20_000

    def __post_init__(self) -> None:
        check_range("Sampling", "level", self.level, 0.5, 0.9999)
        check_range("Sampling", "replicates", self.replicates, 0, 100_000)
        check_range("Sampling", "min_clusters", self.min_clusters, 2, 10**9)
        check_range("Sampling", "min_pairs", self.min_pairs, 1, 10**9)
        check_range("Sampling", "most_clusters", self.most_clusters, 100, 10**7)
