"""Confidence thresholds per grade: the region of a cheap judge's answers that need no strong judge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import groupby, pairwise

import numpy as np

from adjudge.records import Scale
from adjudge.stats.bounds import Bound, bound
from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints


@dataclass(frozen=True)
class Region:
    """least: for each grade of the scale, worst first, the confidence from which an answer stands (0 to 1);
    None: never.

    On two grades these are the two thresholds on the probability of relevance: `irrelevant` stands if the
    probability is at most 1 - least[0], `relevant` if it is at least least[1].
    """

    least: tuple[float | None, ...]

    def inside(self, step: Ints, confidence: Floats) -> Bools:
        """[n]: which answers stand.

        >>> Region((0.9, None)).inside(np.array([0, 0, 1]), np.array([0.95, 0.8, 1.0])).tolist()
        [True, False, False]
        """
        least = np.array([np.inf if bar is None else bar for bar in self.least])
        return np.asarray(confidence >= least[step])

    def in_words(self, scale: Scale) -> str:
        """The region as a sentence.

        >>> from adjudge.records import BINARY
        >>> Region((0.9, None)).in_words(BINARY)
        'irrelevant if the probability is at most 0.1; relevant never'
        """
        return "; ".join(
            _in_words(scale, grade, bar) for grade, bar in zip(scale.grades, self.least, strict=True)
        )


def _in_words(scale: Scale, grade: str, bar: float | None) -> str:
    if bar is None:
        return f"{grade} never"
    if bar <= 0:
        return f"{grade} always"
    if len(scale.grades) > 2:
        return f"{grade} if the confidence is at least {bar:.4g}"
    words = f"at least {bar:.4g}" if scale.relevant(grade) else f"at most {1 - bar:.4g}"
    return f"{grade} if the probability is {words}"


def confidence(step: Ints, probability: Floats, expected: Floats, scale: Scale) -> Floats:
    """[n], 0 to 1: how sure a judge is of the grade it gave; 1 if it gave no probability.

    It is 1 less the distance (in steps) from the grade to the expected step. On two grades that is the
    probability of the grade given. Without an expected step, on more grades: the probability of the side the
    grade is on.

    >>> from adjudge.records import BINARY, FOUR
    >>> none = np.array([np.nan, np.nan])
    >>> confidence(np.array([1, 0]), np.array([0.8, 0.3]), none, BINARY).tolist()
    [0.8, 0.7]
    >>> confidence(np.array([3, 1]), np.array([0.9, 0.3]), np.array([2.75, np.nan]), FOUR).tolist()
    [0.75, 0.7]
    """
    if len(scale.grades) == 2:
        expected = probability
    near = 1 - np.abs(expected - step)
    side = np.where(step >= scale.relevant_from, probability, 1 - probability)
    stated = np.where(np.isnan(expected), side, near)
    return np.clip(np.where(np.isnan(stated), 1.0, stated), 0.0, 1.0)


@dataclass(frozen=True)
class LabelledAnswers:
    """Labelled pairs that the cheap judge scored, [n]: item codes, its step and confidence, and who agrees
    with whom.

    right: the cheap judge with the label. strong_right: the strong judge with the label, same: the two judges
    with each other; both mean something only where `asked`: the strong judge scored the pair.
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

    def at(self, rows: Bools) -> LabelledAnswers:
        """Some of them."""
        return LabelledAnswers(*(getattr(self, column.name)[rows] for column in fields(self)))

    def bound(self, region: Region, level: float) -> Bound:
        """Agreement with the labels of the answers that stand in a region."""
        inside = region.inside(self.step, self.confidence)
        return bound(self.item[inside], self.right[inside], level)


@dataclass(frozen=True)
class Block:
    """Answers of one grade with confidence from `least` up to the next block; right: those that agree."""

    grade: int
    least: float
    right: int
    pairs: int

    @property
    def share(self) -> float:
        return self.right / self.pairs


def blocks(grade: int, confidence: Floats, right: Bools, size: int) -> list[Block]:
    """A grade's labelled answers, surest first, in blocks whose agreement falls: isotonic regression of
    agreement on confidence over runs of `size` answers or more.

    Equal confidences stay together. The last block reaches down to confidence 0. Without a label there is no
    block.

    >>> sure, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0]) > 0
    >>> [(block.least, block.right, block.pairs) for block in blocks(0, sure, right, 1)]
    [(0.9, 1, 1), (0.7, 1, 2), (0.0, 0, 1)]
    """
    from scipy.optimize import isotonic_regression

    runs = _runs(grade, confidence, right, size)
    if not runs:
        return []
    fit = isotonic_regression(
        [run.share for run in runs], weights=[run.pairs for run in runs], increasing=False
    )
    pooled = [_joined(runs[first:last]) for first, last in pairwise(fit.blocks)]
    # Rounding in the fit may leave blocks of exactly equal agreement apart: they are one.
    pooled = [_joined(several) for _, several in groupby(pooled, key=lambda block: block.share)]
    lowest = pooled[-1]
    return [*pooled[:-1], Block(grade, 0.0, lowest.right, lowest.pairs)]


def _joined(blocks: Iterable[Block]) -> Block:
    """Neighbouring blocks as one, with the confidence of the last."""
    several = list(blocks)
    last = several[-1]
    return Block(last.grade, last.least, sum(b.right for b in several), sum(b.pairs for b in several))


def _runs(grade: int, confidence: Floats, right: Bools, size: int) -> list[Block]:
    """Runs of `size` answers or more, surest first; a short last run joins the one before it."""
    order = np.argsort(-confidence, kind="stable")
    sure, hit = confidence[order], right[order]
    cuts = [0]
    for end in range(1, len(sure) + 1):
        tied = end < len(sure) and sure[end] == sure[end - 1]
        if not tied and end - cuts[-1] >= size:
            cuts.append(end)
    if cuts[-1] != len(sure):
        cuts = [*cuts[:-1], len(sure)] if len(cuts) > 1 else [0, len(sure)]
    return [Block(grade, float(sure[b - 1]), int(hit[a:b].sum()), b - a) for a, b in pairwise(cuts)]


def nested_regions(step: Ints, confidence: Floats, right: Bools, grades: int, size: int) -> list[Region]:
    """Nested regions, from none of the answers to all those of grades that have a label.

    Blocks of all grades are let in by falling agreement, so that each next answer costs least agreement; no
    other order holds as many answers at an agreement. step, confidence, right: [n], of labelled answers.
    """
    steps: list[Block] = []
    for grade in range(grades):
        rows = step == grade
        steps += blocks(grade, confidence[rows], right[rows], size)
    steps.sort(key=lambda block: (-block.share, -block.pairs, block.grade))
    least: list[float | None] = [None] * grades
    regions = [Region(tuple(least))]
    for block in steps:
        least[block.grade] = block.least
        regions.append(Region(tuple(least)))
    return regions
