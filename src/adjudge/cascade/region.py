"""Where a cheap judge's own answer stands: a least confidence for each grade it may give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adjudge.records import Scale
from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints


@dataclass(frozen=True)
class Region:
    """least: for each grade of the scale, worst first, the confidence from which the answer stands (0 to 1); None: never.

    On two grades these are the two thresholds on the probability of relevance: `irrelevant` stands where the
    probability is at most 1 - least[0], `relevant` where it is at least least[1].
    """

    least: tuple[float | None, ...]

    def inside(self, step: Ints, confidence: Floats) -> Bools:
        """[n]: which answers stand.

        >>> Region((0.9, None)).inside(np.array([0, 0, 1]), np.array([0.95, 0.8, 1.0])).tolist()
        [True, False, False]
        """
        least = np.array([np.inf if one is None else one for one in self.least])
        return np.asarray(confidence >= least[step])


def confidence(step: Ints, probability: Floats, expected: Floats, scale: Scale) -> Floats:
    """[n], 0 to 1: how sure a judge is of the grade it gave; 1 where it gave no probability.

    1 less the distance (in steps) from the grade to the expected step. On two grades that is the probability of the
    grade given. Without an expected step, on more grades: the probability of the side the grade is on.

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
    found = np.where(np.isnan(expected), side, near)
    return np.clip(np.where(np.isnan(found), 1.0, found), 0.0, 1.0)


@dataclass(frozen=True)
class Block:
    """Answers of one grade with confidence from `least` up to the next block, and how many of their labels agree."""

    grade: int
    least: float
    right: int
    pairs: int

    @property
    def share(self) -> float:
        return self.right / self.pairs if self.pairs else 0.0


def blocks(grade: int, confidence: Floats, right: Bools, size: int) -> list[Block]:
    """A grade's labelled answers, surest first, in blocks whose agreement falls: isotonic regression of agreement on
    confidence (pool adjacent violators: Ayer et al. 1955) over runs of `size` answers or more.

    Equal confidences stay together. The last block reaches down to confidence 0. No label, no block.

    >>> [(b.least, b.right, b.pairs) for b in blocks(0, np.array([.9, .8, .7, .6]), np.array([1, 0, 1, 0]) > 0, 1)]
    [(0.9, 1, 1), (0.7, 1, 2), (0.0, 0, 1)]
    """
    pooled: list[Block] = []
    for run in _runs(grade, confidence, right, size):
        pooled.append(run)
        while len(pooled) > 1 and pooled[-1].share >= pooled[-2].share:
            later, before = pooled.pop(), pooled.pop()
            pooled.append(Block(grade, later.least, before.right + later.right, before.pairs + later.pairs))
    if not pooled:
        return []
    last = pooled[-1]
    return [*pooled[:-1], Block(grade, 0.0, last.right, last.pairs)]


def _runs(grade: int, confidence: Floats, right: Bools, size: int) -> list[Block]:
    """Runs of `size` answers or more, surest first; a short last run joins the one before it."""
    order = np.argsort(-confidence, kind="stable")
    sure, hit = confidence[order], right[order]
    ends = [n for n in range(1, len(sure) + 1) if n == len(sure) or sure[n] != sure[n - 1]]
    cuts = [0]
    for end in ends:
        if end - cuts[-1] >= size:
            cuts.append(end)
    if cuts[-1] != len(sure):
        cuts = [*cuts[:-1], len(sure)] if len(cuts) > 1 else [0, len(sure)]
    return [Block(grade, float(sure[b - 1]), int(hit[a:b].sum()), b - a) for a, b in pairwise(cuts) if b > a]


def ladder(step: Ints, confidence: Floats, right: Bools, grades: int, size: int) -> list[Region]:
    """Regions from none of the answers to all those of grades that have a label, each holding the one before it: blocks of
    all grades in the order of their agreement. Answers are so let in where they cost least agreement; no other order holds as many of them
    at an agreement. step, confidence, right: [n], of labelled answers.
    """
    found: list[Block] = []
    for grade in range(grades):
        own = step == grade
        found += blocks(grade, confidence[own], right[own], size)
    found.sort(key=lambda block: (-block.share, -block.pairs, block.grade))
    least: list[float | None] = [None] * grades
    regions = [Region(tuple(least))]
    for block in found:
        least[block.grade] = block.least
        regions.append(Region(tuple(least)))
    return regions


def told(region: Region, scale: Scale) -> dict[str, float | None]:
    """The least confidence by grade, as it is saved."""
    return dict(zip(scale.grades, region.least, strict=True))


def in_words(least: Sequence[float | None], scale: Scale) -> str:
    """The region as a sentence.

    >>> from adjudge.records import BINARY
    >>> in_words((0.9, None), BINARY)
    'irrelevant where the probability is at most 0.1; relevant never'
    """
    parts = []
    for grade, one in zip(scale.grades, least, strict=True):
        if one is None:
            parts.append(f"{grade} never")
        elif one <= 0:
            parts.append(f"{grade} always")
        elif len(scale.grades) == 2:
            upper = scale.relevant(grade)
            words = f"at least {one:.4g}" if upper else f"at most {1 - one:.4g}"
            parts.append(f"{grade} where the probability is {words}")
        else:
            parts.append(f"{grade} where the confidence is at least {one:.4g}")
    return "; ".join(parts)
