"""The judge against people: which pairs both graded, on which scale they are compared, by which segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.records import BINARY, Scale
from adjudge.stats import agreement as agreement_coefficients
from adjudge.stats.annotators import on_relevance, settle
from adjudge.stats.cluster_bootstrap import Bools, Estimate, Floats, Ints, estimates, sums_by_cluster
from adjudge.stats.sampling import Sampling
from adjudge.trust.reading import Evidence
from adjudge.trust.settings import TrustSettings

OTHER = "(other)"
NO_CATEGORY = "(none)"


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs [n] on one scale: judge and human steps, and `both`: graded by both."""

    scale: Scale
    judge: Ints
    human: Ints
    labelled: Bools
    both: Bools


@dataclass(frozen=True)
class Segment:
    by: str
    name: str
    rows: Bools


@dataclass(frozen=True)
class Agreement:
    """A segment's coefficients by name, and its confusion matrix [K, K], rows the humans' grade."""

    segment: Segment
    values: dict[str, Estimate]
    matrix: Floats


def compared(evidence: Evidence, settings: TrustSettings) -> ComparedPairs:
    """Both on the judge's scale if people used the same, else both made binary (`Scale.relevant_from`)."""
    same = evidence.scale.name == evidence.human_scale.name
    votes, judge = evidence.votes, evidence.step
    # Total agreement is asked of the grades as given, not of what they are reduced to (paper 1, section
    # 3.1.1).
    label, sure = settle(votes, settings.rule, settings.min_annotators)
    if same:
        return ComparedPairs(evidence.scale, judge, label, sure, sure & evidence.scored)
    if settings.rule == "majority":
        label, sure = settle(
            on_relevance(votes, evidence.human_scale.relevant_from), "majority", settings.min_annotators
        )
    else:
        label = (label >= evidence.human_scale.relevant_from).astype(np.int64)
    judge = (judge >= evidence.scale.relevant_from).astype(np.int64)
    return ComparedPairs(BINARY, judge, label, sure, sure & evidence.scored)


def relevant_share(evidence: Evidence) -> Floats:
    """[n]: share of a pair's annotators who call it relevant; NaN without any."""
    votes = on_relevance(evidence.votes, evidence.human_scale.relevant_from).astype(np.float64)
    number = votes.sum(1)
    return np.divide(votes[:, 1], number, out=np.full(len(votes), np.nan), where=number > 0)


def agreement(
    evidence: Evidence, pairs: ComparedPairs, settings: TrustSettings, rng: np.random.Generator
) -> list[Agreement]:
    """All coefficients, of all pairs and of each segment with `min_pairs` pairs or more."""
    agreements = []
    for segment in segments(evidence, settings):
        rows = pairs.both & segment.rows
        if segment.by != "all" and rows.sum() < settings.sampling.min_pairs:
            continue
        cells = pairs.human[rows] * len(pairs.scale.grades) + pairs.judge[rows]
        agreements.append(_segment(segment, evidence.item[rows], cells, pairs.scale, settings.sampling, rng))
    return agreements


def _segment(
    segment: Segment, item: Ints, cells: Ints, scale: Scale, sampling: Sampling, rng: np.random.Generator
) -> Agreement:
    grades = len(scale.grades)
    sums = sums_by_cluster(item, cells, grades * grades)
    statistics = {
        name: partial(_flat, coefficient, grades)
        for name, coefficient in agreement_coefficients.coefficients(grades).items()
    }
    values = estimates(sums, statistics, len(cells), sampling, rng)
    matrix = sums.sum(0).reshape(grades, grades) if len(sums) else np.zeros((grades, grades))
    return Agreement(segment, values, matrix)


def _flat(coefficient: agreement_coefficients.Coefficient, grades: int, sums: Floats) -> Floats:
    return coefficient(sums.reshape(*sums.shape[:-1], grades, grades))


def segments(evidence: Evidence, settings: TrustSettings) -> Iterator[Segment]:
    """`all`; then `category`, `words` (one / more) and `volume` (head / tail), if the
    tables for them were given."""
    yield Segment("all", "all", np.ones(len(evidence), bool))
    if evidence.category is not None:
        yield from _categories(evidence.category, settings.most_categories)
    trimmed = pc.utf8_trim_whitespace(evidence.keyphrase)
    several = pc.match_substring_regex(trimmed, r"\s").to_numpy(zero_copy_only=False).astype(bool)
    yield Segment("words", "one", ~several)
    yield Segment("words", "more", several)
    if evidence.clicked_table:
        yield Segment("volume", "head", evidence.head)
        yield Segment("volume", "tail", ~evidence.head)


def _categories(category: pa.Array, most: int) -> Iterator[Segment]:
    """The categories with most pairs, in the order of their names; the others together."""
    coded = category.fill_null(NO_CATEGORY).dictionary_encode()
    code, names = np.asarray(coded.indices.to_numpy(zero_copy_only=False)), coded.dictionary.to_pylist()
    pairs = np.bincount(code, minlength=len(names))
    largest = sorted(np.argsort(-pairs, kind="stable")[:most], key=lambda number: names[number])
    for number in largest:
        yield Segment("category", names[number], code == number)
    rest = ~np.isin(code, largest)
    if rest.any():
        yield Segment("category", OTHER, rest)
