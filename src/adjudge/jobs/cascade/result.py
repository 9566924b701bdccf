"""The result of the job `cascade`: what is printed and saved (cascade.json, region.json, curve.parquet)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge.cascade.curve import CURVE, Point, rows
from adjudge.cascade.judgments import CascadeTable, JudgeTable
from adjudge.cascade.region import Region
from adjudge.cascade.saved_region import SavedRegion
from adjudge.cascade.validation import Validation
from adjudge.config import save, to_dict
from adjudge.jobs.cascade.config import PEOPLE, STRONG_JUDGE, CascadeConfig, is_table
from adjudge.jobs.cascade.judges import asked_so_far
from adjudge.jobs.cascade.labels import CascadeLabels
from adjudge.judge.estimate import CostEstimate
from adjudge.stats.bounds import Bound
from adjudge.stats.cluster_bootstrap import Bools, Floats
from adjudge.storage.files import fresh_parquet, write_json
from adjudge.trust.reading import Evidence

MOST_CHANGE = 0.1
"""Change of the share of standing answers beyond which a saved region gets a note."""
NOT_ASKED = "not asked"


@dataclass(frozen=True)
class CascadeMoney:
    """What the judges cost, in the price table's currency; None if no price is known.

    strong_each: the mean per pair. all_strong: the strong judge on every pair; cascade: both judges as
    routed; saved: the difference.
    """

    strong_each: float | None = None
    all_strong: float | None = None
    cascade: float | None = None
    saved: float | None = None


@dataclass(frozen=True)
class Need:
    """What a judge would be asked, by a run that is not dry; what: which pairs."""

    judge: str
    what: str
    estimate: CostEstimate


@dataclass(frozen=True)
class CascadeResult:
    """What `cascade` found, to print.

    verdict: `validated`, `not validated` (nothing was judged further), `frozen` (a saved region was used), or
    `not asked` (a dry run without the answers it takes: only `needs` says anything). first, second: agreement
    on the half that chose the region and on the other. more_labels: wanted beyond those at hand; None if none
    are, or if no number helps. written: None if nothing was judged.
    """

    out: Path
    verdict: str
    reason: str
    cheap: str
    strong: str
    against: str
    scale: str
    region: Region
    words: str = "not known yet"
    first: Bound | None = None
    second: Bound | None = None
    more_labels: int | None = None
    strong_share: float = 1.0
    points: tuple[Point, ...] = ()
    money: CascadeMoney = CascadeMoney()
    counts: dict[str, int] = field(default_factory=dict)
    written: CascadeTable | None = None
    estimate: CostEstimate | None = None
    notes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()

    @property
    def exit_code(self) -> int:
        return int(self.verdict == "not validated")

    @property
    def rest(self) -> Need | None:
        """What the strong judge would be asked, if that was only estimated."""
        return None if self.estimate is None else Need(self.strong, "the rest", self.estimate)


@dataclass(frozen=True)
class Routing:
    """What one run knows before it decides: the cheap judge's verdicts and confidence [n], both judges'
    tables, the labels and the region of an earlier run."""

    config: CascadeConfig
    evidence: Evidence
    confidence: Floats
    cheap: JudgeTable
    strong: JudgeTable
    labels: CascadeLabels | None
    saved: SavedRegion | None

    def inside(self, region: Region) -> Bools:
        """[n]: pairs whose answer is the cheap judge's."""
        return region.inside(self.evidence.step, self.confidence) & self.evidence.scored

    def strong_share(self, region: Region) -> float:
        """Share of the pairs that a region leaves to the strong judge."""
        return float(1 - self.inside(region).mean())


def result_of(
    routing: Routing, validation: Validation, table: CascadeTable | None, estimate: CostEstimate | None
) -> CascadeResult:
    """The result of a run that could decide."""
    config, region = routing.config, validation.region
    share = routing.strong_share(region)
    return CascadeResult(
        out=config.out,
        verdict=validation.verdict,
        reason=_reason(routing, validation),
        cheap=routing.cheap.judge,
        strong=routing.strong.judge,
        against=config.against,
        scale=config.scale,
        region=region,
        words=region.in_words(routing.evidence.scale),
        first=validation.first,
        second=validation.second,
        more_labels=validation.more,
        strong_share=share,
        points=validation.points,
        money=_money(routing, share, table),
        counts=_counts(routing, region, table),
        written=table,
        estimate=estimate,
        notes=tuple(_notes(routing, share)),
    )


def _reason(routing: Routing, validation: Validation) -> str:
    settings, second = routing.config.cascade, validation.second
    by = "people" if routing.config.against == PEOPLE else "the strong judge"
    if second is None:
        return "a region of an earlier run, used as it is and not checked here"
    if second.value is None:
        return (
            f"no part of {routing.cheap.judge}'s answers agrees with {by} so far above {settings.target:g} "
            "that the other half would show it"
        )
    return (
        f"agreement with {by} {second.value:.3f}, at least {second.low:.3f} at {settings.level:.0%}, on "
        f"{second.pairs:,} labelled pairs of {second.items:,} items; target {settings.target:g}"
    )


def _counts(routing: Routing, region: Region, table: CascadeTable | None) -> dict[str, int]:
    """Where every pair goes: pairs = cheap judge answers + left for the strong judge.

    A strong judge without a table was asked about pairs of those left, and about labelled pairs.
    """
    evidence, labels, inside = routing.evidence, routing.labels, routing.inside(region)
    so_far = {}
    if not is_table(routing.config.strong):
        tables = [] if labels is None else [labels.strong.table.path]
        tables += [] if table is None else [routing.strong.path]
        so_far = {"asked of the strong judge so far": asked_so_far(tables)}
    return {
        "pairs": len(evidence),
        "unscored by the cheap judge": int((~evidence.scored).sum()),
        "cheap judge answers": int(inside.sum()),
        "left for the strong judge": int((~inside).sum()),
        **so_far,
        "labelled": 0 if labels is None else int(labels.rows.sum()),
        "labelled, scored by both": 0 if labels is None else int((labels.rows & labels.strong.both).sum()),
    }


def _money(routing: Routing, share: float, table: CascadeTable | None) -> CascadeMoney:
    """The price of a pair is the strong judge's mean on labelled pairs, else on the rest."""
    strong = None if routing.labels is None else routing.labels.strong.table
    if strong is None and table is not None:
        strong = routing.strong
    each = None if strong is None else strong.spending()[1]
    if each is None:
        return CascadeMoney()
    cheap, pairs = routing.cheap.spending()[0] or 0.0, len(routing.evidence)
    return CascadeMoney(each, pairs * each, cheap + share * pairs * each, (1 - share) * pairs * each - cheap)


def _notes(routing: Routing, share: float) -> list[str]:
    config, labels, saved = routing.config, routing.labels, routing.saved
    cheap, strong, notes = routing.cheap.judge, routing.strong.judge, []
    if config.against == STRONG_JUDGE:
        notes.append(
            f"No human labels: agreement is with {strong}'s own answers. Where {strong} is wrong the cascade "
            "is wrong with it, and nothing here says how often that is."
        )
    else:
        notes.append(
            "The labelled pairs must be a random sample of the judged ones: agreement on hand-picked or hard "
            "pairs does not carry over."
        )
        if config.cascade.rule == "unanimous":
            notes.append("Pairs on which people disagree have no label: agreement is about the clear cases.")
        if config.scale != config.human_scale:
            notes.append("Judges and people use different scales: all are compared as relevant or not.")
    if np.isnan(routing.evidence.probability[routing.evidence.scored]).all():
        notes.append(f"{cheap} gives no probabilities: its answers stand or fall by grade alone.")
    for judge in (routing.cheap, *(() if labels is None else (labels.strong.table,))):
        if judge.given_up:
            notes.append(
                f"{judge.given_up:,} texts that {judge.judge} was asked about before without a verdict count "
                "as unscored here; a run that is not dry asks for them again."
            )
    priced = labels is not None and labels.strong.table.spending()[1] is not None
    if priced and routing.cheap.spending()[0] is None:
        notes.append(f"{cheap} names no cost: it is counted as free.")
    if saved is not None and saved.share is not None and abs(1 - share - saved.share) > MOST_CHANGE:
        notes.append(
            f"{1 - share:.0%} of the answers stand, {saved.share:.0%} did when the region was validated: "
            "the pairs or the judge have changed. Check the region with fresh labels (--human)."
        )
    return notes


def write(result: CascadeResult, routing: Routing) -> None:
    """Write curve.parquet, region.json and cascade.json."""
    config, second = routing.config, result.second
    curve = rows(result.points, _spent(result))
    with fresh_parquet(config.out / "curve.parquet", CURVE) as writer:
        writer.write_table(pa.Table.from_pylist(curve, schema=CURVE))
    region = SavedRegion(
        judge=result.cheap,
        scale=result.scale,
        least=dict(zip(routing.evidence.scale.grades, result.region.least, strict=True)),
        validated=result.verdict != "not validated",
        against=result.against,
        target=config.cascade.target,
        level=config.cascade.level,
        agreement=None if second is None else second.value,
        low=None if second is None else second.low,
        pairs=0 if second is None else second.pairs,
        share=1 - result.strong_share,
        identity=routing.cheap.identity,
    )
    save(region, config.out / "region.json")
    names = ("verdict", "exit_code", "reason", "cheap", "strong", "against", "scale", "words", "more_labels")
    values: dict[str, Any] = {name: getattr(result, name) for name in names}
    values |= {"strong_share": result.strong_share, "counts": result.counts, "notes": result.notes}
    for name in ("first", "second", "money", "written", "estimate"):
        value = getattr(result, name)
        values[name] = None if value is None else asdict(value)
    values |= {"target": region.target, "level": region.level, "least": region.least}
    values |= {"curve": curve, "settings": to_dict(config)}
    write_json(config.out / "cascade.json", _finite(values))


def _spent(result: CascadeResult) -> list[float | None]:
    """The money of each point of the curve: the strong judge's share of the pairs, and the cheap judge on all
    of them if it answers any."""
    each, total, pairs = result.money.strong_each, result.money.cascade, result.counts["pairs"]
    if each is None or total is None:
        return [None] * len(result.points)
    cheap = total - result.strong_share * pairs * each
    return [
        point.strong_share * pairs * each + (0.0 if point.kind in ("all strong", "random") else cheap)
        for point in result.points
    ]


def _finite(value: Any) -> Any:
    """Numbers that are not finite become null: JSON has no word for them."""
    if isinstance(value, Mapping):
        return {key: _finite(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(element) for element in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
