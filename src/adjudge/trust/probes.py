"""Probes for known faults of judges: each a statistic, its interval over items, and a verdict.

Leniency, lexical overlap and title length are read off the pairs that people graded too. Position of options,
keyword stuffing, padded titles and rewording are read off two judgments of the same pair (`perturb` writes
what to judge).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from adjudge.stats import agreement
from adjudge.stats.cluster_bootstrap import (
    Bools,
    Estimate,
    Floats,
    Ints,
    columns_by_cluster,
    estimate,
    sums_by_cluster,
)
from adjudge.stats.sampling import Sampling
from adjudge.text.words import overlap
from adjudge.trust.compare import ComparedPairs
from adjudge.trust.reading import Evidence
from adjudge.trust.settings import ProbeSettings

QUIET, FAULT, UNSURE = "quiet", "fault", "inconclusive"
PAIRED = {
    "position": "yes rate with the options in another order, less that with the usual order",
    "stuffing": "yes rate with the keyphrase put into the title, less that without",
    "padding": "yes rate with empty words added to the title, less that without",
    "rewording": "yes rate under a reworded prompt, less that under the usual one",
}


@dataclass(frozen=True)
class Probe:
    """effect: the statistic. harmless: the range in which the effect is no fault. verdict: quiet if the whole
    interval is inside, fault if all of it is outside, else inconclusive."""

    name: str
    statistic: str
    effect: Estimate
    harmless: tuple[float, float]
    verdict: str


@dataclass(frozen=True)
class Bin:
    """Of one band of Jaccard overlap and one human label: pairs, the judge's yes rate and share of errors."""

    low: float
    high: float
    human_relevant: bool
    pairs: int
    yes: float | None
    wrong: float | None


def probe(name: str, statistic: str, effect: Estimate, low: float, high: float) -> Probe:
    """Judge an estimate by its harmless range."""
    verdict = UNSURE
    if effect.low is not None and effect.high is not None:
        if low <= effect.low and effect.high <= high:
            verdict = QUIET
        elif effect.low > high or effect.high < low:
            verdict = FAULT
    return Probe(name, statistic, effect, (low, high), verdict)


def leniency(
    pairs: ComparedPairs, item: Ints, settings: ProbeSettings, sampling: Sampling, rng: np.random.Generator
) -> Probe:
    """The judge's yes rate less people's, on the pairs that both graded.

    Worked: of 10 pairs the judge calls 7 relevant, people 4: 0.3.
    """
    cut = pairs.scale.relevant_from
    yes, human = (pairs.judge >= cut)[pairs.both], (pairs.human >= cut)[pairs.both]
    effect = _mean_difference(yes, human, item[pairs.both], sampling, rng)
    return probe("leniency", "yes rate, judge less people", effect, -settings.shift, settings.shift)


def _mean_difference(
    first: Bools, second: Bools, item: Ints, sampling: Sampling, rng: np.random.Generator
) -> Estimate:
    """Mean of first - second over pairs."""
    columns = np.stack([first.astype(np.float64) - second, np.ones(len(first))], axis=1)
    return estimate(columns_by_cluster(item, columns), _mean, len(first), sampling, rng)


def _mean(sums: Floats) -> Floats:
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)


def lexical(
    evidence: Evidence, settings: ProbeSettings, sampling: Sampling, rng: np.random.Generator
) -> tuple[list[Probe], list[Bin]]:
    """Overlap (Jaccard), coverage (the keyphrase's words in the title) and title length; and the table by
    Jaccard bins.

    Each is the Mantel-Haenszel odds ratio of the judge's yes, high against low, among pairs that people
    graded alike. Title length is looked at among pairs of like coverage too, since a longer title covers
    more.
    """
    rows = evidence.scored & (evidence.votes.sum(1) > 0)
    if evidence.titles is None or not rows.any():
        return [], []
    mask = pa.array(rows)
    yes = (evidence.step >= evidence.scale.relevant_from)[rows]
    measured = overlap(evidence.keyphrase.filter(mask), evidence.titles.filter(mask))
    votes, item = evidence.votes[rows], evidence.item[rows]
    mean = votes @ np.arange(votes.shape[1]) / votes.sum(1)
    alike = np.unique(mean.round(2), return_inverse=True)[1]
    covered = alike * 2 + high(measured.coverage, alike)
    probes = []
    for name, values, strata in (
        ("overlap", measured.jaccard, alike),
        ("coverage", measured.coverage, alike),
        ("title length", measured.right_length, covered),
    ):
        odds = odds_ratio(yes, high(values, strata), strata, item, sampling, rng)
        probes.append(probe(name, "odds of yes, high against low", odds, 1 / settings.odds, settings.odds))
    human = mean >= evidence.human_scale.relevant_from - 0.5
    return probes, bins(yes, human, measured.jaccard, settings.bins)


def high(values: Floats, stratum: Ints) -> Bools:
    """Which values are high within their stratum: cut at the median, ties on the side that halves better.

    >>> high(np.array([0.0, 1.0, 1.0, 0.2]), np.array([0, 0, 0, 0]))
    array([False,  True,  True, False])
    """
    above = np.zeros(len(values), bool)
    for number in np.unique(stratum):
        rows = stratum == number
        middle = np.median(values[rows])
        over, from_ = values[rows] > middle, values[rows] >= middle
        above[rows] = over if abs(over.mean() - 0.5) <= abs(from_.mean() - 0.5) else from_
    return above


def odds_ratio(
    yes: Bools, exposed: Bools, stratum: Ints, item: Ints, sampling: Sampling, rng: np.random.Generator
) -> Estimate:
    """Mantel-Haenszel odds ratio over strata (Mantel and Haenszel 1959): sum(a d / t) / sum(b c / t), of
    exposed yes a and no b, others yes c and no d, t pairs in the stratum.

    Worked: 30, 10, 20, 20 and 5, 15, 2, 38: (600/80 + 190/60) / (200/80 + 30/60) = 10.667 / 3 = 3.556.
    """
    cell = stratum * 4 + exposed * 2 + yes
    cells = 4 * (int(stratum.max()) + 1)
    return estimate(sums_by_cluster(item, cell, cells), _mantel_haenszel, len(yes), sampling, rng)


def _mantel_haenszel(sums: Floats) -> Floats:
    table = sums.reshape(*sums.shape[:-1], -1, 4)
    total = np.maximum(table.sum(-1), 1)
    above = (table[..., 3] * table[..., 0] / total).sum(-1)
    below = (table[..., 2] * table[..., 1] / total).sum(-1)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def bins(yes: Bools, human: Bools, jaccard: Floats, number: int) -> list[Bin]:
    """The judge's answers by band of overlap, apart for pairs that people call relevant and irrelevant."""
    edges = np.linspace(0, 1, number + 1)
    band = np.clip(np.searchsorted(edges, jaccard, side="right") - 1, 0, number - 1)
    table = []
    for index in range(number):
        for relevant in (False, True):
            rows = (band == index) & (human == relevant)
            rate = float(yes[rows].mean()) if rows.any() else None
            wrong = None if rate is None else (1 - rate if relevant else rate)
            low, high = float(edges[index]), float(edges[index + 1])
            table.append(Bin(low, high, relevant, int(rows.sum()), rate, wrong))
    return table


def paired(
    name: str,
    first: Evidence,
    second: tuple[Ints, Bools],
    settings: ProbeSettings,
    sampling: Sampling,
    rng: np.random.Generator,
) -> list[Probe]:
    """Two judgments of the same pairs: shift of the yes rate (second less first), share of verdicts that
    change, and the judge's kappa with itself. name: one of PAIRED; second: steps [n] and which pairs have
    both.

    Worked: yes yes no no no against yes no yes yes no: shift +0.2, flips 3 / 5 = 0.6.
    """
    step, both = second
    cut, item, grades = first.scale.relevant_from, first.item[both], len(first.scale.grades)
    usual, changed = first.step[both], step[both]
    shift = _mean_difference(changed >= cut, usual >= cut, item, sampling, rng)
    flips = _mean_difference(usual != changed, np.zeros(len(usual), bool), item, sampling, rng)
    sums = sums_by_cluster(item, usual * grades + changed, grades * grades)
    self_kappa = estimate(sums, partial(_self_kappa, grades), len(usual), sampling, rng)
    return [
        probe(f"{name}: shift", PAIRED[name], shift, -settings.shift, settings.shift),
        probe(f"{name}: flips", "share of verdicts that change", flips, 0.0, settings.flips),
        probe(f"{name}: self-kappa", "kappa of the judge with itself", self_kappa, settings.self_kappa, 1.0),
    ]


def _self_kappa(grades: int, sums: Floats) -> Floats:
    return agreement.coefficients(grades)["kappa"](sums.reshape(*sums.shape[:-1], grades, grades))
