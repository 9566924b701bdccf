"""Definitions of the scorecard's metrics, read from metrics.yaml: name, unit, kind, direction, definition."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from adjudge.config import read_values

KINDS = ("ratio", "difference", "none")


@dataclass(frozen=True)
class MetricDefinition:
    """One metric.

    kind: how `change` compares with production: `ratio` is value / production - 1 (paper 1's table),
    `difference` is value - production, `none` has no change. higher_is_better: None if neither direction is
    better by itself.
    """

    name: str
    label: str
    definition: str
    kind: str = "ratio"
    unit: str = "share"
    higher_is_better: bool | None = True


@functools.cache
def metric_definitions() -> dict[str, MetricDefinition]:
    """Every metric by name, but for ranking metrics."""
    stated = read_values(Path(__file__).with_name("metrics.yaml"))
    return {name: MetricDefinition(name, **values) for name, values in stated.items()}


def metric(name: str) -> MetricDefinition:
    """The definition of any metric of a scorecard; an unknown name is a ranking metric such as `nDCG@10`."""
    return metric_definitions().get(name) or MetricDefinition(
        name,
        name,
        f"{name} (ir-measures) of the judged items of a keyphrase ranked by score, mean over keyphrases",
        kind="difference",
        unit="score",
    )
