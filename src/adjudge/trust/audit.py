"""Labels that contradict what buyers do, and what becomes of them after a stronger judge and the category
rule.

Source: paper 2 (arXiv 2605.27704): annotations that contradict behaviour are judged again by a stronger
model; what then still contradicts is decided by whether the item's category is valid for the query. Floors
and bounds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from adjudge.config import setting, settings
from adjudge.errors import BadConfig
from adjudge.records import Scale
from adjudge.stats.cluster_bootstrap import Floats, Ints

NONE, ENGAGED, IGNORED = "", "low, yet engaged", "high, yet ignored"
KINDS = (ENGAGED, IGNORED)
BY_LABEL, BY_JUDGE, BY_RULE, UNDECIDED = "label", "judge", "category rule", "undecided"
VALID, INVALID, UNKNOWN = 1, 0, -1


@settings
class AuditFloors:
    """When a label contradicts buyers.

    A low label contradicts if the pair was engaged: shown often enough, and bought, or clicked with COEC
    (clicks over expected clicks) surely above `engaged`. The best label contradicts if the pair was ignored:
    COEC surely under `ignored`. Surely: the two-sided interval lies beyond (clicks as Poisson counts, Garwood
    1936).
    """

    impressions: Annotated[
        int, setting("Least impressions of an engaged or ignored pair.", ge=1, le=10**9)
    ] = 30
    clicks: Annotated[int, setting("Least clicks of an engaged pair.", ge=1, le=10**9)] = 3
    sales: Annotated[
        int,
        setting("Sales that make a pair engaged without its clicks; 0: sales do not count.", ge=0, le=10**9),
    ] = 2
    engaged: Annotated[float, setting("COEC above which a pair is engaged.", ge=0, le=1e6)] = 1.0
    expected: Annotated[float, setting("Least expected clicks of an ignored pair.", ge=0, le=1e9)] = 5.0
    ignored: Annotated[float, setting("COEC under which a pair is ignored.", ge=0, le=1e6)] = 0.5
    level: Annotated[float, setting("Confidence level of COEC's interval.", ge=0.5, le=0.9999)] = 0.95

    def __post_init__(self) -> None:
        if self.ignored >= self.engaged:
            raise BadConfig(f"AuditFloors.ignored is {self.ignored}: it must be under engaged {self.engaged}")


@settings
class Validity:
    """When clicks show that a category is valid for a keyphrase."""

    share: Annotated[float, setting("Least share of the keyphrase's clicks on other pairs.", ge=0, le=1)] = (
        0.1
    )
    clicks: Annotated[
        int, setting("Least clicks on other pairs; with fewer it is unknown.", ge=1, le=10**9)
    ] = 10


@dataclass(frozen=True)
class Behaviour:
    """What buyers did, [n]: impressions, clicks, sales and expected clicks of each pair.

    coec, low, high: clicks over expected clicks and its bounds; NaN without expected clicks.
    """

    impressions: Ints
    clicks: Ints
    sales: Ints
    expected: Floats
    coec: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Outcome:
    """[n]: the label after the audit, who decided (one of BY_*, UNDECIDED), and why, in words."""

    step: Ints
    by: list[str]
    why: list[str]


def behaviour(impressions: Ints, clicks: Ints, sales: Ints, expected: Floats, level: float) -> Behaviour:
    """COEC of each pair with exact Poisson bounds (Garwood 1936).

    10 clicks with 4 expected: COEC 2.5, at level 0.95 from chi2(0.025, 20) / 2 / 4 = 1.199 to
    chi2(0.975, 22) / 2 / 4 = 4.598.
    """
    from scipy.stats import chi2

    tail = (1 - level) / 2
    known = expected > 0
    below = np.where(clicks > 0, chi2.ppf(tail, 2 * np.maximum(clicks, 1)), 0.0)
    above = chi2.ppf(1 - tail, 2 * clicks + 2)
    coec, low, high = (
        np.divide(count, times * expected, out=np.full(len(expected), np.nan), where=known)
        for count, times in ((clicks.astype(np.float64), 1), (below, 2), (above, 2))
    )
    return Behaviour(impressions, clicks, sales, expected, coec, low, high)


def contradictions(step: Ints, scale: Scale, buyers: Behaviour, floors: AuditFloors) -> list[str]:
    """How each label contradicts buyers: `ENGAGED` (an irrelevant grade), `IGNORED` (the best) or `NONE`."""
    shown = buyers.impressions >= floors.impressions
    clicked = (buyers.clicks >= floors.clicks) & (buyers.low > floors.engaged)
    bought = (buyers.sales >= floors.sales) if floors.sales else np.zeros(len(step), bool)
    engaged = (step < scale.relevant_from) & shown & (clicked | bought)
    best = step == len(scale.grades) - 1
    ignored = best & shown & (buyers.expected >= floors.expected) & (buyers.high < floors.ignored)
    kinds: list[str] = np.select([engaged, ignored], KINDS, NONE).tolist()
    return kinds


def validity(all_clicks: Ints, category_clicks: Ints, pair_clicks: Ints, rule: Validity) -> Ints:
    """Whether the item's category is valid for the keyphrase: VALID, INVALID or UNKNOWN, [n].

    all_clicks: of the pair's keyphrase; category_clicks: of those, on items of the pair's category;
    pair_clicks: of the pair, which are left out. 100 clicks, 30 in the category, 25 of them the pair's: 5 of
    75 others, 0.067, not valid at a share of 0.1.
    """
    others = all_clicks - pair_clicks
    share = np.divide(category_clicks - pair_clicks, others, out=np.zeros(len(others)), where=others > 0)
    return np.where(others < rule.clicks, UNKNOWN, np.where(share >= rule.share, VALID, INVALID))


def decided(step: Ints, kinds: list[str], verdict: Ints, valid: Ints, scale: Scale) -> Outcome:
    """What becomes of each label. verdict: [n] the stronger judge's step, -1 unscored; valid: as by
    `validity`.

    A judge that agrees with buyers decides, by its grade. If it agrees with the label, the conflict stands
    and the category rule decides: a low label in a valid category becomes the least relevant grade, a best
    label in an invalid one the best irrelevant grade; otherwise the label is confirmed. If the judge gave no
    verdict or validity is unknown, the label stays, undecided: the rule is for conflicts between buyers and a
    judge that answered.
    """
    after, by, why = step.copy(), [], []
    for row, kind in enumerate(kinds):
        new, who, reason = _decide(int(step[row]), kind, int(verdict[row]), int(valid[row]), scale)
        after[row] = new
        by.append(who)
        why.append(reason)
    return Outcome(after, by, why)


def _decide(step: int, kind: str, verdict: int, valid: int, scale: Scale) -> tuple[int, str, str]:
    if kind == NONE:
        return step, BY_LABEL, "buyers do not contradict it"
    low = kind == ENGAGED
    if verdict < 0:
        return step, UNDECIDED, "the judge gave no verdict"
    if verdict >= scale.relevant_from if low else verdict < step:
        return verdict, BY_JUDGE, "the judge sides with buyers"
    agrees = "the judge sides with the label"
    if valid == UNKNOWN:
        return step, UNDECIDED, f"{agrees}; too few clicks to know the keyphrase's categories"
    if low and valid == VALID:
        return scale.relevant_from, BY_RULE, f"{agrees}; the category is valid for the keyphrase"
    if not low and valid == INVALID:
        return scale.relevant_from - 1, BY_RULE, f"{agrees}; the category is not valid for the keyphrase"
    return step, BY_RULE, f"{agrees}; the category rule confirms the label"
