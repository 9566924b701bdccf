"""Disagreements: the pairs on which models differ most, or on which sources contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.evidence import PairEvidence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Disagreement:
    """A pair's row in the evidence, why it is listed, and the largest gap of two models' ranks of it."""

    why: str
    row: int
    gap: float


def score_ranks(scores: Floats) -> Floats:
    """[n]: share of scored pairs that score lower, 0..1; NaN if unscored.

    >>> score_ranks(np.array([0.2, 0.9, 0.9, np.nan])).round(2)
    array([0.  , 0.33, 0.33,  nan])
    """
    ranks = np.full(len(scores), np.nan)
    order = np.argsort(scores, kind="stable")
    order = order[: int((~np.isnan(scores)).sum())]
    if len(order):
        rising = scores[order]
        starts = np.flatnonzero(np.r_[True, rising[1:] != rising[:-1]])
        ranks[order] = np.repeat(starts / len(order), np.diff(np.r_[starts, len(order)]))
    return ranks


def rank_gaps(pairs: int, scores: Mapping[str, Floats]) -> Floats:
    """[pairs]: the largest difference of two models' score ranks, 0..1; 0 with fewer than two scores.

    Ranks (share of pairs scored lower) make models with differently spread scores comparable.
    """
    top, bottom = np.full(pairs, -np.inf), np.full(pairs, np.inf)
    for values in scores.values():
        ranks = score_ranks(values)
        top, bottom = np.fmax(top, ranks), np.fmin(bottom, ranks)
    return np.where(top > bottom, top - bottom, 0.0)


def pick_disagreements(
    evidence: PairEvidence, scores: Mapping[str, Floats], examples: int
) -> list[Disagreement]:
    """Per kind the `examples` pairs of largest gap, then most impressions.

    Kinds: `models`, and for every two sources `A says relevant, B says not` (clicks only ever say relevant).
    """
    gap = rank_gaps(len(evidence), scores)
    kinds = {"models": evidence.recommended & (gap > 0)}
    sources = {name: s for name, s in evidence.sources.items() if name != "human majority"}
    for (a, yes), (b, no) in permutations(sources.items(), 2):
        kinds[f"{a} says relevant, {b} says not"] = yes.yes & no.known & ~no.yes
    return [
        Disagreement(why, row, float(gap[row]))
        for why, among in kinds.items()
        for row in _largest(evidence, gap, among, examples)
    ]


def _largest(evidence: PairEvidence, gap: Floats, among: Bools, examples: int) -> list[int]:
    rows = np.flatnonzero(among)
    if len(rows) > examples > 0:  # Sort only those that can be among the largest.
        least = np.partition(gap[rows], -examples)[-examples]
        rows = rows[gap[rows] >= least]
    order = np.lexsort((rows, -evidence.impressions[rows], -gap[rows]))
    return [int(row) for row in rows[order][:examples]]


def disagreement_rows(
    evidence: PairEvidence,
    picked: list[Disagreement],
    scores: Mapping[str, Floats],
    kept: Mapping[str, Bools],
    titles: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Rows of results.DISAGREEMENTS. titles: item_id -> title, of the picked items at least."""
    rows = []
    for pair in picked:
        item, keyphrase = evidence.name(pair.row)
        said = (_score(model, scores[model][pair.row], kept[model][pair.row]) for model in scores)
        rows.append(
            {
                "why": pair.why,
                "item_id": item,
                "keyphrase": keyphrase,
                "category": evidence.categories[int(evidence.category[pair.row])],
                "title": titles.get(item),
                "sources": _verdicts(evidence, pair.row),
                "scores": "; ".join(said),
                "gap": pair.gap,
            }
        )
    return rows


def _verdicts(evidence: PairEvidence, row: int) -> str:
    words = [
        f"{name} {'yes' if verdicts.yes[row] else 'no'}"
        for name, verdicts in evidence.sources.items()
        if name != "clicks" and verdicts.known[row]
    ]
    shown = int(evidence.impressions[row])
    if shown:
        words.append(f"{int(evidence.clicks[row])} clicks in {shown} impressions")
    return "; ".join(words)


def _score(model: str, score: float, kept: bool) -> str:
    return f"{model} none" if np.isnan(score) else f"{model} {score:.3f} {'kept' if kept else 'dropped'}"
