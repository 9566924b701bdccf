"""Settings of the Spark engine."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from adjudge.config import setting, settings

LAYOUTS = ("item", "category", "given")
MASTER = "As local[2] or spark://host:7077; none = spark-submit's, else local with one task per core."
BROADCAST = (
    "A keyphrases table of at most this many rows goes whole to every executor; a larger one is joined by "
    "the hash of its id."
)
LEAST_PARTS = "Fewest parts (tables of few rows have fewer), so that all cores are busy."
LAYOUT = (
    "item: a partition holds whole items, side by side, whatever the order of the input. category: the same, "
    "with the items of a category together. given: the input's own parts, not shuffled, for pairs that lie "
    "by item already."
)
SHIP = "Send the artifact to the executors (SparkContext.addArchive); false = they see its path."


@settings
class SparkSettings:
    """What only the Spark engine has; the rest is the task's."""

    master: Annotated[str | None, setting(MASTER)] = None
    broadcast_rows: Annotated[int, setting(BROADCAST, ge=0, le=10**9, unit="rows")] = 2_000_000
    least_parts: Annotated[int, setting(LEAST_PARTS, ge=1, le=10**6)] = 16
    layout: Annotated[str, setting(LAYOUT, choices=LAYOUTS)] = "item"
    ship: Annotated[bool, setting(SHIP)] = False
    driver_memory: Annotated[str, setting("The JVM's memory, if this process starts it.")] = "2g"
    conf: Annotated[dict[str, str], setting("Further Spark settings, by name.")] = field(default_factory=dict)
