"""Labels that contradict what buyers do, and what becomes of them after a stronger judge and the category rule.

Source: paper 2 (arXiv 2605.27704): annotations that contradict behaviour are judged again by a stronger model; what then
still contradicts is decided by whether the item's category is valid for the query. Floors and bounds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.config import check_range
from adjudge.errors import BadConfig
from adjudge.records import Scale
from adjudge.stats.cluster_bootstrap import Floats, Ints

NONE, ENGAGED, IGNORED = "", "low, yet engaged", "high, yet ignored"
KINDS = (ENGAGED, IGNORED)
BY_LABEL, BY_JUDGE, BY_RULE, UNDECIDED = "label", "judge", "category rule", "undecided"
VALID, INVALID, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class AuditFloors:
    """When a label contradicts buyers.

    Engaged: a pair shown at least `impressions` times, with at least `clicks` clicks and clicks over expected clicks (COEC)
    surely above `engaged`, or with at least `sales` sales (0: sales do not count). Ignored: at least `expected` expected
    clicks and COEC surely under `ignored`. Surely: the two-sided interval at `level` lies beyond (clicks as Poisson counts,
    Garwood 1936).
    """

    impressions: int = 30
    clicks: int = 3
    sales: int = 2
    engaged: float = 1.0
    expected: float = 5.0
    ignored: float = 0.5
    level: float = 0.95

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_range(name, "impressions", self.impressions, 1, 10**9)
        check_range(name, "clicks", self.clicks, 1, 10**9)
        check_range(name, "sales", self.sales, 0, 10**9)
        check_range(name, "engaged", self.engaged, 0.0, 1e6)
        check_range(name, "expected", self.expected, 0.0, 1e9)
        check_range(name, "ignored", self.ignored, 0.0, 1e6)
        check_range(name, "level", self.level, 0.5, 0.9999)
        if self.ignored >= self.engaged:
            raise BadConfig(f"{name}.ignored is {self.ignored}: it must be under engaged {self.engaged}")


@dataclass(frozen=True)
class Validity:
    """When a category is valid for a keyphrase, from clicks: it holds at least `share` of the keyphrase's clicks on other
    pairs, of which there are at least `clicks` (else it is not known)."""

    share: float = 0.1
    clicks: int = 10

    def __post_init__(self) -> None:
        check_range("Validity", "share", self.share, 0.0, 1.0)
        check_range("Validity", "clicks", self.clicks, 1, 10**9)


@dataclass(frozen=True)
class Behaviour:
    """What buyers did, [n]: impressions, clicks, sales, expected clicks of each pair; COEC and its bounds (NaN without
    expected clicks)."""

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

    10 clicks where 4 were expected: COEC 2.5, at level .95 from chi2(.025, 20) / 2 / 4 = 1.199 to chi2(.975, 22) / 2 / 4 =
    4.598.
    """
    from scipy.stats import chi2

    tail = (1 - level) / 2
    known = expected > 0
    below = np.where(clicks > 0, chi2.ppf(tail, 2 * np.maximum(clicks, 1)), 0.0)
    above = chi2.ppf(1 - tail, 2 * clicks + 2)
    parts = [
        np.divide(part, times * expected, out=np.full(len(expected), np.nan), where=known)
        for part, times in ((clicks.astype(np.float64), 1), (below, 2), (above, 2))
    ]
    return Behaviour(impressions, clicks, sales, expected, *parts)


def contradictions(step: Ints, scale: Scale, seen: Behaviour, floors: AuditFloors) -> list[str]:
    """Which label contradicts buyers, and how: `ENGAGED` for a grade under relevant, `IGNORED` for the best grade."""
    shown = seen.impressions >= floors.impressions
    clicked = (seen.clicks >= floors.clicks) & (seen.low > floors.engaged)
    bought = (seen.sales >= floors.sales) if floors.sales else np.zeros(len(step), bool)
    engaged = (step < scale.relevant_from) & shown & (clicked | bought)
    best = step == len(scale.grades) - 1
    ignored = best & shown & (seen.expected >= floors.expected) & (seen.high < floors.ignored)
    return [
        ENGAGED if one else IGNORED if other else NONE for one, other in zip(engaged, ignored, strict=True)
    ]


def validity(all_clicks: Ints, category_clicks: Ints, own_clicks: Ints, rule: Validity) -> Ints:
    """Is the item's category valid for the keyphrase? VALID, INVALID or UNKNOWN, [n], the pair's own clicks left out.

    all_clicks: of the pair's keyphrase; category_clicks: of it on items of the pair's category; own_clicks: of the pair.
    100 clicks, 30 in the category, 25 of them the pair's own: 5 of 75 others, .067: not valid at a share of .1.
    """
    others = all_clicks - own_clicks
    share = np.divide(category_clicks - own_clicks, others, out=np.zeros(len(others)), where=others > 0)
    found = np.where(share >= rule.share, VALID, INVALID)
    return np.where(others >= rule.clicks, found, UNKNOWN)


def decided(step: Ints, kinds: list[str], verdict: Ints, valid: Ints, scale: Scale) -> Outcome:
    """What becomes of each label. verdict: [n] the stronger judge's step, -1 unscored; valid: as `validity` gives it.

    A judge that sides with buyers decides, by its own grade. One that sides with the label leaves the conflict standing,
    and the category rule decides: a low label in a valid category becomes the least relevant grade, a best label in an
    invalid one the best irrelevant grade; otherwise the label is confirmed. Where the judge gave no verdict, or validity is
    unknown, the label stays, undecided: the rule is for conflicts between buyers and a judge that answered.
    """
    after, by, why = step.copy(), [], []
    for row, kind in enumerate(kinds):
        new, who, reason = _one(int(step[row]), kind, int(verdict[row]), int(valid[row]), scale)
        after[row] = new
        by.append(who)
        why.append(reason)
    return Outcome(after, by, why)


def _one(step: int, kind: str, verdict: int, valid: int, scale: Scale) -> tuple[int, str, str]:
    if kind == NONE:
        return step, BY_LABEL, "buyers do not contradict it"
    low = kind == ENGAGED
    if verdict < 0:
        return step, UNDECIDED, "the judge gave no verdict"
    if verdict >= scale.relevant_from if low else verdict < step:
        return verdict, BY_JUDGE, "the judge sides with buyers"
    said = "the judge sides with the label"
    if valid == UNKNOWN:
        return step, UNDECIDED, f"{said}; too few clicks to know the keyphrase's categories"
    if low and valid == VALID:
        return scale.relevant_from, BY_RULE, f"{said}; the category is valid for the keyphrase"
    if not low and valid == INVALID:
        return scale.relevant_from - 1, BY_RULE, f"{said}; the category is not valid for the keyphrase"
    return step, BY_RULE, f"{said}; the category rule confirms the label"
