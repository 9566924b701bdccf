"""The small market that the room's tests share."""

from __future__ import annotations

import dataclasses
from typing import Any

from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, MarketSettings

SMALL = MarketSettings(
    seed=3,
    catalogue=CatalogueSettings(items=1_500, keyphrases=3_750, pairs_per_item=16),
    annotators=AnnotatorSettings(pairs=3_000),
)


def changed(group: str, **values: Any) -> MarketSettings:
    """The small market with settings of one group changed."""
    return dataclasses.replace(SMALL, **{group: dataclasses.replace(getattr(SMALL, group), **values)})
