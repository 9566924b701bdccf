"""The decision of a pipeline: trusted, not trusted, inconclusive or broken, as an exit code."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.stats.cluster_bootstrap import Estimate

EXIT_CODES = {"trusted": 0, "not trusted": 1, "inconclusive": 2, "broken": 3}


@dataclass(frozen=True)
class Decision:
    verdict: str
    reason: str

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def decide(statistic: str, found: Estimate, bar: float, scored: float, least_scored: float) -> Decision:
    """Trusted where the whole interval reaches the bar, not trusted where all of it stays below, else inconclusive.

    Broken: too few verdicts could be read (`scored`: their share), or the statistic is undefined on the pairs that both
    graded (none, or a judge that always says the same where people do too).

    >>> decide("kappa", Estimate(0.7, 0.62, 0.78, 0.04, 500, 300), 0.6, 1.0, 0.5).exit_code
    0
    """
    if scored < least_scored:
        return Decision(
            "broken", f"{scored:.1%} of the verdicts are scored; at least {least_scored:.0%} are needed"
        )
    if found.value is None:
        return Decision("broken", f"{statistic} is undefined: {found.note}")
    if found.low is None or found.high is None:
        return Decision("inconclusive", f"{statistic} {found.value:.3f} has no interval: {found.note}")
    told = f"{statistic} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), bar {bar:g}"
    if found.low >= bar:
        return Decision("trusted", told)
    if found.high < bar:
        return Decision("not trusted", told)
    return Decision("inconclusive", told)
