"""What decides a graph, and what decides which of its keyphrases an item gets."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_choice, check_range

ALIGNMENTS = ("lta", "coverage", "jaccard")
UNKNOWN = ("whole", "none")
MOST_WORDS = 64
"""Distinct words of a text that are looked at, at most: alignments are ranked by a table of this size."""


@dataclass(frozen=True)
class GraphSettings:
    """fold_plurals      "shoes" and "shoe" are one word (see `words.cut`)
    phrase_words      a keyphrase of more distinct words is left out, and counted
    min_searches      a keyphrase searched less often is left out, and counted (0 = all)
    min_clicks        clicks on a category's items that make a keyphrase one of that category too (0 = off)
    """

    fold_plurals: bool = True
    phrase_words: int = 16
    min_searches: int = 0
    min_clicks: int = 3

    def __post_init__(self) -> None:
        check_range("GraphSettings", "phrase_words", self.phrase_words, 1, MOST_WORDS)
        check_range("GraphSettings", "min_searches", self.min_searches, 0, 10**12)
        check_range("GraphSettings", "min_clicks", self.min_clicks, 0, 10**12)


@dataclass(frozen=True)
class SearchSettings:
    """per_item       keyphrases an item, at most
    alignment      lta, coverage or jaccard: what candidates are ranked by (`align.py`)
    min_shared     words that title and keyphrase share, at least
    min_alignment  alignment, at least
    unknown        an item whose category the graph does not know (or that has none): `whole` looks through every
                   category's keyphrases, `none` gives it none, and says so
    fill           a category with fewer than `per_item` candidates is filled up from the whole graph
    title_words    distinct words of a title that are looked at: the first ones
    """

    per_item: int = 50
    alignment: str = "lta"
    min_shared: int = 1
    min_alignment: float = 0.0
    unknown: str = "whole"
    fill: bool = False
    title_words: int = 32

    def __post_init__(self) -> None:
        check_range("SearchSettings", "per_item", self.per_item, 1, 100_000)
        check_choice("SearchSettings", "alignment", self.alignment, ALIGNMENTS)
        check_range("SearchSettings", "min_shared", self.min_shared, 1, MOST_WORDS)
        check_range("SearchSettings", "min_alignment", self.min_alignment, 0, MOST_WORDS)
        check_choice("SearchSettings", "unknown", self.unknown, UNKNOWN)
        check_range("SearchSettings", "title_words", self.title_words, 1, MOST_WORDS)
