"""Settings of agreement: what counts as agreement, which bar decides, and how wide an interval is."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.stats.annotators import RULES
from adjudge.stats.click_floors import ClickFloors
from adjudge.stats.sampling import Sampling

STATISTICS = (
    *("kappa", "kappa_nominal", "kappa_linear", "kappa_quadratic"),
    *("pabak", "ac1", "exact", "within_one", "balanced"),
)
"""What a decision can rest on; see `stats.agreement`."""


@settings
class ProbeSettings:
    """The size from which an effect is a fault: a probe is quiet if its whole interval lies inside, a fault
    if the whole
    interval lies outside, else inconclusive."""

    shift: Annotated[float, setting("Harmless difference of yes rates.", ge=0.0, le=1.0)] = 0.05
    odds: Annotated[
        float, setting("Harmless factor on the odds of yes (1 = no effect).", ge=1.0, le=1_000.0)
    ] = 1.5
    flips: Annotated[
        float,
        setting("Harmless share of verdicts that change though the pair did not.", ge=0.0, le=1.0),
    ] = 0.1
    self_kappa: Annotated[float, setting("Least harmless kappa of a judge with itself.", ge=-1.0, le=1.0)] = (
        0.8
    )
    bins: Annotated[int, setting("Bins of the table by lexical overlap.", ge=2, le=100)] = 5


@settings
class ClickSettings(ClickFloors):
    """Floors of click-positive pairs, and how deep clicks over expected clicks look into a results page."""

    positions: Annotated[
        int,
        setting("Positions below this one count as this one in clicks over expected clicks.", ge=1, le=1_000),
    ] = 30


@settings
class TrustSettings:
    """When a judge is trusted, which human labels count, and which segments are reported."""

    statistic: Annotated[
        str,
        setting(
            "The agreement coefficient that decides: the judge is trusted if its whole interval reaches the "
            "bar. `kappa` is quadratic on three grades or more, plain on two.",
            choices=STATISTICS,
        ),
    ] = "kappa"
    bar: Annotated[float, setting("What the statistic's whole interval must reach.", ge=-1.0, le=1.0)] = 0.6
    rule: Annotated[
        str,
        setting(
            "Which human label a pair gets. `unanimous`: all annotators gave the same grade (paper 1, "
            "section 3.1.1: total agreement). `majority`: more than half did, on the scale compared. Other "
            "pairs have no label and are counted.",
            choices=RULES,
        ),
    ] = "unanimous"
    min_annotators: Annotated[
        int, setting("A pair with fewer annotators has no label.", ge=1, le=1_000, unit="annotators")
    ] = 1
    least_scored: Annotated[
        float, setting("The judge is broken if a smaller share of its verdicts is scored.", ge=0.0, le=1.0)
    ] = 0.5
    power: Annotated[
        float,
        setting("The chance to decide that the number of further labels is computed for.", ge=0.5, le=0.999),
    ] = 0.8
    most_categories: Annotated[
        int,
        setting("The largest categories get a segment each, all others one together.", ge=1, le=100_000),
    ] = 50
    head: Annotated[float, setting("Share of all clicks that the head keyphrases hold.", ge=0.0, le=1.0)] = (
        0.9
    )
    sampling: Sampling = field(default_factory=Sampling)
    clicks: ClickSettings = field(default_factory=ClickSettings)
    probes: ProbeSettings = field(default_factory=ProbeSettings)
