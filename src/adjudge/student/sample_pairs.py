"""Unlabelled pairs of a catalogue, for a teacher to grade: pairs that a retriever might bring, and pairs that
none would.

`unlabelled.draw` picks by a grade of every pair, which a slice affords; here items and keyphrases may be
many, so pairs are drawn by a word they share, by a category they share, and at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from adjudge.config import setting, settings
from adjudge.errors import BadConfig, NotEnoughData

Ints = NDArray[np.int64]
_WORDS = r"[^\p{L}\p{N}]+"


@settings
class PlausibleSettings:
    """How unlabelled pairs are drawn from items and keyphrases: by a shared word, by category, by chance."""

    pairs: Annotated[
        int, setting("Pairs drawn; repeats count once, so fewer may come back.", ge=1, le=10**9)
    ] = 200_000
    word: Annotated[float, setting("Weight of pairs that share a word.", ge=0, le=1e6)] = 0.6
    category: Annotated[float, setting("Weight of pairs of one category.", ge=0, le=1e6)] = 0.2
    chance: Annotated[float, setting("Weight of pairs by chance.", ge=0, le=1e6)] = 0.2

    def __post_init__(self) -> None:
        if self.word + self.category + self.chance <= 0:
            raise BadConfig("PlausibleSettings: word, category and chance are all 0; one must be above 0")


@dataclass(frozen=True)
class Lists:
    """Ragged lists of places: list k is `members[starts[k] : starts[k] + sizes[k]]`."""

    members: Ints
    starts: Ints
    sizes: Ints

    def one_of(self, lists: Ints, rng: np.random.Generator) -> Ints:
        """A random member of each list, -1 where it is empty."""
        sizes = self.sizes[lists]
        offset = (rng.random(len(lists)) * sizes).astype(np.int64)
        member = self.members[np.minimum(self.starts[lists] + offset, max(0, len(self.members) - 1))]
        return np.where(sizes > 0, member, -1)


def draw(
    items: pa.Table, keyphrases: pa.Table, settings: PlausibleSettings, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """About `settings.pairs` distinct (row of `items`, row of `keyphrases`), sorted.

    `items` has title and perhaps category, `keyphrases` keyphrase and perhaps category. Raises NotEnoughData
    where one is empty.
    """
    if not len(items) or not len(keyphrases):
        raise NotEnoughData(
            f"unlabelled pairs need items and keyphrases; seen: {len(items)} and {len(keyphrases)}. Check "
            "the logs folder."
        )
    weights = np.array([settings.word, settings.category, settings.chance])
    way = rng.choice(3, settings.pairs, p=weights / weights.sum())
    item = rng.integers(0, len(items), settings.pairs)
    keyphrase = rng.integers(0, len(keyphrases), settings.pairs)
    ways = (
        _by_word(items["title"], keyphrases["keyphrase"], item[way == 0], rng),
        _by_category(items, keyphrases, item[way == 1], rng),
    )
    for number, picked in enumerate(ways):
        chosen = keyphrase[way == number]
        keyphrase[way == number] = np.where(picked >= 0, picked, chosen)
    both = np.unique(item * len(keyphrases) + keyphrase)
    return both // len(keyphrases), both % len(keyphrases)


def _by_word(titles: pa.ChunkedArray, phrases: pa.ChunkedArray, item: Ints, rng: np.random.Generator) -> Ints:
    """A keyphrase that shares a random word of the item's title, where one does."""
    title_of, title_words = _words(titles)
    phrase_of, phrase_words = _words(phrases)
    known = pc.unique(phrase_words)
    word_of_phrase = pc.index_in(phrase_words, known).to_numpy(zero_copy_only=False)
    word_of_title = pc.fill_null(pc.index_in(title_words, known), -1).to_numpy(zero_copy_only=False)
    phrases_of_word = _lists(word_of_phrase, phrase_of, len(known))
    listed = word_of_title >= 0
    words_of_title = _lists(title_of[listed], word_of_title[listed], len(titles))
    word = words_of_title.one_of(item, rng)
    return np.where(word >= 0, phrases_of_word.one_of(np.maximum(word, 0), rng), -1)


def _by_category(items: pa.Table, keyphrases: pa.Table, item: Ints, rng: np.random.Generator) -> Ints:
    """A keyphrase of the item's category, where both have one."""
    if "category" not in items.column_names or "category" not in keyphrases.column_names:
        return np.full(len(item), -1)
    known = pc.unique(keyphrases["category"]).drop_null()
    if not len(known):
        return np.full(len(item), -1)
    of_phrase, of_item = (
        pc.fill_null(pc.index_in(table["category"], known), -1).to_numpy().astype(np.int64)
        for table in (keyphrases, items)
    )
    known = np.flatnonzero(of_phrase >= 0)
    lists = _lists(of_phrase[known], known, len(known))
    asked = of_item[item]
    return np.where(asked >= 0, lists.one_of(np.maximum(asked, 0), rng), -1)


def _words(texts: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Lower-case words of texts in order, and the text each is from."""
    whole = pc.fill_null(texts.combine_chunks().cast(pa.string()), "")
    split = pc.split_pattern_regex(pc.utf8_lower(whole), _WORDS)
    words, of = split.flatten(), pc.list_parent_indices(split).to_numpy(zero_copy_only=False)
    filled = pc.not_equal(words, "")
    return of[filled.to_numpy(zero_copy_only=False)].astype(np.int64), words.filter(filled)


def _lists(list_of: Ints, member: Ints, number: int) -> Lists:
    order = np.argsort(list_of, kind="stable")
    sizes = np.bincount(list_of, minlength=number).astype(np.int64)
    return Lists(member[order].astype(np.int64), np.cumsum(sizes) - sizes, sizes)
