"""Settings of the cluster bootstrap that makes intervals."""

from __future__ import annotations

from typing import Annotated

from adjudge.config import setting, settings


@settings
class Sampling:
    """How intervals are made: a bootstrap over items."""

    level: Annotated[float, setting("Level of the two-sided interval.", ge=0.5, le=0.9999)] = 0.95
    replicates: Annotated[int, setting("Bootstrap replicates.", ge=0, le=100_000)] = 1_000
    min_clusters: Annotated[
        int, setting("A statistic of fewer items has no interval.", ge=2, le=10**9, unit="items")
    ] = 20
    min_pairs: Annotated[
        int, setting("A segment with fewer pairs is absent.", ge=1, le=10**9, unit="pairs")
    ] = 20
    most_clusters: Annotated[
        int,
        setting(
            "Above this number items are pooled at random into as many groups. That keeps the interval "
            "honest (groups are as independent as items) and the memory bounded.",
            ge=100,
            le=10**7,
            unit="items",
        ),
    ] = 20_000
