"""What the labels tell the job `cascade`: which of the cheap judge's answers stand, and how well they do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adjudge.cascade import validation as routing
from adjudge.cascade.files import Frozen
from adjudge.cascade.judgments import Told
from adjudge.cascade.region import Region
from adjudge.cascade.validation import Choice, Held, Point
from adjudge.errors import NotEnoughData
from adjudge.jobs.cascade import asking
from adjudge.jobs.cascade.asking import Asked
from adjudge.jobs.cascade.config import CascadeConfig, is_table
from adjudge.records import Progress
from adjudge.stats.bounds import Bound
from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints
from adjudge.trust import compare
from adjudge.trust.reading import Evidence
from adjudge.trust.settings import TrustSettings

PEOPLE, STRONG = "people", "strong judge"


@dataclass(frozen=True)
class Case:
    """The cheap judge's pairs [n]: how sure it is (`sure`), and which have a label (`labelled`: `label`) by whom
    (`against`). half: pairs whose labels choose the region; the others show it. identity: what the judge is exactly. given_up:
    texts of a dry run that the cheap judge was asked about before without a verdict."""

    config: CascadeConfig
    evidence: Evidence
    cheap: Told
    sure: Floats
    labelled: Bools
    label: Ints
    half: Bools
    against: str
    identity: str = ""
    given_up: int = 0

    def inside(self, region: Region) -> Bools:
        """[n]: pairs whose answer is the cheap judge's."""
        return region.inside(self.evidence.step, self.sure) & self.evidence.scored

    def strong_share(self, region: Region) -> float:
        return float(1 - self.inside(region).mean())


@dataclass(frozen=True)
class Found:
    """verdict: `validated`, `not validated` or `frozen`. first, second: agreement on the half that chose the region and
    on the other; a frozen region has only a second, on all labels. more: labels wanted beyond those there are."""

    verdict: str
    region: Region
    first: Bound | None = None
    second: Bound | None = None
    more: int | None = None
    points: tuple[Point, ...] = ()


def with_labels(case: Case, rng: np.random.Generator, progress: Progress) -> tuple[Asked | None, Case]:
    """The labels (people's, else the strong judge's on a random sample), and the strong judge's answers on those pairs.

    Raises NotEnoughData where too few can be had for any region to be shown.
    """
    if case.config.human is not None:
        return _by_people(case, rng, progress)
    if case.config.region is not None:
        return None, case
    return _by_strong(case, rng, progress)


def _by_people(case: Case, rng: np.random.Generator, progress: Progress) -> tuple[Asked, Case]:
    """A judge that has to be asked is asked about at most `sample` pairs, of the half that shows: they draw the curve."""
    config, evidence = case.config, case.evidence
    rules = TrustSettings(rule=config.cascade.rule, min_annotators=config.cascade.min_annotators)
    pairs = compare.compared(evidence, rules)
    case = replace(case, labelled=pairs.both, label=pairs.human)
    if config.region is None:
        _enough(pairs.both, case)
        case = _halved(case, rng)
    asked = case.labelled
    if not is_table(config.strong):
        asked = _sample(case.labelled & ~case.half, config.cascade.sample, rng)
    return asking.strong_on(config, evidence, asked, progress), case


def _by_strong(case: Case, rng: np.random.Generator, progress: Progress) -> tuple[Asked, Case]:
    """The strong judge's own answers on a random sample are the labels."""
    config, evidence = case.config, case.evidence
    if is_table(config.strong):
        asked = asking.strong_on(config, evidence, evidence.scored, progress)
        drawn = _sample(asked.both, config.cascade.sample, rng)
    else:
        drawn = _sample(evidence.scored, config.cascade.sample, rng)
        _enough(drawn, case)
        asked = asking.strong_on(config, evidence, drawn, progress)
    labelled = drawn & asked.both
    _enough(labelled, case)
    return asked, _halved(replace(case, labelled=labelled, label=asked.step), rng)


def _halved(case: Case, rng: np.random.Generator) -> Case:
    half = np.zeros(len(case.labelled), bool)
    half[case.labelled] = routing.halves(case.evidence.item[case.labelled], rng)
    return replace(case, half=half)


def _sample(rows: Bools, size: int, rng: np.random.Generator) -> Bools:
    places = np.flatnonzero(rows)
    chosen = np.zeros(len(rows), bool)
    chosen[places if len(places) <= size else rng.choice(places, size, replace=False)] = True
    return chosen


def _enough(labelled: Bools, case: Case) -> None:
    """Refuse what cannot succeed even where every label agrees."""
    settings, labels = case.config.cascade, int(labelled.sum())
    least = 2 * routing.least_labels(settings)
    items = len(np.unique(case.evidence.item[labelled]))
    if labels >= least > items:
        raise NotEnoughData(
            f"{labels:,} pairs have a label ({case.against}) and a verdict of {case.cheap.judge}, of only {items:,} items. "
            f"Pairs of one item are no independent proofs: {settings.target:g} at {settings.level:.0%} on one half after "
            f"choosing on the other takes {least:,} items. Label pairs of more items (adjudge label export --sample N; "
            "without people: cascade.sample), or lower --target"
        )
    if labels < least:
        raise NotEnoughData(
            f"{labels:,} pairs have a label ({case.against}) and a verdict of {case.cheap.judge}. To show "
            f"{settings.target:g} at {settings.level:.0%} on one half after choosing on the other takes {least:,} even "
            f"without a single mistake: at least {least - labels:,} more labels. Label more pairs (adjudge label export "
            "--sample N; without people: cascade.sample), or lower --target"
        )


def decide(case: Case, asked: Asked | None, frozen: Frozen | None, rng: np.random.Generator) -> Found:
    """Choose the region on one half of the labels and validate it on the other; or check a frozen one on all."""
    settings, grades = case.config.cascade, len(case.evidence.scale.grades)
    if asked is None:
        if frozen is None:
            raise NotEnoughData("no labels: give --human, or a region of an earlier run with --region")
        return Found("frozen", frozen.region)
    held = held_of(case, asked)
    if frozen is not None:
        return _checked(case, held, frozen, rng)
    half = case.half[case.labelled]
    first, other = held.at(half), held.at(~half)
    chosen = routing.choose(first, grades, settings)
    second = routing.validate(other, chosen.region, settings)
    good = chosen.place > 0 and second.low is not None and second.low >= settings.target
    wanted = routing.short_of(second, len(held), settings) if chosen.place else chosen.labels
    more = None if good or wanted is None else max(1, wanted - len(held))
    points = _points(case, other, chosen, rng)
    return Found("validated" if good else "not validated", chosen.region, chosen.first, second, more, points)


def _checked(case: Case, held: Held, frozen: Frozen, rng: np.random.Generator) -> Found:
    """A frozen region falls where the whole interval of its agreement now lies below what it was validated at."""
    settings = case.config.cascade
    found = routing.validate(held, frozen.region, settings)
    fallen = found.high is not None and found.high < frozen.target
    none: Region = Region((None,) * len(case.evidence.scale.grades))
    whole = Region((0.0,) * len(case.evidence.scale.grades))
    points = _points(case, held, Choice((none, frozen.region, whole), 1), rng)
    return Found("not validated" if fallen else "frozen", frozen.region, None, found, None, points)


def held_of(case: Case, asked: Asked) -> Held:
    """Who agrees with whom on the labelled pairs, on the scale of the comparison: both binary where people's differs."""
    rows, evidence = case.labelled, case.evidence
    cheap, strong = evidence.step, asked.step
    if case.against == PEOPLE and evidence.scale.name != evidence.human_scale.name:
        cut = evidence.scale.relevant_from
        cheap, strong = (cheap >= cut).astype(np.int64), (strong >= cut).astype(np.int64)
    return Held(
        item=evidence.item[rows],
        step=evidence.step[rows],
        confidence=case.sure[rows],
        right=(cheap == case.label)[rows],
        strong_right=(strong == case.label)[rows],
        same=(cheap == strong)[rows],
        asked=asked.both[rows],
    )


def _points(case: Case, held: Held, choice: Choice, rng: np.random.Generator) -> tuple[Point, ...]:
    if not held.asked.any():
        return ()
    shares = [case.strong_share(region) for region in choice.ladder]
    return tuple(routing.curve(held, choice, shares, case.config.cascade, rng))
