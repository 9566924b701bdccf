"""Advertising's retrieval: which keyphrases are recommended for which item.

Each draw takes one source (`AdvertisingSettings`) and picks from the keyphrases filed under the item's key in
that source, leaning to those with volume. True matches, near misses and plain mistakes all come from the same
shelves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adjudge.market.catalogue import Items, Shop, Traits
from adjudge.market.phrases import Phrases
from adjudge.market.settings import SOURCES, MarketSettings
from adjudge.market.world import Array

LEAN = 1.6
"""Exponent on a uniform draw: how strongly a pick leans to the head of a shelf."""


@dataclass(frozen=True)
class Shelf:
    """Keyphrases filed by an integer key, busiest first."""

    keys: Array
    start: Array
    members: Array

    @classmethod
    def file(cls, keys: Array, phrases: Array, volume: Array) -> Shelf:
        """File `phrases` (indices) under `keys`; key 0 means "not on this shelf"."""
        on = keys > 0
        keys, phrases = keys[on], phrases[on]
        order = np.lexsort((-volume[phrases], keys))
        filed, start = np.unique(keys[order], return_index=True)
        return cls(filed, np.append(start, len(order)), phrases[order])

    def pick(self, keys: Array, share: Array) -> tuple[Array, Array]:
        """The keyphrase at `share` (in [0, 1)) of each key's run, and whether the key is filed at all."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        row = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        count = self.start[row + 1] - self.start[row]
        return self.members[self.start[row] + (share * count).astype(np.int64)], self.keys[row] == keys


def recommend(
    items: Items,
    item_words: Array,
    phrases: Phrases,
    phrase_words: Array,
    shop: Shop,
    settings: MarketSettings,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Distinct (item, keyphrase) index pairs, sorted by item; about `pairs_per_item` per item."""
    n, wanted = len(items.name), settings.catalogue.pairs_per_item
    weights = np.array(settings.advertising.weights)
    shelves = _shelves(phrases, phrase_words, shop)
    rows = np.repeat(np.arange(n), int(np.ceil(wanted * 2.4)) + 2)
    source = rng.choice(len(weights), size=len(rows), p=weights / weights.sum())
    picked, filed = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
    share = rng.random(len(rows)) ** LEAN
    for number, name in enumerate(SOURCES):
        at = np.flatnonzero(source == number)
        keys = _keys(name, rows[at], items, item_words, shop, rng)
        picked[at], filed[at] = shelves[name].pick(keys, share[at])
    pair = np.unique(rows[filed] * len(phrases.volume) + picked[filed])
    most = n * wanted
    if len(pair) > most:
        pair = np.sort(rng.choice(pair, size=most, replace=False, shuffle=False))
    return pair // len(phrases.volume), pair % len(phrases.volume)


def _shelves(phrases: Phrases, phrase_words: Array, shop: Shop) -> dict[str, Shelf]:
    """One shelf per source."""
    t, v = phrases.traits, phrases.volume
    every = np.arange(len(v))
    attributes = (t.colour > 0).astype(int) + (t.measure > 0) + (t.material > 0) + (t.condition > 0)
    no_brand = (t.kind > 0) & (t.brand == 0) & (t.series == 0)
    of_brand = t.kind.astype(np.int64) * len(shop.brands) + t.brand
    of_series = t.series.astype(np.int64) * 2 + (shop.fits[t.kind] > 0)
    phrase, position = np.nonzero(phrase_words)
    keys = {
        "line": np.where((t.series > 0) & (t.number > 0), _line_key(t, t.kind), 0),
        "brand": np.where((t.kind > 0) & (t.brand > 0) & (attributes == 0), of_brand, 0),
        "kind": np.where(no_brand & (attributes == 0), t.kind, 0),
        "broad": np.where(t.kind == 0, t.family, 0),
        "model": np.where(t.series > 0, of_series, 0),
        "rival": np.where((t.brand > 0) | (t.series > 0), t.kind, 0),
        "relative": np.where(t.series > 0, of_series, 0),
        "same_brand": t.brand,
    }
    shelves = {name: Shelf.file(key, every, v) for name, key in keys.items()}
    shelves["word"] = Shelf.file(phrase_words[phrase, position].astype(np.int64), phrase, v)
    single = [np.where(no_brand & (getattr(t, name) > 0), _attribute_key(t, name), 0) for name in _ATTRIBUTES]
    shelves["attribute"] = Shelf.file(np.concatenate(single), np.tile(every, len(single)), v)
    both = [np.where(no_brand, _pair_key(t, *pair), 0) for pair in _PAIRS]
    shelves["attributes"] = Shelf.file(np.concatenate(both), np.tile(every, len(both)), v)
    return shelves


_ATTRIBUTES = ("colour", "measure", "material", "condition")


def _attribute_key(t: Traits, name: str) -> Array:
    """A key for (kind, attribute, value): values stay below 256, attributes below 8."""
    return (t.kind.astype(np.int64) * 8 + _ATTRIBUTES.index(name)) * 256 + getattr(t, name)


_PAIRS = tuple(combinations(_ATTRIBUTES, 2))


def _pair_key(t: Traits, left: str, right: str) -> Array:
    """A key for (kind, two attributes, their values); 0 if either is not named."""
    a, b = getattr(t, left), getattr(t, right)
    key = ((t.kind.astype(np.int64) * 8 + _PAIRS.index((left, right))) * 256 + a) * 256 + b
    return np.where((a > 0) & (b > 0), key, 0)


def _line_key(t: Traits, kind: Array) -> Array:
    """A key for (series, number, suffix, kind): numbers stay below 64, suffixes below 8, kinds below 1024."""
    return ((t.series.astype(np.int64) * 64 + t.number) * 8 + t.suffix) * 1024 + kind


def _keys(
    source: str, rows: Array, items: Items, item_words: Array, shop: Shop, rng: np.random.Generator
) -> Array:
    """What to look up on a source's shelf for each item row; 0 finds nothing."""
    t = items.traits.take(rows)
    series = t.series.astype(np.int64)
    is_part = shop.fits[t.kind] > 0
    if source == "word":
        spoken = np.count_nonzero(item_words[rows], axis=1)
        return item_words[rows, (rng.random(len(rows)) * spoken).astype(np.int64)]
    if source == "attribute":
        single = np.stack([np.where(getattr(t, a) > 0, _attribute_key(t, a), 0) for a in _ATTRIBUTES])
        return single[rng.integers(0, len(single), size=len(rows)), np.arange(len(rows))]
    if source == "attributes":
        both = np.stack([_pair_key(t, *pair) for pair in _PAIRS])
        return both[rng.integers(0, len(both), size=len(rows)), np.arange(len(rows))]
    return {
        "line": lambda: np.where(series > 0, _line_key(t, t.kind), 0),
        "brand": lambda: t.kind.astype(np.int64) * len(shop.brands) + t.brand,
        "kind": lambda: t.kind,
        "broad": lambda: t.family,
        "model": lambda: np.where(series > 0, series * 2 + is_part, 0),
        "rival": lambda: t.kind,
        "relative": lambda: np.where(series > 0, series * 2 + ~is_part, 0),
        "same_brand": lambda: t.brand,
    }[source]()
