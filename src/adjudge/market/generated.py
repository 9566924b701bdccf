"""The first source of truth: a generated catalogue becomes a world."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.market import catalogue
from adjudge.market.assortment import assortment
from adjudge.market.candidates import recommend
from adjudge.market.catalogue import Items, Shop
from adjudge.market.phrases import Phrases, draw_phrases
from adjudge.market.settings import MarketSettings
from adjudge.market.texts import overlap, token_ids, vocabulary
from adjudge.market.truth import grade_pairs
from adjudge.market.wording import titles
from adjudge.market.world import World, stream, undertones
from adjudge.records import Progress


def generated_world(settings: MarketSettings, progress: Progress) -> World:
    """Items, keyphrases and recommended pairs of a made-up shop, with every pair's true grade."""
    progress("catalogue", 0, 4)
    shop = catalogue.build_shop(settings.seed)
    items = catalogue.draw_items(shop, settings.catalogue, stream(settings.seed, "items"))
    title = titles(items, shop, settings.catalogue, stream(settings.seed, "titles"))
    progress("catalogue", 1, 4)
    phrases = draw_phrases(
        items, shop, settings.catalogue, settings.buyers.searches, stream(settings.seed, "keyphrases")
    )
    progress("catalogue", 2, 4)
    item_words, phrase_words = token_ids(title, phrases.text)
    rows, picked = recommend(
        items, item_words, phrases, phrase_words, shop, settings, stream(settings.seed, "recommend")
    )
    progress("catalogue", 3, 4)
    coverage, jaccard = overlap(item_words, phrase_words, rows, picked)
    facts = grade_pairs(items, phrases.traits, shop, rows, picked)
    progress("catalogue", 4, 4)
    return World(
        **_item_columns(items, shop, title),
        **_phrase_columns(phrases),
        pair_item=rows,
        pair_keyphrase=picked,
        series=phrases.traits.series[picked],
        coverage=coverage,
        jaccard=jaccard,
        undertone=undertones(settings.seed, len(rows)),
        **vars(facts),
    )


def _item_columns(items: Items, shop: Shop, title: pa.Array) -> dict:
    n = len(items.name)
    colour = vocabulary(assortment().colours).take(pa.array(items.traits.colour))
    return {
        "item_id": numbered("i", n),
        "title": pc.utf8_title(title),
        "category_names": shop.leaf_names,
        "item_category": shop.leaf[items.traits.kind],
        "brand": shop.brands.take(pa.array(items.maker)),
        "price": items.price,
        "price_ratio": np.log(items.price / shop.price[items.traits.kind]),
        "seller": items.seller,
        "image": pc.binary_join_element_wise("colour", colour, ": "),
    }


def _phrase_columns(phrases: Phrases) -> dict:
    return {
        "keyphrase": phrases.text,
        "keyphrase_category": phrases.category,
        "volume": phrases.volume,
    }


def numbered(letter: str, count: int) -> pa.Array:
    """Ids such as i0000042: a letter and a zero-padded number, from 0."""
    digits = pc.utf8_lpad(pa.array(np.arange(count)).cast(pa.string()), width=7, padding="0")
    return pc.binary_join_element_wise(pa.scalar(letter), digits, "")
