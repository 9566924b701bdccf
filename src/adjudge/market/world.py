"""The state of a market's world: plain arrays, frozen. Sessions, users and advertisers can join as further
dataclasses beside this one; nothing here knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

Array = np.ndarray


@dataclass(frozen=True)
class World:
    """Items, keyphrases, the pairs Advertising recommends, and what is true of each pair.

    Item columns have one entry per item, `keyphrase*` and `volume` one per keyphrase, the rest one per pair.
    Grades are steps of `records.FOUR`, 0 = bad to 3 = excellent (int8).
    """

    item_id: pa.Array
    title: pa.Array
    category_names: pa.Array
    item_category: Array
    brand: pa.Array
    price: Array
    price_ratio: Array
    """Log of the price over the kind's usual price."""
    seller: Array
    image: pa.Array
    keyphrase: pa.Array
    keyphrase_category: Array
    volume: Array
    """Expected searches per window."""
    pair_item: Array
    pair_keyphrase: Array
    grade: Array
    """What is so, the picture included."""
    visible: Array
    """The grade that title and category alone support."""
    visible_blurred: Array
    """The same for a reader who does not know the product series named."""
    series: Array
    """The series that the keyphrase names, 0 for none: what a judge may never have heard of."""
    accessory: Array
    """One side is an accessory of the other."""
    substitute: Array
    """Fair because something of the same kind or family is off: another brand, model or colour."""
    colour_named: Array
    """The keyphrase names a colour."""
    picture_match: Array
    """The colour named is the item's."""
    blind: Array
    """The keyphrase names a colour that only the picture shows."""
    coverage: Array
    jaccard: Array
    undertone: Array
    """What people alike read into the pair beyond its grade: standard normal."""

    @property
    def pairs(self) -> int:
        return len(self.pair_item)


def undertones(seed: int, pairs: int) -> Array:
    """A world's `undertone` column."""
    return stream(seed, "undertones").standard_normal(pairs)


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each part of the world, so that a setting of one part leaves the draws
    of all others alone. Same seed and name, same draws."""
    return np.random.default_rng(np.random.SeedSequence([seed, *name.encode("utf-8")]))
