"""Candidate search and ranking: sorted integer keys instead of a loop over items.

A step takes as many titles as reach EDGES edges. Every edge (title, keyphrase) becomes one int64; sorting
them puts a title's hits on one keyphrase side by side, so that their count is the number of shared words. A
second sort, by (title, place of the alignment, keyphrase), is the ranking: keyphrases are numbered in the
order of ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adjudge.retrieve.align import PLACE_BITS, over, places
from adjudge.retrieve.graph import WHOLE, Graph
from adjudge.retrieve.settings import RetrievalSettings
from adjudge.retrieve.words import cut

EDGES = 200_000
"""Edges per step: an array of 1.6 MB stays in the cache; 2 million edges ran a quarter slower. A title with
more is a step of its own."""
_ROW_BITS, _PHRASE_BITS = 16, 31
_ROWS = 1 << _ROW_BITS
_PHRASES = (1 << _PHRASE_BITS) - 1


@dataclass(frozen=True)
class Candidates:
    """Candidates by title and rank: title `row`, keyphrase number `phrase`, `rank` from 1, `alignment`."""

    row: np.ndarray
    phrase: np.ndarray
    rank: np.ndarray
    alignment: np.ndarray


@dataclass(frozen=True)
class TitleWords:
    """The known words of many titles: title `row` (rising) and `word`; `size`: all words of each title."""

    row: np.ndarray
    word: np.ndarray
    size: np.ndarray


def search(
    graph: Graph,
    titles: pa.Array | pa.ChunkedArray,
    categories: pa.Array | pa.ChunkedArray,
    settings: RetrievalSettings,
) -> Candidates:
    """The best keyphrases of each title, at most `per_item`, best alignment first, ties as the graph numbers
    them.

    `titles` and `categories` are string arrays of one length; nulls allowed. Deterministic.
    """
    titles, categories = (
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        for column in (titles, categories)
    )
    words = _title_words(graph, titles, settings)
    names = [name and name.strip() for name in categories.dictionary_encode().dictionary.to_pylist()]
    numbers = np.array([graph.categories.get(name, -1) if name else -1 for name in [*names, None]])
    codes = categories.dictionary_encode().indices
    category = numbers[codes.fill_null(len(names)).to_numpy(zero_copy_only=False)]
    if settings.unknown == "whole":
        category = np.where(category < 0, WHOLE, category)
    candidates = _pass(graph, words, category, settings)
    if not settings.fill:
        return candidates
    return _filled(graph, words, category, candidates, settings)


def _title_words(graph: Graph, titles: pa.Array, settings: RetrievalSettings) -> TitleWords:
    cuts = cut(titles, graph.about.settings.fold_plurals, settings.title_words)
    number = np.array([graph.words.get(word, -1) for word in cuts.words.to_pylist()] or [0], np.int64)
    word = number[cuts.word]
    return TitleWords(cuts.row[word >= 0], word[word >= 0], cuts.counts)


def _pass(graph: Graph, words: TitleWords, category: np.ndarray, settings: RetrievalSettings) -> Candidates:
    """Candidates of each title from one category per title (below 0: none)."""
    at, row = _places(graph, words, category)
    degree = graph.starts[at + 1] - graph.starts[at]
    parts = []
    for first, last in _steps(row, degree, len(category)):
        entries = slice(*np.searchsorted(row, (first, last)))
        hits = _hits(graph, at[entries], degree[entries], row[entries] - first)
        ranked = _ranked(graph, *hits, words.size[first:last], settings)
        parts.append(Candidates(ranked.row + first, ranked.phrase, ranked.rank, ranked.alignment))
    if not parts:
        none = np.empty(0, np.int64)
        return Candidates(none, none, none, np.empty(0))
    return Candidates(*(np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])))


def _places(graph: Graph, words: TitleWords, category: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in `keys` each title's words are, and of which title; words that the category lacks fall away."""
    wanted = category[words.row] * len(graph.words) + words.word
    at = np.minimum(np.searchsorted(graph.keys, wanted), len(graph.keys) - 1)
    present = (graph.keys[at] == wanted) & (category[words.row] >= 0)
    return at[present], words.row[present]


def _steps(row: np.ndarray, degree: np.ndarray, rows: int) -> list[tuple[int, int]]:
    """Ranges of titles with at most EDGES edges and _ROWS titles each."""
    total = np.cumsum(np.bincount(row, weights=degree, minlength=rows)).astype(np.int64)
    steps, first = [], 0
    while first < rows:
        before = total[first - 1] if first else 0
        last = int(np.searchsorted(total, before + EDGES, side="right"))
        last = min(max(last, first + 1), first + _ROWS, rows)
        if total[last - 1] > before:
            steps.append((first, last))
        first = last
    return steps


def _hits(
    graph: Graph, at: np.ndarray, degree: np.ndarray, row: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Titles, keyphrases and the words they share, by title and keyphrase."""
    ends = np.cumsum(degree)
    edge = np.repeat(graph.starts[at] - (ends - degree), degree) + np.arange(ends[-1])
    both = np.repeat(row << _PHRASE_BITS, degree) | graph.edges[edge]
    both.sort()
    new = np.flatnonzero(np.concatenate(([True], both[1:] != both[:-1])))
    shared = np.diff(np.append(new, len(both)))
    both = both[new]
    return both >> _PHRASE_BITS, both & _PHRASES, shared


def _ranked(
    graph: Graph,
    row: np.ndarray,
    phrase: np.ndarray,
    shared: np.ndarray,
    size: np.ndarray,
    settings: RetrievalSettings,
) -> Candidates:
    """The best `per_item` of each title."""
    order, value = places()
    below = over(settings.alignment, shared, graph.lengths[phrase].astype(np.int64), size[row])
    at = order[shared, below]
    good = (shared >= settings.min_shared) & (value[at] >= settings.min_alignment)
    key = (row << (_PHRASE_BITS + PLACE_BITS)) | (at << _PHRASE_BITS) | phrase
    key = key[good]
    key.sort()
    row = key >> (_PHRASE_BITS + PLACE_BITS)
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(len(size)))[row] + 1
    top = rank <= settings.per_item
    key = key[top]
    alignment = value[(key >> _PHRASE_BITS) & ((1 << PLACE_BITS) - 1)]
    return Candidates(row[top], key & _PHRASES, rank[top], alignment)


def _filled(
    graph: Graph, words: TitleWords, category: np.ndarray, first: Candidates, settings: RetrievalSettings
) -> Candidates:
    """`first`, and after it the whole graph's candidates for titles that have room left."""
    have = np.bincount(first.row, minlength=len(category))
    short = (have < settings.per_item) & (category > WHOLE)
    more = _pass(graph, words, np.where(short, WHOLE, -1), settings)
    fresh = ~np.isin((more.row << _PHRASE_BITS) | more.phrase, (first.row << _PHRASE_BITS) | first.phrase)
    row = np.concatenate((first.row, more.row[fresh]))
    phrase = np.concatenate((first.phrase, more.phrase[fresh]))
    alignment = np.concatenate((first.alignment, more.alignment[fresh]))
    order = np.argsort(row, kind="stable")
    row, phrase, alignment = row[order], phrase[order], alignment[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(len(category)))[row] + 1
    top = rank <= settings.per_item
    return Candidates(row[top], phrase[top], rank[top], alignment[top])
