"""Evidence made of a few lists, for tests of what comes after the joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge.scorecard.evidence import PairEvidence, SourceVerdicts

QUANTITIES = ("clicks", "sales", "revenue", "later_clicks", "later_sales", "search")


def verdicts(said: str) -> SourceVerdicts:
    """One character per pair: y, n, or . if the source says nothing."""
    return SourceVerdicts(np.array([c == "y" for c in said]), np.array([c != "." for c in said]))


def codes(values: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    names = tuple(sorted(set(values)))
    return names, np.array([names.index(value) for value in values], np.int32)


def small_evidence(
    pairs: Sequence[str],
    category: Mapping[str, str] | None = None,
    truth: str = "",
    search: str = "",
    sources: Mapping[str, str] | None = None,
    grades: Sequence[int | None] | None = None,
    groups: Sequence[str] | None = None,
    has: Sequence[str] = QUANTITIES,
    **columns: Sequence[Any],
) -> PairEvidence:
    """pairs: `item keyphrase`, sorted. truth, search, sources: see `verdicts`. columns: any column of the
    evidence."""
    n = len(pairs)
    assert list(pairs) == sorted(pairs, key=lambda pair: pair.split(" ", 1)), "evidence is sorted"
    items, item = codes([pair.split(" ", 1)[0] for pair in pairs])
    phrases, phrase = codes([pair.split(" ", 1)[1] for pair in pairs])
    names, of_pair = codes([(category or {}).get(pair.split(" ", 1)[0], "(none)") for pair in pairs])
    nothing = "." * n
    numbers = {
        name: np.array(columns.pop(name, [0] * n), np.float64 if name == "revenue" else np.int64)
        for name in ("impressions", "clicks", "sales", "revenue", "later_clicks", "later_sales")
    }
    flags = {
        name: np.array(columns.pop(name, [default] * n), bool)
        for name, default in (("recommended", True), ("head", False))
    }
    assert not columns, f"no such column: {columns}"
    group_names, group = codes(groups) if groups is not None else ((), None)
    steps = grades or [None] * n
    return PairEvidence(
        items=pa.array(items),
        keyphrases=pa.array(phrases),
        categories=names,
        item=item,
        keyphrase=phrase,
        category=of_pair,
        **numbers,
        **flags,
        search=verdicts(search or nothing),
        truth=verdicts(truth or nothing),
        labels="truth",
        grade=np.array([step or 0 for step in steps], np.int8),
        graded=np.array([step is not None for step in steps]),
        one_word=np.array([" " not in pair.split(" ", 1)[1] for pair in pairs]),
        sources={name: verdicts(said) for name, said in (sources or {}).items()},
        has=frozenset(has),
        source=group,
        source_names=group_names,
    )
