"""Sample size: how many more human labels would decide a question."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from adjudge.stats.cluster_bootstrap import Estimate

MOST = 10**9
"""More labels than anyone has: a value this close to the bar is not decided by labels."""


@dataclass(frozen=True)
class Needed:
    """labels: in all, for `power` to decide; more: beyond those there are; None if the present labels give no
    standard error, or no feasible number decides; note says which."""

    question: str
    value: float | None
    bar: float
    labels: int | None
    more: int | None
    note: str | None = None


def labels_needed(
    question: str, now: Estimate, bar: float, level: float = 0.95, power: float = 0.8
) -> Needed:
    """Labels at which the two-sided interval leaves the bar out with chance `power`, if the value stays what
    it is now.

    A standard error falls with the square root of the labels, so that

        needed = now * ((z(1 - (1 - level) / 2) + z(power)) * se / |value - bar|) ** 2

    Labels are counted in pairs, at the present number of pairs per item (the clustered standard error holds
    their dependence). The value is itself uncertain: ask again once the labels are there.

    >>> labels_needed("kappa >= 0.6?", Estimate(0.65, se=0.05, pairs=200), 0.6).labels
    1570

    Worked: (1.96 + 0.8416) * 0.05 / 0.05 = 2.8016; squared 7.849; times 200: 1,570 labels, 1,370 more.
    """
    if now.value is None or now.se is None:
        return Needed(question, now.value, bar, None, None, now.note or "no standard error from these labels")
    normal = NormalDist()
    reach = normal.inv_cdf(1 - (1 - level) / 2) + normal.inv_cdf(power)
    gap = abs(now.value - bar)
    if gap * math.sqrt(MOST) <= reach * now.se * math.sqrt(now.pairs):
        return Needed(
            question, now.value, bar, None, None, "the value is at the bar: no number of labels decides"
        )
    labels = math.ceil(round(now.pairs * (reach * now.se / gap) ** 2, 6))
    return Needed(question, now.value, bar, labels, max(0, labels - now.pairs))
