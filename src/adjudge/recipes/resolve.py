"""Conflict resolution: the label of a pair whose sources disagree, a pure function of who says what.

DuckDB only counts the cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adjudge.errors import BadConfig
from adjudge.records import BINARY, ORDINAL3, Scale


@dataclass(frozen=True)
class ConflictCase:
    """All pairs about which the same sources say the same things.

    `says[label]` is a bit mask of the sources (bit r = the r-th source of the recipe, from 0) that give
    the pair that label; `pairs` is how many such pairs there are.
    """

    says: tuple[int, ...]
    pairs: int


@dataclass(frozen=True)
class LabelDecision:
    """The label a case gets and the source it is credited to (the first named that says so)."""

    label: int
    rank: int


def decide(says: Sequence[int], policy: str) -> LabelDecision | None:
    """The label of a case under a conflict policy, or None if the pair is dropped.

    Source 0 says irrelevant, sources 1 and 2 say relevant, so says = (0b001, 0b110):

    >>> [decide((0b001, 0b110), policy) for policy in ("first", "majority", "drop")]
    [LabelDecision(label=0, rank=0), LabelDecision(label=1, rank=1), None]
    """
    said = [label for label, mask in enumerate(says) if mask]
    if len(said) == 1:
        label: int | None = said[0]
    elif policy == "first":
        label = min(said, key=lambda each: _first(says[each]))
    elif policy == "drop":
        label = None
    elif policy == "majority":
        counts = [mask.bit_count() for mask in says]
        label = counts.index(max(counts)) if counts.count(max(counts)) == 1 else None
    elif policy == "positive":
        label = said[-1]
    elif policy == "negative":
        label = said[0]
    else:
        raise BadConfig(
            f"conflict policy {policy!r} is unknown: allowed are first, drop, majority, positive, negative"
        )
    return None if label is None else LabelDecision(label, _first(says[label]))


@dataclass(frozen=True)
class Conflict:
    """`pairs` on which `loser` says other than `winner`, who says `winner_says`.

    If the policy drops the pair, nobody wins: `winner` and `winner_says` are None and every source
    with a say in it is a loser.
    """

    winner: str | None
    loser: str
    winner_says: str | None
    pairs: int


def conflicts(
    cases: Sequence[ConflictCase], policy: str, sources: Sequence[str], target: str
) -> tuple[Conflict, ...]:
    """The conflicts of all cases, most frequent first; agreement is no conflict."""
    words = scale_of(target).grades
    totals: dict[tuple[str | None, str, str | None], int] = {}
    for case in cases:
        if sum(mask > 0 for mask in case.says) < 2:
            continue
        decision = decide(case.says, policy)
        for label, mask in enumerate(case.says):
            if decision is not None and label == decision.label:
                continue
            winner = None if decision is None else sources[decision.rank]
            says = None if decision is None else words[decision.label]
            for rank in ranks(mask):
                key = (winner, sources[rank], says)
                totals[key] = totals.get(key, 0) + case.pairs
    rows = [Conflict(winner, loser, says, pairs) for (winner, loser, says), pairs in totals.items()]
    return tuple(
        sorted(rows, key=lambda row: (-row.pairs, row.winner or "", row.loser, row.winner_says or ""))
    )


def fates(cases: Sequence[ConflictCase], policy: str) -> dict[tuple[int, str], int]:
    """Per source (rank) and reason, how many of its pairs it does not get credit for.

    `agreed`: an earlier-named source says the same; `overruled`: another source won; `conflict`: the pair
    was dropped.
    """
    lost: dict[tuple[int, str], int] = {}
    for case in cases:
        decision = decide(case.says, policy)
        for label, mask in enumerate(case.says):
            for rank in ranks(mask):
                if decision is None:
                    reason = "conflict"
                elif label != decision.label:
                    reason = "overruled"
                elif rank != decision.rank:
                    reason = "agreed"
                else:
                    continue
                lost[rank, reason] = lost.get((rank, reason), 0) + case.pairs
    return lost


def ranks(mask: int) -> list[int]:
    """The set bits of a mask.

    >>> ranks(0b101)
    [0, 2]
    """
    return [rank for rank in range(mask.bit_length()) if mask >> rank & 1]


def scale_of(target: str) -> Scale:
    """The scale a training set's labels are steps of."""
    return ORDINAL3 if target == "ordinal" else BINARY


def label_of(scale: Scale, grade: str, target: str) -> int | None:
    """The label a grade becomes; None if a two-level scale cannot say which of two relevant levels it is.

    On the ordinal target what is irrelevant on its own scale stays irrelevant, so both targets agree on
    which grades are relevant.

    >>> from adjudge.records import FOUR
    >>> [label_of(FOUR, grade, "ordinal") for grade in FOUR.grades]
    [0, 0, 1, 2]
    """
    if not scale.relevant(grade):
        return 0
    if target != "ordinal":
        return 1
    if len(scale.relevant_grades) != len(ORDINAL3.relevant_grades):
        return None
    return 1 + scale.relevant_grades.index(grade)


def _first(mask: int) -> int:
    """The lowest set bit: the source named first."""
    return (mask & -mask).bit_length() - 1
