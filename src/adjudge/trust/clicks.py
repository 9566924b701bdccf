"""The judge against buyers: concordance above an exposure floor, and clicks over expected clicks (COEC) by
grade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from adjudge.stats.click_floors import ClickFloors
from adjudge.stats.cluster_bootstrap import (
    Bools,
    Estimate,
    Floats,
    Ints,
    Statistic,
    columns_by_cluster,
    estimate,
    estimates,
    sums_by_cluster,
)
from adjudge.stats.sampling import Sampling
from adjudge.trust.reading import ClicksByPosition, Evidence

RATIO = "relevant / irrelevant"


@dataclass(frozen=True)
class ClickAgreement:
    """concordance: share of click-positive pairs that the judge calls relevant. ignored: the same of pairs
    shown at least `impressions` times without a click. coec: by the judge's grade, by `relevant`,
    `irrelevant`, and RATIO.
    """

    concordance: Estimate
    ignored: Estimate
    coec: dict[str, Estimate]
    note: str | None = None


def against_clicks(
    evidence: Evidence, floors: ClickFloors, sampling: Sampling, rng: np.random.Generator
) -> ClickAgreement:
    """What the judge says of pairs that buyers clicked, and of those they passed over."""
    yes = evidence.step >= evidence.scale.relevant_from
    clicked = floors.positive(evidence.impressions, evidence.clicks) & evidence.scored
    passed = (evidence.impressions >= max(floors.impressions, 1)) & (evidence.clicks == 0) & evidence.scored
    concordance = share(yes[clicked], evidence.item[clicked], sampling, rng)
    ignored = share(yes[passed], evidence.item[passed], sampling, rng)
    if evidence.shown is None:
        return ClickAgreement(
            concordance, ignored, {}, "clicks carry no positions, so expected clicks are unknown"
        )
    note = None
    if evidence.without_position:
        note = f"{evidence.without_position} impressions without a position are not in COEC"
    return ClickAgreement(concordance, ignored, coec(evidence.shown, evidence, sampling, rng), note)


def share(yes: Bools, item: Ints, sampling: Sampling, rng: np.random.Generator) -> Estimate:
    """Share of yes among pairs [n], with its interval over items."""
    return estimate(sums_by_cluster(item, yes.astype(np.int64), 2), _share, len(yes), sampling, rng)


def _share(sums: Floats) -> Floats:
    total = sums.sum(-1)
    return np.divide(sums[..., 1], total, out=np.full(total.shape, np.nan), where=total > 0)


def coec(
    shown: ClicksByPosition, evidence: Evidence, sampling: Sampling, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Clicks over expected clicks, by grade (Zhang and Jones 2007): clicks / sum of impressions *
    CTR(position).

    CTR(position) is that of all pairs shown there, judged or not, and is estimated anew in each resample.
    Above 1: clicked more than the average pair in the same places.

    Worked: at position 1 relevant pairs have 30 clicks of 100, others 10 of 100 (CTR 0.2); at position 2 they
    have 10 of 100 and 0 of 300 (CTR 0.025). Relevant: 40 / (20 + 2.5) = 1.778; others: 10 / (20 + 7.5) =
    0.364.
    """
    grades, places = len(evidence.scale.grades), int(shown.position.max()) + 1
    cell = shown.position * (grades + 1) + shown.group
    cells = places * (grades + 1)
    parts = [sums_by_cluster(shown.item, cell, cells, w) for w in (shown.impressions, shown.clicks)]
    sums = np.concatenate(parts, axis=1)
    wanted: dict[str, list[int]] = {grade: [step] for step, grade in enumerate(evidence.scale.grades)}
    cut = evidence.scale.relevant_from
    wanted |= {"relevant": [*range(cut, grades)], "irrelevant": [*range(cut)]}
    shape = (places, grades + 1)
    statistics: dict[str, Statistic] = {name: partial(_coec, shape, some) for name, some in wanted.items()}
    statistics[RATIO] = partial(_ratio, shape, wanted["relevant"], wanted["irrelevant"])
    judged = int((evidence.scored & (evidence.impressions > 0)).sum())
    return estimates(sums, statistics, judged, sampling, rng)


def _coec(shape: tuple[int, int], groups: list[int], sums: Floats) -> Floats:
    impressions, clicks = (half.reshape(*sums.shape[:-1], *shape) for half in np.split(sums, 2, axis=-1))
    shown = impressions.sum(-1)
    rate = np.divide(clicks.sum(-1), shown, out=np.zeros(shown.shape), where=shown > 0)
    expected = (impressions[..., groups].sum(-1) * rate).sum(-1)
    got = clicks[..., groups].sum((-2, -1))
    return np.divide(got, expected, out=np.full(expected.shape, np.nan), where=expected > 0)


def _ratio(shape: tuple[int, int], above: list[int], below: list[int], sums: Floats) -> Floats:
    top, bottom = _coec(shape, above, sums), _coec(shape, below, sums)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def rate_difference(
    relevant: Floats, first: Bools, second: Bools, item: Ints, sampling: Sampling, rng: np.random.Generator
) -> Estimate:
    """Relevance rate of the pairs that one model keeps, less that of those another keeps, on pairs with a
    human label.

    relevant: [n] in 0..1; first, second: kept by either model.

    Worked: A keeps 4 pairs of which 3 are relevant, B keeps 2 of which 1 is: 0.75 - 0.5 = 0.25.
    """
    columns = np.stack([first, first * relevant, second, second * relevant], axis=1).astype(np.float64)
    used = first | second
    return estimate(
        columns_by_cluster(item[used], columns[used]), _difference, int(used.sum()), sampling, rng
    )


def _difference(sums: Floats) -> Floats:
    empty = np.full(sums.shape[:-1], np.nan)
    first = np.divide(sums[..., 1], sums[..., 0], out=empty.copy(), where=sums[..., 0] > 0)
    second = np.divide(sums[..., 3], sums[..., 2], out=empty, where=sums[..., 2] > 0)
    return first - second
