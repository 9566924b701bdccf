"""Which of a cheap judge's answers stand: chosen on one half of the labels, shown on the other, and what it buys.

A cascade keeps the cheap judge's answer inside a region and asks the strong judge about the rest. Only the half that the
region was not chosen on may say how well it does (sample splitting); halves share no item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from adjudge.cascade.region import Region, ladder
from adjudge.config import check_choice, check_range
from adjudge.stats.annotators import RULES
from adjudge.stats.bounds import Bound, bound, needed, pairs_needed, planning_tail
from adjudge.stats.cluster_bootstrap import (
    Bools,
    Estimate,
    Floats,
    Ints,
    Statistic,
    columns_by_cluster,
    estimates,
)
from adjudge.stats.sampling import Sampling


@dataclass(frozen=True)
class CascadeSettings:
    """target: the agreement with the labels that the cheap judge's standing answers must reach. level: certainty of
    the one-sided bound that shows it. power: chance that the second half shows it too, for which the region is kept
    small enough. block: labels in the smallest step of the region's edge. points: of the curve.

    rule, min_annotators: which label a pair gets, as in TrustSettings. sample: pairs that the strong judge is asked about
    where no human labels are given."""

    target: float = 0.9
    level: float = 0.95
    power: float = 0.9
    block: int = 20
    points: int = 25
    sample: int = 2_000
    rule: str = "unanimous"
    min_annotators: int = 1
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        check_range("CascadeSettings", "target", self.target, 0.5, 0.9999)
        check_range("CascadeSettings", "level", self.level, 0.5, 0.9999)
        check_range("CascadeSettings", "power", self.power, 0.5, 0.999)
        check_range("CascadeSettings", "block", self.block, 1, 100_000)
        check_range("CascadeSettings", "points", self.points, 3, 1_000)
        check_range("CascadeSettings", "sample", self.sample, 1, 10**9)
        check_range("CascadeSettings", "min_annotators", self.min_annotators, 1, 1_000)
        check_choice("CascadeSettings", "rule", self.rule, RULES)


@dataclass(frozen=True)
class Held:
    """Labelled pairs that the cheap judge scored, [n]: item codes, its step and confidence, and who agrees with whom.

    right: the cheap judge with the label. strong_right: the strong judge with the label, same: the two judges with each
    other; both meaningful where `asked`: the strong judge scored it.
    """

    item: Ints
    step: Ints
    confidence: Floats
    right: Bools
    strong_right: Bools
    same: Bools
    asked: Bools

    def __len__(self) -> int:
        return len(self.item)

    def at(self, rows: Bools) -> Held:
        """Some of them."""
        return Held(
            self.item[rows],
            self.step[rows],
            self.confidence[rows],
            self.right[rows],
            self.strong_right[rows],
            self.same[rows],
            self.asked[rows],
        )


@dataclass(frozen=True)
class Choice:
    """ladder: regions from none to all answers; place: the one chosen, 0 where none will do. first: its agreement on the half
    that chose it. labels: how many more are wanted, in both halves together, where none will do or the second half does
    not show it; None where no number helps."""

    ladder: tuple[Region, ...]
    place: int
    first: Bound | None = None
    labels: int | None = None

    @property
    def region(self) -> Region:
        return self.ladder[self.place]


@dataclass(frozen=True)
class Point:
    """A point of the curve. kind: `cascade`, `random` (the strong judge asked about as many pairs, drawn blindly),
    `all cheap`, `all strong`. against: `labels` or `strong judge`. strong_share: of all pairs asked of the strong judge."""

    place: int
    kind: str
    against: str
    strong_share: float
    agreement: Estimate
    chosen: bool = False


def halves(item: Ints, rng: np.random.Generator) -> Bools:
    """[n]: which pairs are of the first half. Items are shuffled and let in until half of the pairs are."""
    _, code = np.unique(item, return_inverse=True)
    number = np.bincount(code)
    order = rng.permutation(len(number))
    before = np.cumsum(number[order]) - number[order]
    first = np.zeros(len(number), bool)
    first[order] = 2 * before < len(item)
    return first[code]


def least_labels(settings: CascadeSettings) -> int:
    """Labels in the region, each of an item of its own, that show the target where every one agrees: half of what a
    cascade cannot do without.

    >>> least_labels(CascadeSettings(target=0.95, level=0.95))
    59
    """
    found = needed(1.0, settings.target, 1 - settings.level)
    return found or 0


def choose(held: Held, grades: int, settings: CascadeSettings) -> Choice:
    """The largest region whose agreement on these labels is so far above the target that as many others will show it
    with chance `power`. A grade without a label is in none that can be chosen."""
    steps = ladder(held.step, held.confidence, held.right, grades, settings.block)
    tail = planning_tail(settings.level, settings.power)
    seen = [_bounded(held, region, 1 - tail) for region in steps]
    fit = [n for n, one in enumerate(seen) if one.low is not None and one.low >= settings.target]
    whole = Region((0.0,) * grades)
    drawn = tuple(steps) if steps[-1] == whole else (*steps, whole)
    if fit:
        return Choice(drawn, max(fit), _bounded(held, steps[max(fit)], settings.level))
    return Choice(drawn, 0, seen[0], _wanted(seen, len(held), settings, tail))


def _bounded(held: Held, region: Region, level: float) -> Bound:
    inside = region.inside(held.step, held.confidence)
    return bound(held.item[inside], held.right[inside], level)


def _wanted(seen: Sequence[Bound], labels: int, settings: CascadeSettings, tail: float) -> int | None:
    """Labels, both halves together, with which some region would be chosen if its agreement stays what it is now."""
    asked = []
    for one in seen:
        number = pairs_needed(one, settings.target, tail)
        if number is not None:
            asked.append(2 * int(np.ceil(number * labels / one.pairs)))
    return min(asked) if asked else None


def validate(held: Held, region: Region, settings: CascadeSettings) -> Bound:
    """The region's agreement on labels that it was not chosen on; validated where `low` reaches the target."""
    return _bounded(held, region, settings.level)


def short_of(found: Bound, labels: int, settings: CascadeSettings) -> int | None:
    """Labels in all, both halves, with which the second half would show the target, if the agreement stays as found."""
    number = pairs_needed(found, settings.target, planning_tail(settings.level, settings.power))
    return None if number is None else 2 * int(np.ceil(number * labels / found.pairs))


def curve(
    held: Held,
    choice: Choice,
    strong_share: Sequence[float],
    settings: CascadeSettings,
    rng: np.random.Generator,
) -> list[Point]:
    """Agreement of the cascade at each region of the ladder (thinned to `points`), and of random routing beside it.

    held: labels the ladder was not made on. strong_share: for each region, the share of all pairs that it sends on.
    Only pairs that both judges scored count; all points share the resamples.
    """
    both = held.at(held.asked)
    places = thinned(strong_share, choice.place, settings.points)
    columns = [np.ones(len(both)), both.right, both.strong_right, both.same]
    for place in places:
        inside = choice.ladder[place].inside(both.step, both.confidence)
        columns += [np.where(inside, both.right, both.strong_right), np.where(inside, both.same, True)]
    sums = columns_by_cluster(both.item, np.column_stack(columns).astype(np.float64))
    statistics: dict[str, Statistic] = {}
    for n, place in enumerate(places):
        statistics[f"cascade labels {place}"] = partial(_share_of, 4 + 2 * n)
        statistics[f"cascade strong judge {place}"] = partial(_share_of, 5 + 2 * n)
        share = strong_share[place]
        statistics[f"random labels {place}"] = partial(_mixed, share, 2, 1)
        statistics[f"random strong judge {place}"] = partial(_mixed, share, 0, 3)
    found = estimates(sums, statistics, len(both), settings.sampling, rng)
    last = len(choice.ladder) - 1
    return [
        Point(
            place=place,
            kind=_kind(kind, place, last),
            against=against,
            strong_share=float(strong_share[place]),
            agreement=found[f"{kind} {against} {place}"],
            chosen=kind == "cascade" and place == choice.place,
        )
        for kind in ("cascade", "random")
        for against in ("labels", "strong judge")
        for place in places
        if kind == "cascade" or 0 < place < last
    ]


def _kind(kind: str, place: int, last: int) -> str:
    return {0: "all strong", last: "all cheap"}.get(place, kind)


def _share_of(column: int, sums: Floats) -> Floats:
    """A column's sum over the number of pairs."""
    return np.asarray(sums[..., column] / np.maximum(sums[..., 0], 1))


def _mixed(share: float, strong: int, cheap: int, sums: Floats) -> Floats:
    """Agreement where a share of pairs, drawn blindly, gets the strong judge's answer, the others the cheap one's."""
    return share * _share_of(strong, sums) + (1 - share) * _share_of(cheap, sums)


def thinned(strong_share: Sequence[float], chosen: int, points: int) -> list[int]:
    """At most about `points` places, spread evenly over the share of calls; both ends and the chosen one always.

    >>> thinned([1.0, 0.9, 0.89, 0.5, 0.0], 2, 3)
    [0, 2, 3, 4]
    """
    last = len(strong_share) - 1
    kept, at = {0, last, chosen}, 0
    step = (strong_share[0] - strong_share[-1]) / max(points - 1, 1)
    for place in range(last + 1):
        if strong_share[at] - strong_share[place] >= step:
            kept.add(place)
            at = place
    return sorted(kept)
