"""Segmentations of the evidence: all, category, volume (head / tail), words (one / more), source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.scorecard.evidence import Codes, Evidence

OTHER = "(other)"


@dataclass(frozen=True)
class Segmentation:
    """`names` of the segments, and every pair's position among them: int32 [n]."""

    by: str
    names: tuple[str, ...]
    codes: Codes


def segmentations(evidence: Evidence, most_categories: int) -> list[Segmentation]:
    """All segmentations the evidence carries; one with a single segment says nothing and is left out."""
    n = len(evidence)
    found = [
        _top(evidence, most_categories),
        Segmentation("volume", ("head", "tail"), (~evidence.head).astype(np.int32)),
        Segmentation("words", ("one", "more"), (~evidence.one_word).astype(np.int32)),
    ]
    if evidence.source is not None:
        found.append(Segmentation("source", evidence.source_names, evidence.source))
    used = [one for one in found if len(one.names) > 1 and len(np.unique(one.codes)) > 1]
    return [Segmentation("all", ("all",), np.zeros(n, np.int32)), *used]


def _top(evidence: Evidence, most: int) -> Segmentation:
    """Categories with most pairs by name order; the others together."""
    names = evidence.categories
    if len(names) <= most:
        return Segmentation("category", names, evidence.category)
    pairs = np.bincount(evidence.category, minlength=len(names))
    chosen = np.sort(np.argsort(-pairs, kind="stable")[:most])
    to = np.full(len(names), most, np.int32)
    to[chosen] = np.arange(most, dtype=np.int32)
    return Segmentation("category", (*(names[c] for c in chosen), OTHER), to[evidence.category])
