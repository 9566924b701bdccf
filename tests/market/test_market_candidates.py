"""Advertising's retrieval: every source brings what it promises, checked pair by pair against the traits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from adjudge.market.candidates import LEAN, Shelf, recommend
from adjudge.market.catalogue import Items, Traits, build_shop, draw_items
from adjudge.market.phrases import Phrases, draw_phrases
from adjudge.market.settings import SOURCES, AdvertisingSettings, CatalogueSettings, MarketSettings
from adjudge.market.texts import token_ids
from adjudge.market.wording import titles
from adjudge.market.world import stream

CATALOGUE = CatalogueSettings(items=800, keyphrases=3_000, pairs_per_item=6)
SHOP = build_shop(2)
ITEMS: Items = draw_items(SHOP, CATALOGUE, stream(2, "items"))
TITLES: pa.Array = titles(ITEMS, SHOP, CATALOGUE, stream(2, "titles"))
PHRASES: Phrases = draw_phrases(ITEMS, SHOP, CATALOGUE, 220.0, stream(2, "keyphrases"))
ITEM_WORDS, PHRASE_WORDS = token_ids(TITLES, PHRASES.text)
ATTRIBUTES = ("colour", "measure", "material", "condition")


def brought(weights: dict[str, float], seed: int = 2, **values: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that retrieval brings with these weights; all other sources are off."""
    advertising = AdvertisingSettings(**(dict.fromkeys(SOURCES, 0.0) | weights))
    settings = MarketSettings(catalogue=dataclasses.replace(CATALOGUE, **values), advertising=advertising)
    return recommend(ITEMS, ITEM_WORDS, PHRASES, PHRASE_WORDS, SHOP, settings, stream(seed, "recommend"))


def sides(source: str) -> tuple[Traits, Traits]:
    """What the items have and what the keyphrases ask for, in the pairs of one source alone."""
    rows, picked = brought({source: 1.0})
    assert len(rows) > 20, source
    return ITEMS.traits.take(rows), PHRASES.traits.take(picked)


def named_alike(has: Traits, want: Traits) -> np.ndarray:
    """How many attributes a keyphrase names that the item has."""
    columns = [(getattr(want, a) > 0) & (getattr(want, a) == getattr(has, a)) for a in ATTRIBUTES]
    return np.sum(columns, axis=0)


def test_line_brings_the_items_own_model() -> None:
    has, want = sides("line")
    for name in ("series", "number", "suffix", "kind"):
        assert np.array_equal(getattr(has, name), getattr(want, name)), name


def test_brand_brings_brand_and_kind_without_attributes() -> None:
    has, want = sides("brand")
    assert np.array_equal(has.kind, want.kind)
    assert np.array_equal(has.brand, want.brand)
    assert not any(getattr(want, name).any() for name in ATTRIBUTES)


def test_kind_brings_the_bare_kind() -> None:
    has, want = sides("kind")
    assert np.array_equal(has.kind, want.kind)
    assert not (want.brand | want.series | want.colour | want.measure | want.material).any()


def test_attribute_brings_an_attribute_of_the_item() -> None:
    has, want = sides("attribute")
    assert np.array_equal(has.kind, want.kind)
    assert (named_alike(has, want) >= 1).all()
    assert not (want.brand | want.series).any()


def test_attributes_bring_two_of_the_item() -> None:
    has, want = sides("attributes")
    assert np.array_equal(has.kind, want.kind)
    assert (named_alike(has, want) >= 2).all()


def test_broad_brings_the_family_word() -> None:
    has, want = sides("broad")
    assert not want.kind.any()
    assert np.array_equal(has.family, want.family)


def test_model_brings_the_series_of_its_own_kind_of_thing() -> None:
    has, want = sides("model")
    assert np.array_equal(has.series, want.series)
    assert np.array_equal(SHOP.fits[has.kind] > 0, SHOP.fits[want.kind] > 0)


def test_relative_brings_the_other_kind_of_thing() -> None:
    """A phone's keyphrases for its case, and a case's for the phone."""
    has, want = sides("relative")
    assert np.array_equal(has.series, want.series)
    assert (SHOP.fits[has.kind] > 0).any()
    assert np.array_equal(SHOP.fits[has.kind] > 0, ~(SHOP.fits[want.kind] > 0))


def test_rival_brings_the_kind_under_any_brand() -> None:
    has, want = sides("rival")
    assert np.array_equal(has.kind, want.kind)
    branded = want.brand > 0
    assert branded.any()
    assert (has.brand[branded] != want.brand[branded]).mean() > 0.3


def test_same_brand_brings_any_kind() -> None:
    has, want = sides("same_brand")
    assert np.array_equal(has.brand, want.brand)
    assert (has.kind != want.kind).any()


def test_word_brings_a_shared_word() -> None:
    rows, picked = brought({"word": 1.0})
    texts, keyphrases = TITLES.to_pylist(), PHRASES.text.to_pylist()
    for row, phrase in zip(rows.tolist(), picked.tolist(), strict=True):
        assert set(texts[row].split()) & set(keyphrases[phrase].split())


def test_pairs_are_distinct_sorted_and_bounded() -> None:
    weights = dataclasses.asdict(AdvertisingSettings())
    rows, picked = brought(weights)
    key = rows * len(PHRASES.volume) + picked
    assert (np.diff(key) > 0).all()
    assert len(rows) <= CATALOGUE.items * CATALOGUE.pairs_per_item
    few, _ = brought(weights, pairs_per_item=2)
    assert len(few) <= 2 * CATALOGUE.items < len(rows)


def test_draws_lean_to_the_head_of_a_shelf() -> None:
    """A uniform draw to the power 1.6 has the mean 1 / 2.6 = 0.385: that far down its shelf a pick stands on
    average."""
    keys, volume = np.ones(1_000, np.int64), np.arange(1_000, 0, -1.0)
    shelf = Shelf.file(keys, np.arange(1_000), volume)
    share = np.random.default_rng(0).random(50_000) ** LEAN
    picked, filed = shelf.pick(np.ones(len(share), np.int64), share)
    assert filed.all()
    assert picked.mean() / 1_000 == pytest.approx(1 / 2.6, abs=0.01)


def test_weights_are_normalised() -> None:
    once, twice = brought({"line": 1.0, "word": 1.0}), brought({"line": 10.0, "word": 10.0})
    assert np.array_equal(once[0], twice[0])
    assert np.array_equal(once[1], twice[1])


@pytest.mark.parametrize("seed", [3, 4])
def test_the_seed_decides(seed: int) -> None:
    again = brought({"word": 1.0}, seed=seed)
    assert np.array_equal(again[1], brought({"word": 1.0}, seed=seed)[1])
    assert not np.array_equal(again[1], brought({"word": 1.0})[1])
