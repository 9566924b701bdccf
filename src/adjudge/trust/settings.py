"""Settings of the trust room: what counts as agreement, which bar decides, and how wide the doubt is."""

from __future__ import annotations

from dataclasses import dataclass, field

from adjudge.config import check_choice, check_range
from adjudge.stats.annotators import RULES
from adjudge.stats.click_floors import ClickFloors
from adjudge.stats.sampling import Sampling

STATISTICS = (
    *("kappa", "kappa_nominal", "kappa_linear", "kappa_quadratic"),
    *("pabak", "ac1", "exact", "within_one", "balanced"),
)
"""What a decision can rest on; see `coefficients`. `kappa` is quadratic where the scale has three grades or more."""


@dataclass(frozen=True)
class ProbeSettings:
    """From which size on an effect is a fault: a probe is quiet where its whole interval lies inside, a fault where
    the whole interval lies outside, else inconclusive.

    shift: difference of yes rates. odds: factor on the odds of yes (1 = no effect). flips: share of verdicts that change
    though the pair did not. self_kappa: kappa of a judge with itself. bins: of the table by lexical overlap.
    """

    shift: float = 0.05
    odds: float = 1.5
    flips: float = 0.1
    self_kappa: float = 0.8
    bins: int = 5

    def __post_init__(self) -> None:
        check_range("ProbeSettings", "shift", self.shift, 0.0, 1.0)
        check_range("ProbeSettings", "odds", self.odds, 1.0, 1_000.0)
        check_range("ProbeSettings", "flips", self.flips, 0.0, 1.0)
        check_range("ProbeSettings", "self_kappa", self.self_kappa, -1.0, 1.0)
        check_range("ProbeSettings", "bins", self.bins, 2, 100)


@dataclass(frozen=True)
class TrustSettings:
    """statistic, bar: the judge is trusted where the statistic's whole interval reaches the bar.

    rule: which human label a pair gets. `unanimous`: all annotators gave the same grade (paper 1, section 3.1.1: total
    agreement). `majority`: more than half gave the same grade, on the scale compared. Other pairs have no label, and are
    counted. min_annotators: pairs with fewer grades have no label. least_scored: under this share of scored verdicts
    the judge is broken. power: the chance to decide that the number of further labels is computed for.
    most_categories: the largest ones get a segment each, the others one together. head: share of all clicks that the
    head keyphrases hold.
    """

    statistic: str = "kappa"
    bar: float = 0.6
    rule: str = "unanimous"
    min_annotators: int = 1
    least_scored: float = 0.5
    power: float = 0.8
    most_categories: int = 50
    head: float = 0.9
    sampling: Sampling = field(default_factory=Sampling)
    clicks: ClickFloors = field(default_factory=ClickFloors)
    probes: ProbeSettings = field(default_factory=ProbeSettings)

    def __post_init__(self) -> None:
        check_choice("TrustSettings", "statistic", self.statistic, STATISTICS)
        check_choice("TrustSettings", "rule", self.rule, RULES)
        check_range("TrustSettings", "bar", self.bar, -1.0, 1.0)
        check_range("TrustSettings", "min_annotators", self.min_annotators, 1, 1_000)
        check_range("TrustSettings", "least_scored", self.least_scored, 0.0, 1.0)
        check_range("TrustSettings", "power", self.power, 0.5, 0.999)
        check_range("TrustSettings", "most_categories", self.most_categories, 1, 100_000)
        check_range("TrustSettings", "head", self.head, 0.0, 1.0)
