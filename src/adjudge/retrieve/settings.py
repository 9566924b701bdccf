"""Settings of the keyphrase graph, and of the search for an item's candidates in it."""

from __future__ import annotations

from typing import Annotated

from adjudge.config import setting, settings

ALIGNMENTS = ("lta", "coverage", "jaccard")
UNKNOWN = ("whole", "none")
MOST_WORDS = 64
"""Distinct words of a text that are looked at, at most: alignments are ranked by a table of this size."""


@settings
class GraphSettings:
    """Which keyphrases a graph holds, and under which categories."""

    fold_plurals: Annotated[bool, setting('Whether "shoes" and "shoe" are one word.')] = True
    phrase_words: Annotated[
        int,
        setting(
            "Distinct words of a keyphrase, at most; longer ones are left out and counted.",
            ge=1,
            le=MOST_WORDS,
        ),
    ] = 16
    min_searches: Annotated[
        int,
        setting(
            "Searches of a keyphrase, at least (0 = all); rarer ones are left out and counted.",
            ge=0,
            le=10**12,
        ),
    ] = 0
    min_clicks: Annotated[
        int,
        setting(
            "Clicks on a category's items that make a keyphrase one of that category too (0 = off).",
            ge=0,
            le=10**12,
        ),
    ] = 3


@settings
class RetrievalSettings:
    """Which of a graph's keyphrases an item gets."""

    per_item: Annotated[int, setting("Keyphrases per item, at most.", ge=1, le=100_000)] = 50
    alignment: Annotated[
        str, setting("What candidates are ranked by (docs/retrieve.md).", choices=ALIGNMENTS)
    ] = "lta"
    min_shared: Annotated[
        int, setting("Words that title and keyphrase share, at least.", ge=1, le=MOST_WORDS)
    ] = 1
    min_alignment: Annotated[float, setting("Alignment, at least.", ge=0, le=MOST_WORDS)] = 0.0
    unknown: Annotated[
        str,
        setting(
            "An item whose category the graph does not know, or that has none. whole: search the keyphrases "
            "of "
            "every category; none: give it none, with that reason.",
            choices=UNKNOWN,
        ),
    ] = "whole"
    fill: Annotated[
        bool,
        setting("Whether an item with fewer than `per_item` candidates is filled up from the whole graph."),
    ] = False
    title_words: Annotated[
        int, setting("Distinct words of a title that are looked at, the first ones.", ge=1, le=MOST_WORDS)
    ] = 32
