"""Settings of the cascade: what is promised of the cheap judge's answers, and how the promise is tested."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.stats.annotators import RULES
from adjudge.stats.sampling import Sampling


@settings
class CascadeSettings:
    """What the cheap judge's standing answers must reach, and how that is shown."""

    target: Annotated[
        float,
        setting(
            "Agreement with the labels that the cheap judge's standing answers must reach.", ge=0.5, le=0.9999
        ),
    ] = 0.9
    level: Annotated[
        float, setting("Certainty of the one-sided bound that shows the agreement.", ge=0.5, le=0.9999)
    ] = 0.95
    power: Annotated[
        float,
        setting(
            "Chance that the second half of the labels shows it too; the region is kept small enough for "
            "that.",
            ge=0.5,
            le=0.999,
        ),
    ] = 0.9
    block: Annotated[
        int, setting("Labels in the smallest step of the region's edge.", ge=1, le=100_000, unit="labels")
    ] = 20
    points: Annotated[int, setting("Points of the curve.", ge=3, le=1_000, unit="points")] = 25
    sample: Annotated[
        int,
        setting(
            "Pairs that the strong judge is asked about if no human labels are given; with labels, the "
            "most that it is asked about to draw the curve.",
            ge=1,
            le=10**9,
            unit="pairs",
        ),
    ] = 2_000
    rule: Annotated[
        str,
        setting(
            "Which human label a pair gets. `unanimous`: all annotators gave the same grade; `majority`: "
            "more than half did.",
            choices=RULES,
        ),
    ] = "unanimous"
    min_annotators: Annotated[
        int, setting("A pair with fewer annotators has no label.", ge=1, le=1_000, unit="annotators")
    ] = 1
    sampling: Sampling = field(default_factory=Sampling)
