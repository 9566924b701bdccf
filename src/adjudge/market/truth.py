"""Relevance grades of the generated catalogue: how good an answer an item is to a keyphrase.

excellent: the kind and everything named match, and a line or at least two traits are named. good: they match,
the keyphrase is broad (a kind, a family, one trait). fair: one named trait is off (another brand, model,
colour: a substitute), a sibling kind, or the accessory of the very product named. bad: the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.market.catalogue import Items, Shop, Traits
from adjudge.market.world import Array

BAD, FAIR, GOOD, EXCELLENT = 0, 1, 2, 3
_CHUNK = 400_000


@dataclass(frozen=True)
class PairFacts:
    """What is so of each pair; see `world.World` for the meaning of the columns."""

    grade: Array
    visible: Array
    visible_blurred: Array
    accessory: Array
    substitute: Array
    colour_named: Array
    picture_match: Array
    blind: Array


def grade_pairs(items: Items, asked: Traits, shop: Shop, pair_item: Array, pair_phrase: Array) -> PairFacts:
    """Facts of every pair, computed in chunks to bound memory."""
    parts = [
        _facts(items, asked, shop, pair_item[start : start + _CHUNK], pair_phrase[start : start + _CHUNK])
        for start in range(0, len(pair_item), _CHUNK)
    ]
    return PairFacts(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    )


def _facts(items: Items, asked: Traits, shop: Shop, rows: Array, phrases: Array) -> PairFacts:
    has, want = items.traits.take(rows), asked.take(phrases)
    hidden = items.hidden[rows]
    maker = items.maker[rows]
    brand_off = (want.brand > 0) & (want.brand != has.brand) & (want.brand != maker)
    line_off = _line_off(has, want)
    colour_off = (want.colour > 0) & (want.colour != has.colour)
    traits_off = sum(
        ((getattr(want, name) > 0) & (getattr(want, name) != getattr(has, name))).astype(np.int8)
        for name in ("measure", "material", "condition")
    )
    blind = (want.colour > 0) & hidden
    relation = _relation(has, want, shop)
    other_line = (line_off & ~brand_off).astype(np.int8)

    def graded(colour: Array, line: Array) -> Array:
        off = brand_off.astype(np.int8) + line + colour + traits_off
        return _grade(has, want, relation, off, brand_off)

    colour_seen_off = (colour_off & ~blind).astype(np.int8)
    grade = graded(colour_off.astype(np.int8), other_line)
    return PairFacts(
        grade=grade,
        visible=graded(colour_seen_off, other_line),
        visible_blurred=graded(colour_seen_off, np.zeros_like(other_line)),
        accessory=relation["item_fits"] | relation["phrase_fits"],
        substitute=(grade == FAIR) & (relation["same"] | relation["family"]),
        colour_named=want.colour > 0,
        picture_match=(want.colour > 0) & ~colour_off,
        blind=blind,
    )


def _line_off(has: Traits, want: Traits) -> Array:
    """Another series, or the same with another model: "orbit 12" is not "orbit 12 pro"."""
    other_model = (want.number > 0) & ((want.number != has.number) | (want.suffix != has.suffix))
    return (want.series > 0) & ((want.series != has.series) | other_model)


def _relation(has: Traits, want: Traits, shop: Shop) -> dict[str, Array]:
    broad = want.kind == 0
    return {
        "same": want.kind == has.kind,
        "family": broad & (want.family == has.family),
        "sibling": ~broad & (want.kind != has.kind) & (shop.leaf[want.kind] == shop.leaf[has.kind]),
        "item_fits": ~broad & (shop.fits[has.kind] == want.kind),
        "phrase_fits": ~broad & (shop.fits[want.kind] == has.kind),
        "broad": broad,
    }


def _grade(has: Traits, want: Traits, relation: dict[str, Array], off: Array, brand_off: Array) -> Array:
    named = sum(
        (getattr(want, name) > 0).astype(np.int8)
        for name in ("brand", "series", "colour", "measure", "material", "condition")
    )
    exact = np.where((named >= 2) | (want.series > 0), EXCELLENT, GOOD)
    matched = np.select([off == 0, off == 1], [exact, FAIR], BAD)
    broad = np.select([off == 0, off == 1], [GOOD, FAIR], BAD)
    own_brand = (want.brand > 0) & ~brand_off
    named_product = own_brand | ((want.series > 0) & (want.series == has.series))
    return np.select(
        [
            relation["same"],
            relation["family"],
            relation["broad"] & own_brand,
            relation["item_fits"] | relation["phrase_fits"],
            relation["sibling"] & (off == 0),
        ],
        [matched, broad, FAIR, np.where(named_product, FAIR, BAD), FAIR],
        BAD,
    ).astype(np.int8)
