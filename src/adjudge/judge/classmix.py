"""Class mix of a fine-tuning set, matched to a target: a labeller's output follows the mix that it was tuned
on.

Source: paper 2 (arXiv 2605.27704), which aligns its labels' mix with that of production. The factor is ours:
no row is used more than `factor` times, and each class keeps at least 1 / factor of its rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.records import Scale

AS_LABELLED, EVEN = "as labelled", "even"
_SHARE = re.compile(r"\s*(\w+)\s*=\s*(\d*\.?\d+)\s*")


@dataclass(frozen=True)
class ClassMix:
    """A class mix before and after matching, grades worst first.

    target: shares, sum 1. before, after: rows. distance_before, distance_after: total variation to the
    target.
    """

    grades: tuple[str, ...]
    target: tuple[float, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    distance_before: float
    distance_after: float


def target_of(text: str, scale: Scale, counts: Sequence[int]) -> tuple[float, ...]:
    """The share of each grade that `text` asks for, worst first: `as labelled`, `even`, or
    `high=0.5,moderate=0.3,...`.

    Raises BadConfig on anything else. (A judgments table is read by the job.)
    """
    if text == AS_LABELLED:
        return shares_of(counts)
    if text == EVEN:
        return (1 / len(scale.grades),) * len(scale.grades)
    shares = [_SHARE.fullmatch(part) for part in text.split(",")]
    if not all(shares):
        example = ",".join(f"{grade}={1 / len(scale.grades):.2g}" for grade in scale.grades)
        raise BadConfig(
            f"target {text!r} is unknown: allowed are '{AS_LABELLED}', '{EVEN}', a judgments table "
            f"(FILE.parquet), or a share per grade, such as {example}"
        )
    return of_shares({share[1]: float(share[2]) for share in shares if share}, scale)


def of_shares(shares: Mapping[str, float], scale: Scale) -> tuple[float, ...]:
    """Named shares in the scale's order. Raises BadConfig on an unknown grade, or unless they sum to 1."""
    for grade in shares:
        scale.index(grade)
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-6:
        raise BadConfig(f"target shares {dict(shares)} sum to {total:.4g}; allowed is 1")
    return tuple(shares.get(grade, 0.0) for grade in scale.grades)


def shares_of(counts: Sequence[float]) -> tuple[float, ...]:
    """Counts as shares. Raises NotEnoughData if there are none.

    >>> shares_of([60, 30, 10])
    (0.6, 0.3, 0.1)
    """
    total = sum(counts)
    if not total:
        raise NotEnoughData("a class mix needs rows; there are none")
    return tuple(float(count / total) for count in counts)


def total_variation(left: Sequence[float], right: Sequence[float]) -> float:
    """Half the sum of absolute differences of two mixes: the share of rows that would have to change class.

    >>> round(total_variation((0.5, 0.3, 0.2), (0.4, 0.4, 0.2)), 4)
    0.1
    """
    return 0.5 * math.fsum(abs(a - b) for a, b in zip(left, right, strict=True))


def planned(counts: Sequence[int], target: Sequence[float], factor: float) -> list[int]:
    """How many rows of each class to take, so that their mix comes closest to the target.

    A class of n rows gives n / factor to n x factor. All sizes at which a class meets a bound are tried, and
    the present size; of equally close ones the one nearest to it is taken.

    Counts (60, 30, 10), target a third each, factor 2: 90 rows would need (30, 30, 30), the last class gives
    at most 20: (30, 30, 20), distance 0.0833; at 100 rows (33, 33, 20) it would be 0.1008, at 60 (30, 20, 20)
    0.0952.
    """
    sizes = {float(sum(counts))}
    for rows, share in zip(counts, target, strict=True):
        if rows and share:
            sizes |= {rows * bound / share for bound in (factor, 1 / factor)}
    best: tuple[float, float, list[int]] | None = None
    for size in sorted(sizes):
        rows_by_class = [_within(n, size * t, factor) for n, t in zip(counts, target, strict=True)]
        if not sum(rows_by_class):
            continue
        distance = round(total_variation(shares_of(rows_by_class), target), 9)
        rank = (distance, abs(size - sum(counts)))
        if best is None or rank < best[:2]:
            best = (*rank, rows_by_class)
    if best is None:
        raise NotEnoughData(
            f"no class of the target {tuple(target)} has a row; rows by class: {tuple(counts)}"
        )
    return best[2]


def _within(rows: int, wanted: float, factor: float) -> int:
    """Rows of a class: 0 if the target leaves it out, else at least 1 and within the factor."""
    if not rows or not wanted:
        return 0
    return max(1, min(math.floor(rows * factor), max(math.ceil(rows / factor), round(wanted))))


def resampled(steps: np.ndarray, taken: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Row numbers, sorted: of class k exactly `taken[k]`, each row used equally often but for one, drawn by
    `rng`.

    steps: [n] classes of the rows.
    """
    rows = []
    for step, number in enumerate(taken):
        members = np.flatnonzero(steps == step)
        if len(members):
            whole, rest = divmod(number, len(members))
            rows += [np.repeat(members, whole), rng.choice(members, rest, replace=False)]
    return np.sort(np.concatenate(rows)) if rows else np.zeros(0, np.int64)


def mix_of(scale: Scale, target: Sequence[float], before: Sequence[int], after: Sequence[int]) -> ClassMix:
    """Both mixes beside their target."""
    return ClassMix(
        scale.grades,
        tuple(target),
        tuple(before),
        tuple(after),
        total_variation(shares_of(before), target),
        total_variation(shares_of(after), target),
    )
