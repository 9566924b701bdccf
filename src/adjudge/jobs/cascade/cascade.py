"""The job `cascade`: a cheap judge answers where that is shown to be safe, a strong judge gets the rest."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adjudge import config as settings_of
from adjudge.cascade import files
from adjudge.cascade.judgments import CascadeWritten, Told, write_cascade
from adjudge.cascade.region import Region, confidence, in_words
from adjudge.cascade.validation import Point
from adjudge.errors import NotEnoughData
from adjudge.jobs.cascade import asking
from adjudge.jobs.cascade.asking import Asked
from adjudge.jobs.cascade.config import CascadeConfig, is_table
from adjudge.jobs.cascade.deciding import PEOPLE, STRONG, Case, Found, decide, with_labels
from adjudge.judge.estimate import Estimate
from adjudge.records import Progress, no_progress, scale
from adjudge.stats.bounds import Bound
from adjudge.trust.reading import Sources, read

STEPS = 5
MUCH = 0.1
"""Change of the share of standing answers from which a frozen region is no longer what it was."""
UNASKED = "not asked"
EXIT_CODES = {"validated": 0, "frozen": 0, UNASKED: 0, "not validated": 1}


@dataclass(frozen=True)
class Money:
    """What the judges cost, in the price table's currency; None where no price is known. strong_each: the mean of a
    pair. all_strong: the strong judge on every pair; cascade: both judges as routed; saved: the difference."""

    strong_each: float | None
    all_strong: float | None
    cascade: float | None
    saved: float | None


@dataclass(frozen=True)
class Need:
    """What a judge would be asked, by a run that is not dry; what: which pairs."""

    judge: str
    what: str
    estimate: Estimate


@dataclass(frozen=True)
class Cascaded:
    """What `cascade` found, to print. verdict: `validated`, `not validated` (nothing was judged further), `frozen` (a
    region given, not checked), or `not asked` (a dry run without the answers it takes: only `needs` says anything). first, second: agreement on the half that chose the region and on the other. more_labels:
    wanted beyond those there are; None where none are, or no number helps. written: None where nothing was judged."""

    out: Path
    verdict: str
    reason: str
    cheap: str
    strong: str
    against: str
    scale: str
    region: Region
    words: str
    first: Bound | None
    second: Bound | None
    more_labels: int | None
    strong_share: float
    points: tuple[Point, ...]
    money: Money
    counts: dict[str, int]
    written: CascadeWritten | None
    estimate: Estimate | None
    notes: tuple[str, ...]
    needs: tuple[Need, ...] = ()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def rest(self) -> Need | None:
        """What the strong judge would be asked, where that was only estimated."""
        return None if self.estimate is None else Need(self.strong, "the rest", self.estimate)


def cascade(config: CascadeConfig, progress: Progress = no_progress) -> Cascaded:
    """Route pairs between two judges; see docs/cascade.md for what is written to `config.out`.

    Raises BadConfig, BadTable, NotEnoughData (too few labels, saying how many more), and what `judge` raises.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    settings_of.save(config, config.out / "config.json")
    try:
        return _cascade(config, progress)
    except asking.Unanswered as missing:
        return _unasked(config, missing, progress)


def _cascade(config: CascadeConfig, progress: Progress) -> Cascaded:
    progress("cascade: cheap judge", 0, STEPS)
    case = _case(config, asking.cheap_table(config, progress))
    frozen = None
    if config.region is not None:
        frozen = files.load(config.region, case.cheap.judge, case.evidence.scale, case.identity)
    sampling, deciding = np.random.default_rng(config.seed).spawn(2)
    progress("cascade: labels", 1, STEPS)
    asked, case = with_labels(case, sampling, progress)
    progress("cascade: region", 2, STEPS)
    found = decide(case, asked, frozen, deciding)
    progress("cascade: strong judge", 3, STEPS)
    written, estimate = _answer(case, found, progress)
    made = _result(case, found, asked, written, estimate)
    if frozen is not None:
        made = replace(made, notes=(*made.notes, *_changed(frozen, made.strong_share)))
    files.write(config.out, *_told(made, case))
    progress("cascade: done", STEPS, STEPS)
    return made


def _unasked(config: CascadeConfig, missing: asking.Unanswered, progress: Progress) -> Cascaded:
    """A dry run's result where a judge would have to be asked before anything can be shown. Nothing is written."""
    cheap = config.cheap_judge or config.cheap
    strong = asking.strong_table(config).judge
    asked = cheap if missing.side == "cheap" else strong
    needs = [Need(asked, "first, to validate", missing.estimate)]
    most = asking.at_most(config, progress)
    if most is not None:
        needs.append(Need(strong, f"in all, at most: if no answer of {cheap} stands", most))
    return Cascaded(
        out=config.out,
        verdict=UNASKED,
        reason=f"a dry run, and the verdict log lacks {missing.estimate.texts:,} answers of {asked} that validation takes; "
        "with --validate-only they are asked for, and the rest is priced",
        cheap=cheap,
        strong=strong,
        against=PEOPLE if config.human is not None else STRONG,
        scale=config.scale,
        region=Region((None,) * len(scale(config.scale).grades)),
        words="not known yet",
        first=None,
        second=None,
        more_labels=None,
        strong_share=1.0,
        points=(),
        money=Money(None, None, None, None),
        counts={},
        written=None,
        estimate=None,
        notes=(),
        needs=tuple(needs),
    )


def _case(config: CascadeConfig, cheap: asking.Cheap) -> Case:
    on = scale(config.scale), scale(config.human_scale)
    evidence = read(Sources(cheap.judgments, config.human, *on, judge=cheap.judge))
    if not evidence.scored.any():
        raise NotEnoughData(f"{cheap.judgments}: no verdict of {evidence.judge} is scored, so none can stand")
    sure = confidence(evidence.step, evidence.probability, evidence.expected, evidence.scale)
    none, steps = np.zeros(len(evidence), bool), np.zeros(len(evidence), np.int64)
    against = PEOPLE if config.human is not None else STRONG
    told = Told(cheap.judgments, evidence.judge)
    return Case(config, evidence, told, sure, none, steps, none, against, cheap.identity, cheap.given_up)


def _answer(case: Case, found: Found, progress: Progress) -> tuple[CascadeWritten | None, Estimate | None]:
    """The cascade's table, the strong judge having been asked about the rest; nothing where the region may not be used."""
    config, inside = case.config, case.inside(found.region)
    if found.verdict == "not validated" or (is_table(config.strong) and not config.asks_rest):
        return None, None
    ran = asking.strong_rest(config, case.evidence, ~inside, progress)
    if not config.asks_rest:
        return None, None if ran is None else ran.estimate
    strong = asking.strong_table(config)
    name = config.name or f"cascade({case.cheap.judge} > {strong.judge})"
    out = config.out / "judgments.parquet"
    return write_cascade(asking.keys(case.evidence, inside), case.cheap, strong, out, name), None


def _result(
    case: Case, found: Found, asked: Asked | None, written: CascadeWritten | None, estimate: Estimate | None
) -> Cascaded:
    config = case.config
    share = case.strong_share(found.region)
    strong = asking.strong_table(config).judge
    return Cascaded(
        out=config.out,
        verdict=found.verdict,
        reason=_reason(case, found),
        cheap=case.cheap.judge,
        strong=strong,
        against=case.against,
        scale=config.scale,
        region=found.region,
        words=in_words(found.region.least, case.evidence.scale),
        first=found.first,
        second=found.second,
        more_labels=found.more,
        strong_share=share,
        points=found.points,
        money=_money(case, share, asked, written),
        counts=_counts(case, found, asked, written),
        written=written,
        estimate=estimate,
        notes=tuple(_notes(case, asked, strong)),
    )


def _reason(case: Case, found: Found) -> str:
    settings, second = case.config.cascade, found.second
    by = "people" if case.against == PEOPLE else "the strong judge"
    if second is None:
        return "a region of an earlier run, used as it is and not checked here"
    if second.value is None:
        return (
            f"no part of {case.cheap.judge}'s answers agrees with {by} so far above {settings.target:g} that "
            "the other half would show it"
        )
    shown = f"agreement with {by} {second.value:.3f}, at least {second.low:.3f} at {settings.level:.0%}"
    return (
        f"{shown}, on {second.pairs:,} labelled pairs of {second.items:,} items; target {settings.target:g}"
    )


def _counts(case: Case, found: Found, asked: Asked | None, written: CascadeWritten | None) -> dict[str, int]:
    """Where every pair goes: pairs = cheap judge answers + left for the strong judge. How many were asked of it is said
    where it is asked, not read from a table: of those left, and of those that show what the cheap judge's are worth."""
    inside = case.inside(found.region)
    so_far = {}
    if not is_table(case.config.strong):
        there = [] if asked is None else [asked.told.judgments]
        there += [] if written is None else [asking.strong_table(case.config).judgments]
        so_far = {"asked of the strong judge so far": asking.so_far(there)}
    return {
        "pairs": len(case.evidence),
        "unscored by the cheap judge": int((~case.evidence.scored).sum()),
        "cheap judge answers": int(inside.sum()),
        "left for the strong judge": int((~inside).sum()),
        **so_far,
        "labelled": int(case.labelled.sum()),
        "labelled, scored by both": 0 if asked is None else int((case.labelled & asked.both).sum()),
    }


def _money(case: Case, share: float, asked: Asked | None, written: CascadeWritten | None) -> Money:
    told = asked.told if asked is not None else None
    if told is None and written is not None:
        told = asking.strong_table(case.config)
    each = None if told is None else asking.costs(told)[1]
    if each is None:
        return Money(None, None, None, None)
    cheap, pairs = asking.costs(case.cheap)[0] or 0.0, len(case.evidence)
    return Money(each, pairs * each, cheap + share * pairs * each, (1 - share) * pairs * each - cheap)


def _notes(case: Case, asked: Asked | None, strong: str) -> list[str]:
    config, notes = case.config, []
    if case.against == STRONG:
        notes.append(
            f"No human labels: agreement is with {strong}'s own answers. Where {strong} is wrong the cascade is "
            "wrong with it, and nothing here says how often that is."
        )
    else:
        notes.append(
            "The labelled pairs must be a random sample of the judged ones: agreement on hand-picked or hard pairs "
            "does not carry over."
        )
        if config.cascade.rule == "unanimous":
            notes.append("Pairs on which people disagree have no label: agreement is about the clear cases.")
        if config.scale != config.human_scale:
            notes.append("Judges and people use different scales: all are compared as relevant or not.")
    if np.isnan(case.evidence.probability[case.evidence.scored]).all():
        notes.append(f"{case.cheap.judge} gives no probabilities: its answers stand or fall by grade alone.")
    unheard = ((case.cheap.judge, case.given_up), (strong, 0 if asked is None else asked.given_up))
    notes += [
        f"{texts:,} texts that {judge} was asked about before without a verdict count as unscored here; a run that is not "
        "dry asks for them again."
        for judge, texts in unheard
        if texts
    ]
    priced = asked is not None and asking.costs(asked.told)[1] is not None
    if priced and asking.costs(case.cheap)[0] is None:
        notes.append(f"{case.cheap.judge} names no cost: it is counted as free.")
    return notes


def _changed(frozen: files.Frozen, strong_share: float) -> list[str]:
    """A frozen region that now holds another share of the answers: the pairs or the judge are others."""
    share = 1 - strong_share
    if frozen.share is None or abs(share - frozen.share) <= MUCH:
        return []
    return [
        f"{share:.0%} of the answers stand, {frozen.share:.0%} did where the region was validated: the pairs or the judge "
        "have changed. Check the region with fresh labels (--human)."
    ]


def _told(made: Cascaded, case: Case) -> tuple[list[dict[str, Any]], dict[str, Any], files.Frozen]:
    """The curve's rows, cascade.json and region.json."""
    config = case.config
    each, pairs = made.money.strong_each, made.counts["pairs"]
    spent: list[float | None] = [None] * len(made.points)
    if each is not None and made.money.cascade is not None:
        cheap = made.money.cascade - made.strong_share * pairs * each
        spent = [
            point.strong_share * pairs * each + (0.0 if point.kind in ("all strong", "random") else cheap)
            for point in made.points
        ]
    shown = made.second
    region = files.frozen(
        made.cheap,
        scale(config.scale),
        made.region,
        validated=made.verdict != "not validated",
        against=made.against,
        target=config.cascade.target,
        level=config.cascade.level,
        agreement=None if shown is None else shown.value,
        low=None if shown is None else shown.low,
        pairs=0 if shown is None else shown.pairs,
        share=1 - made.strong_share,
        identity=case.identity,
    )
    names = ("verdict", "exit_code", "reason", "cheap", "strong", "against", "scale", "words", "more_labels")
    told: dict[str, Any] = {name: getattr(made, name) for name in (*names, "strong_share", "counts", "notes")}
    for name in ("first", "second", "money", "written", "estimate"):
        part = getattr(made, name)
        told[name] = None if part is None else asdict(part)
    told |= {"target": config.cascade.target, "level": config.cascade.level, "least": region.least}
    curve = files.rows(made.points, spent)
    return curve, {**told, "curve": curve, "settings": settings_of.to_dict(config)}, region
