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


def decide(statistic: str, estimate: Estimate, bar: float, scored: float, least_scored: float) -> Decision:
    """Trusted if the whole interval reaches the bar, not trusted if all of it stays below, else inconclusive.

    Broken: too few verdicts could be read (`scored`: their share), or the statistic is undefined on the pairs
    that both graded (none, or a judge that always says the same if people do too).

    >>> decide("kappa", Estimate(0.7, 0.62, 0.78, 0.04, 500, 300), 0.6, 1.0, 0.5).exit_code
    0
    """
    if scored < least_scored:
        return Decision(
            "broken", f"{scored:.1%} of the verdicts are scored; at least {least_scored:.0%} are needed"
        )
    if estimate.value is None:
        return Decision("broken", f"{statistic} is undefined: {estimate.note}")
    if estimate.low is None or estimate.high is None:
        return Decision("inconclusive", f"{statistic} {estimate.value:.3f} has no interval: {estimate.note}")
    reason = f"{statistic} {estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}), bar {bar:g}"
    if estimate.low >= bar:
        return Decision("trusted", reason)
    if estimate.high < bar:
        return Decision("not trusted", reason)
    return Decision("inconclusive", reason)
