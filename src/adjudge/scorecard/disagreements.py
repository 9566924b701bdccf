"""The pairs worth reading: where models differ most, and where sources contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.agreement import score_ranks
from adjudge.scorecard.evidence import Evidence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def gaps(evidence: Evidence, scores: Mapping[str, Floats]) -> Floats:
    """[n]: the largest difference between two models' score ranks on a pair, 0..1; 0 with fewer than two scores.

    Ranks (share of pairs scored lower) make models with differently spread scores comparable.
    """
    top = np.full(len(evidence), -np.inf)
    bottom = np.full(len(evidence), np.inf)
    for values in scores.values():
        ranks = score_ranks(values)
        top, bottom = np.fmax(top, ranks), np.fmin(bottom, ranks)
    return np.where(top > bottom, top - bottom, 0.0)


def pick(evidence: Evidence, scores: Mapping[str, Floats], examples: int) -> list[tuple[str, int, float]]:
    """(why, row, gap): per kind the `examples` recommended pairs of largest gap, then most impressions.

    Kinds: `models`, and for every two sources `A says relevant, B says not` (clicks only ever say relevant).
    """
    gap = gaps(evidence, scores)
    found = [
        ("models", row, gap[row]) for row in _top(evidence, gap, evidence.recommended & (gap > 0), examples)
    ]
    sources = {name: s for name, s in evidence.sources.items() if name != "human majority"}
    for (a, yes), (b, no) in permutations(sources.items(), 2):
        conflict = yes.yes & no.known & ~no.yes
        rows = _top(evidence, gap, conflict, examples)
        found += [(f"{a} says relevant, {b} says not", row, gap[row]) for row in rows]
    return found


def _top(evidence: Evidence, gap: Floats, among: Bools, examples: int) -> list[int]:
    rows = np.flatnonzero(among)
    if len(rows) > examples > 0:
        least = np.partition(gap[rows], -examples)[-examples]
        rows = rows[gap[rows] >= least]
    order = np.lexsort((rows, -evidence.impressions[rows], -gap[rows]))
    return [int(row) for row in rows[order][:examples]]


def rows(
    evidence: Evidence,
    picked: list[tuple[str, int, float]],
    scores: Mapping[str, Floats],
    kept: Mapping[str, Bools],
    titles: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Rows of results.DISAGREEMENTS. titles: item_id -> title, of the picked items at least."""
    found = []
    for why, row, gap in picked:
        item = evidence.items[int(evidence.item[row])].as_py()
        found.append(
            {
                "why": why,
                "item_id": item,
                "keyphrase": evidence.keyphrases[int(evidence.keyphrase[row])].as_py(),
                "category": evidence.categories[int(evidence.category[row])],
                "title": titles.get(item),
                "sources": _verdicts(evidence, row),
                "scores": "; ".join(_score(model, scores[model][row], kept[model][row]) for model in scores),
                "gap": float(gap),
            }
        )
    return found


def _verdicts(evidence: Evidence, row: int) -> str:
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
