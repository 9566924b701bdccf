"""What is Spark's own in a run; the rest is the task's."""

from __future__ import annotations

from dataclasses import dataclass, field

from adjudge.config import check_choice, check_range

LAYOUTS = ("item", "category", "given")


@dataclass(frozen=True)
class SparkSettings:
    """master            as `local[2]` or `spark://host:7077`; none = spark-submit's, else local with a task a core
    broadcast_rows    a keyphrases table of at most so many rows goes whole to every executor; a larger one is
                      joined by the hash of its id
    least_parts       parts at least (tables of few rows have fewer): what keeps all cores busy
    layout            `item`: a partition holds whole items, side by side, whatever the order of the input; `category`:
                      the same, items of a category together; `given`: the input's own parts, not shuffled, for pairs
                      that lie by item already
    ship              send the artifact to the executors (SparkContext.addArchive); false = they see its path
    driver_memory     the JVM's, where this process starts it
    conf              further Spark settings, by name
    """

    master: str | None = None
    broadcast_rows: int = 2_000_000
    least_parts: int = 16
    layout: str = "item"
    ship: bool = False
    driver_memory: str = "2g"
    conf: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("SparkSettings", "broadcast_rows", self.broadcast_rows, 0, 10**9)
        check_range("SparkSettings", "least_parts", self.least_parts, 1, 10**6)
        check_choice("SparkSettings", "layout", self.layout, LAYOUTS)
