"""Keyphrases: drawn from the items' own traits, distinct, with Zipf volume, and put into words."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest

from adjudge.market.assortment import assortment
from adjudge.market.catalogue import Traits, build_shop, draw_items
from adjudge.market.phrases import PATTERNS, Phrases, _head_first, draw_phrases
from adjudge.market.settings import CatalogueSettings
from adjudge.market.wording import TITLE_ORDERS, titles
from adjudge.market.world import stream

SETTINGS = CatalogueSettings(items=3_000, keyphrases=6_000)
SHOP = build_shop(5)
ITEMS = draw_items(SHOP, SETTINGS, stream(5, "items"))
WORDS = assortment()


def drawn(**values: float) -> Phrases:
    settings = dataclasses.replace(SETTINGS, **values)  # type: ignore[arg-type]
    return draw_phrases(ITEMS, SHOP, settings, 220.0, stream(5, "keyphrases"))


PHRASES = drawn()


def test_texts_are_distinct_and_bounded_in_number() -> None:
    texts = PHRASES.text.to_pylist()
    assert len(texts) == len(set(texts)) <= SETTINGS.keyphrases
    assert all(text == " ".join(text.split()) for text in texts)
    assert len(drawn(keyphrases=500).volume) == 500


def test_word_counts_are_the_texts_own() -> None:
    assert PHRASES.words.tolist() == [len(text.split(" ")) for text in PHRASES.text.to_pylist()]


def test_one_word_keyphrases_survive_the_cut_by_hand() -> None:
    """Rows 1 and 3 have one word: they come first, then the others in the order given."""
    order, length = np.array([2, 1, 0, 3, 4]), np.array([2, 1, 3, 1, 2])
    assert _head_first(order, length, 4).tolist() == [1, 3, 2, 0]
    assert _head_first(order, length, 1).tolist() == [1]


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0])
def test_volume_is_zipf_by_rank(exponent: float) -> None:
    volume = np.sort(drawn(zipf=exponent).volume)[::-1]
    assert volume.mean() == pytest.approx(220.0)
    ranks = np.arange(1, len(volume) + 1)
    assert np.allclose(volume, volume[0] / ranks**exponent)


def test_short_keyphrases_are_searched_more() -> None:
    short, long = PHRASES.words <= 2, PHRASES.words >= 4
    assert np.median(PHRASES.volume[short]) > 1.5 * np.median(PHRASES.volume[long])


def test_what_a_keyphrase_asks_for_exists() -> None:
    """Every keyphrase with a series asks for a (brand, series, number, suffix) that some item has."""
    columns = ("series", "number", "suffix")
    sold = set(zip(*(getattr(ITEMS.traits, c).tolist() for c in columns), strict=True))
    t = PHRASES.traits
    whole = (t.series > 0) & (t.number > 0)
    wanted = set(zip(*(getattr(t, c)[whole].tolist() for c in columns), strict=True))
    assert wanted <= sold
    assert whole.sum() > 100


def test_a_broad_keyphrase_names_a_family_and_no_kind() -> None:
    broad = PHRASES.traits.kind == 0
    assert 0.0 < broad.mean() < 0.2
    assert (PHRASES.traits.family[broad] > 0).all()
    family_of_kind = SHOP.family[PHRASES.traits.kind[~broad]]
    assert np.array_equal(PHRASES.traits.family[~broad], family_of_kind)


def test_the_category_is_the_kinds_leaf() -> None:
    t = PHRASES.traits
    expected = np.where(t.kind > 0, SHOP.leaf[t.kind], SHOP.family_leaf[t.family])
    assert np.array_equal(PHRASES.category, expected)


def said_words(traits: Traits, row: int) -> list[str]:
    """The words that must stand in a keyphrase's text for the attributes it names."""
    value = {name: int(getattr(traits, name)[row]) for name in Traits.__dataclass_fields__}
    words = []
    if value["colour"]:
        words.append(WORDS.colours[value["colour"] - 1])
    if value["number"]:
        words.append(WORDS.numbers[value["number"] - 1])
    if value["suffix"]:
        words.append(WORDS.suffixes[value["suffix"] - 1])
    if value["brand"]:
        words.append(SHOP.brands[value["brand"]].as_py())
    if value["series"]:
        words.append(SHOP.series_words[int(SHOP.series_word[value["series"]])].as_py())
    if value["measure"]:
        words.append(SHOP.measures[value["measure"]].as_py())
    if value["material"]:
        words.append(SHOP.materials[value["material"]].as_py())
    if value["condition"]:
        words.append(WORDS.conditions[value["condition"] - 1])
    return words


def test_texts_say_every_trait_they_ask_for() -> None:
    """Equal texts were merged and the first meaning stands, so the text says what its traits ask for."""
    for row, text in enumerate(PHRASES.text.slice(0, 800).to_pylist()):
        padded = f" {text} "
        for word in said_words(PHRASES.traits, row):
            assert f" {word} " in padded, (text, word)


def test_accessory_keyphrases_may_say_what_they_fit() -> None:
    texts = PHRASES.text.to_pylist()
    accessory = SHOP.fits[PHRASES.traits.kind] > 0
    fitting = np.array([" for " in f" {text} " for text in texts])
    assert fitting[accessory].mean() > 0.05
    assert not fitting[~accessory & (PHRASES.traits.kind > 0)].any()


def test_patterns_are_weighted_draws() -> None:
    """Single-letter patterns lose rows to merging, so only rank order of rich patterns is checked."""
    t = PHRASES.traits
    named = collections.Counter()
    named["sn"] = int(((t.series > 0) & (t.brand == 0) & (t.colour == 0)).sum())
    named["bsn"] = int(((t.series > 0) & (t.brand > 0) & (t.colour == 0)).sum())
    named["bsnc"] = int(((t.series > 0) & (t.brand > 0) & (t.colour > 0)).sum())
    assert named["bsn"] > named["bsnc"] > 0
    assert sum(weight for _, weight in PATTERNS) == pytest.approx(122.2)


TITLES = titles(ITEMS, SHOP, SETTINGS, stream(5, "titles")).to_pylist()


def test_titles_show_the_colour_unless_it_is_hidden() -> None:
    for row in range(0, 3_000, 7):
        colour = int(ITEMS.traits.colour[row])
        if colour:
            shown = WORDS.colours[colour - 1] in TITLES[row].split()
            # A colour word may also stand in a brand or filler; hidden ones are checked by their absence
            # below.
            assert shown or ITEMS.hidden[row], TITLES[row]


def test_titles_name_maker_and_kind() -> None:
    for row in range(0, 3_000, 11):
        padded = f" {TITLES[row]} "
        assert f" {SHOP.brands[int(ITEMS.maker[row])].as_py()} " in padded
        assert f" {SHOP.names[int(ITEMS.name[row])].as_py()} " in padded


def test_stuffing_is_a_share_of_the_titles_with_a_line() -> None:
    stuffed = np.array(["compatible with" in title for title in TITLES])
    lined = ITEMS.traits.series > 0
    assert not stuffed[~lined].any()
    assert abs(stuffed[lined].mean() - SETTINGS.stuffing) < 0.03
    plain = titles(ITEMS, SHOP, dataclasses.replace(SETTINGS, stuffing=0.0), stream(5, "titles")).to_pylist()
    assert not any("compatible with" in title for title in plain)


@pytest.mark.parametrize("mean", [0.0, 1.6, 3.0])
def test_fillers_come_in_the_mean_number_set(mean: float) -> None:
    bare = dataclasses.replace(SETTINGS, filler_words=mean, stuffing=0.0)
    filled = titles(ITEMS, SHOP, bare, stream(5, "titles")).to_pylist()
    none = titles(ITEMS, SHOP, dataclasses.replace(bare, filler_words=0.0), stream(5, "titles")).to_pylist()
    words = np.mean([len(a.split()) - len(b.split()) for a, b in zip(filled, none, strict=True)])
    each = np.mean([len(filler.split()) for filler in WORDS.fillers])
    assert words == pytest.approx(mean * each, abs=0.1)


def test_every_order_uses_every_slot_once() -> None:
    assert all(sorted(order) == list(range(13)) for order in TITLE_ORDERS)


def test_accessory_titles_name_what_they_fit() -> None:
    accessory = (SHOP.fits[ITEMS.traits.kind] > 0) & (ITEMS.traits.series > 0)
    for row in np.flatnonzero(accessory)[:200]:
        series = SHOP.series_words[int(SHOP.series_word[ITEMS.traits.series[row]])].as_py()
        assert f"{series}" in TITLES[row].split()
        assert " for " in f" {TITLES[row]} "
