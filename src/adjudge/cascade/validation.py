"""Split-sample validation of a confidence threshold: chosen on one half of the labels, tested on the other.

A cascade keeps the cheap judge's answer inside a region of confidence and asks the strong judge about the
rest. The region is chosen on one half of the labels; only the other half, which shares no item with it, may
say how well the region does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from adjudge.cascade.curve import Point, curve
from adjudge.cascade.region import LabelledAnswers, Region, nested_regions
from adjudge.cascade.settings import CascadeSettings
from adjudge.stats.bounds import Bound, needed, pairs_needed, planning_tail
from adjudge.stats.cluster_bootstrap import Bools, Ints


@dataclass(frozen=True)
class Choice:
    """The region chosen of nested ones (`regions`, from none to all answers); index 0 if none will do.

    first: its agreement on the half that chose it. labels: how many would be wanted, in both halves together,
    if none will do; None if no number helps.
    """

    regions: tuple[Region, ...]
    index: int
    first: Bound | None = None
    labels: int | None = None

    @property
    def region(self) -> Region:
        return self.regions[self.index]


@dataclass(frozen=True)
class Validation:
    """What labels say of a region. verdict: `validated`, `not validated`, or `frozen`: saved and not refuted.

    first, second: agreement on the half that chose the region and on the other; a saved region has only a
    second, on all labels. more: labels wanted beyond those at hand.
    """

    verdict: str
    region: Region
    first: Bound | None = None
    second: Bound | None = None
    more: int | None = None
    points: tuple[Point, ...] = ()


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
    """Labels in the region, each of an item of its own, that show the target if every one agrees: half of
    what a cascade cannot do without.

    >>> least_labels(CascadeSettings(target=0.95, level=0.95))
    59
    """
    return needed(1.0, settings.target, 1 - settings.level) or 0


def validate(
    answers: LabelledAnswers,
    half: Bools,
    grades: int,
    settings: CascadeSettings,
    strong_share: Callable[[Region], float],
    rng: np.random.Generator,
) -> Validation:
    """Choose a region on one half of the labels (`half`: [n]) and test that one region on the other.

    strong_share: the share of all pairs that a region leaves to the strong judge, for the curve.
    """
    other = answers.at(~half)
    choice = choose(answers.at(half), grades, settings)
    second = other.bound(choice.region, settings.level)
    good = choice.index > 0 and second.low is not None and second.low >= settings.target
    wanted = labels_wanted([second], len(other), settings) if choice.index else choice.labels
    more = None if good or wanted is None else max(1, wanted - len(answers))
    points = curve(other, choice.regions, choice.index, strong_share, settings, rng)
    verdict = "validated" if good else "not validated"
    return Validation(verdict, choice.region, choice.first, second, more, points)


def check(
    answers: LabelledAnswers,
    region: Region,
    target: float,
    settings: CascadeSettings,
    strong_share: Callable[[Region], float],
    rng: np.random.Generator,
) -> Validation:
    """Test a region of an earlier run on all labels: it is refused if the whole interval of its agreement now
    lies below the target that it was validated at."""
    agreement = answers.bound(region, settings.level)
    fallen = agreement.high is not None and agreement.high < target
    grades = len(region.least)
    regions = (Region((None,) * grades), region, Region((0.0,) * grades))
    points = curve(answers, regions, 1, strong_share, settings, rng)
    return Validation("not validated" if fallen else "frozen", region, None, agreement, None, points)


def choose(answers: LabelledAnswers, grades: int, settings: CascadeSettings) -> Choice:
    """The largest region whose agreement is far enough above the target on these labels.

    As many other labels will then show it with chance `power`. A grade without a label is in no such region.
    """
    regions = nested_regions(answers.step, answers.confidence, answers.right, grades, settings.block)
    tail = planning_tail(settings.level, settings.power)
    bounds = [answers.bound(region, 1 - tail) for region in regions]
    fit = [index for index, b in enumerate(bounds) if b.low is not None and b.low >= settings.target]
    # The curve ends with all answers, also those of grades without a label.
    whole = Region((0.0,) * grades)
    plotted = tuple(regions) if regions[-1] == whole else (*regions, whole)
    if fit:
        return Choice(plotted, max(fit), answers.bound(regions[max(fit)], settings.level))
    return Choice(plotted, 0, bounds[0], labels_wanted(bounds, len(answers), settings))


def labels_wanted(bounds: Iterable[Bound], labels: int, settings: CascadeSettings) -> int | None:
    """Labels, both halves together, with which some of these bounds would reach the target if its agreement
    stays what it is; labels: those that the bounds are of."""
    tail = planning_tail(settings.level, settings.power)
    numbers = [(pairs_needed(agreement, settings.target, tail), agreement.pairs) for agreement in bounds]
    return min(
        (2 * int(np.ceil(number * labels / pairs)) for number, pairs in numbers if number is not None),
        default=None,
    )
