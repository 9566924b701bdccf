"""Items and keyphrases put into words: sellers' titles with their noise, buyers' short queries."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from adjudge.market.assortment import assortment
from adjudge.market.catalogue import Items, Shop, Traits
from adjudge.market.settings import CatalogueSettings
from adjudge.market.texts import Slot, join_in_orders, vocabulary
from adjudge.market.world import Array

TITLE_ORDERS = (
    (0, 1, 2, 3, 4, 5, 7, 8, 6, 9, 10, 11, 12),
    (1, 2, 3, 4, 6, 8, 5, 7, 0, 9, 11, 10, 12),
    (5, 8, 6, 1, 7, 2, 3, 4, 9, 0, 10, 11, 12),
    (9, 0, 5, 1, 6, 8, 2, 3, 4, 7, 10, 12, 11),
)
"""Orders of the title's slots: condition, maker, series (with "for" and the brand fitted), number, suffix,
colour, name, measure, material, filler, filler, filler, stuffing."""

QUERY_ORDERS = (
    (0, 1, 3, 4, 5, 6, 7, 8, 9),
    (1, 3, 4, 5, 6, 7, 8, 9, 0),
    (6, 8, 0, 1, 3, 4, 5, 9, 7),
    (9, 2, 1, 3, 4, 5, 6, 7, 8, 0),
)
"""Orders of the query's slots; the last one is "case for orbit 12", used for accessories only."""


def titles(items: Items, shop: Shop, settings: CatalogueSettings, rng: np.random.Generator) -> pa.Array:
    """Every item's title. Colour is left out if `items.hidden`; fillers and stuffing are noise."""
    words, t, n = assortment(), items.traits, len(items.name)
    accessory = shop.fits[t.kind] > 0
    stuffed = (rng.random(n) < settings.stuffing) & (t.series > 0)
    other = rng.integers(1, len(shop.line_series), size=n)
    fillers = vocabulary(words.fillers)
    few = settings.filler_words / 3
    fill = [_some(rng, n, few, len(words.fillers)) for _ in range(3)]
    model = _models(t, shop, accessory)
    rivals = _phrases("compatible with", shop.series_words.take(pa.array(shop.series_word[shop.line_series])))
    slots: list[Slot] = [
        (_condition_words(), _condition(t, rng)),
        (shop.brands, items.maker),
        model,
        (vocabulary(words.numbers), t.number),
        (vocabulary(words.suffixes), t.suffix),
        (vocabulary(words.colours), np.where(items.hidden, 0, t.colour)),
        (shop.names, items.name),
        (shop.measures, t.measure),
        (shop.materials, t.material),
        *((fillers, chosen) for chosen in fill),
        (rivals, np.where(stuffed, other, 0)),
    ]
    return join_in_orders(slots, TITLE_ORDERS, rng.integers(0, len(TITLE_ORDERS), size=n))


def _some(rng: np.random.Generator, n: int, chance: float, entries: int) -> Array:
    return np.where(rng.random(n) < chance, rng.integers(1, entries + 1, size=n), 0)


def _models(t: Traits, shop: Shop, accessory: Array) -> Slot:
    """The series word; with "for" and the fitted brand in front if the item is an accessory."""
    table = [None]
    series = shop.series_words.to_pylist()
    brands = shop.brands.to_pylist()
    plain = [series[w] for w in shop.series_word[1:]]
    at = np.full(len(shop.series_word), 0, np.int64)
    at[t.series] = t.brand
    fitted = [
        f"for {brands[b] or ''} {word}".replace("  ", " ") for word, b in zip(plain, at[1:], strict=True)
    ]
    table += plain + fitted
    shift = len(plain)
    return pa.array(table, pa.string()), np.where((t.series > 0) & accessory, t.series + shift, t.series)


def _phrases(lead: str, tails: pa.Array) -> pa.Array:
    return pa.array([None if tail is None else f"{lead} {tail}" for tail in tails.to_pylist()], pa.string())


def _condition_words() -> pa.Array:
    return vocabulary([word for group in assortment().condition_words for word in group])


def _condition(t: Traits, rng: np.random.Generator) -> Array:
    """The condition as the seller says it; most leave "new" unsaid."""
    counts = np.array([0, *(len(group) for group in assortment().condition_words)])
    starts = 1 + np.concatenate(([0], np.cumsum(counts)[:-1]))
    n = len(t.condition)
    said = (t.condition > 1) | (rng.random(n) < 0.35)
    phrase = starts[t.condition] + (rng.random(n) * counts[t.condition]).astype(np.int64)
    return np.where(said, phrase, 0)


def queries(t: Traits, name: Slot, shop: Shop, accessory: Array, rng: np.random.Generator) -> pa.Array:
    """Every keyphrase's text: `name` is the word for the kind or family, 0 if it is left unsaid."""
    words = assortment()
    said = [group[0] for group in assortment().condition_words]
    slots: list[Slot] = [
        (vocabulary(said), t.condition),
        (shop.brands, t.brand),
        (vocabulary(["for"]), (t.brand + t.series > 0).astype(np.int64)),
        (shop.series_words, shop.series_word[t.series]),
        (vocabulary(words.numbers), t.number),
        (vocabulary(words.suffixes), t.suffix),
        (vocabulary(words.colours), t.colour),
        (shop.measures, t.measure),
        (shop.materials, t.material),
        name,
    ]
    order = rng.choice(3, size=len(accessory), p=(0.5, 0.3, 0.2))
    fitting = accessory & (name[1] > 0) & (rng.random(len(order)) < 0.4)
    return join_in_orders(slots, QUERY_ORDERS, np.where(fitting, 3, order))
