"""Segmentations of the evidence: all, category, volume (head / tail), words (one / more), source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.scorecard.evidence import Codes, PairEvidence

OTHER = "(other)"


@dataclass(frozen=True)
class Segmentation:
    """`names` of the segments, and every pair's position among them: int32 [n]."""

    by: str
    names: tuple[str, ...]
    codes: Codes


def segmentations(evidence: PairEvidence, most_categories: int) -> list[Segmentation]:
    """All segmentations that the evidence carries; one with a single segment says nothing and is left out."""
    candidates = [
        _largest_categories(evidence, most_categories),
        Segmentation("volume", ("head", "tail"), (~evidence.head).astype(np.int32)),
        Segmentation("words", ("one", "more"), (~evidence.one_word).astype(np.int32)),
    ]
    if evidence.source is not None:
        candidates.append(Segmentation("source", evidence.source_names, evidence.source))
    everything = Segmentation("all", ("all",), np.zeros(len(evidence), np.int32))
    return [everything, *(s for s in candidates if len(s.names) > 1 and len(np.unique(s.codes)) > 1)]


def _largest_categories(evidence: PairEvidence, most: int) -> Segmentation:
    """The categories with most pairs in name order, and the others together."""
    names = evidence.categories
    if len(names) <= most:
        return Segmentation("category", names, evidence.category)
    pairs = np.bincount(evidence.category, minlength=len(names))
    chosen = np.sort(np.argsort(-pairs, kind="stable")[:most])
    code = np.full(len(names), most, np.int32)
    code[chosen] = np.arange(most, dtype=np.int32)
    return Segmentation("category", (*(names[c] for c in chosen), OTHER), code[evidence.category])
