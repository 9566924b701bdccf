"""What buyers search for: keyphrases drawn from the inventory's own traits, with Zipf volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adjudge.market.catalogue import Items, Shop, Traits
from adjudge.market.settings import CatalogueSettings
from adjudge.market.wording import queries
from adjudge.market.world import Array

# Which traits a buyer names: b brand, s series, n number and suffix, c colour, z measure, m material,
# d condition, k the kind's name, f the family's name. Weights are relative.
PATTERNS = (
    *(("f", 1.0), ("k", 4.0), ("bf", 1.0), ("b", 0.5), ("cf", 0.7)),
    *(("bk", 6.0), ("ck", 5.0), ("zk", 5.0), ("mk", 5.0), ("dk", 2.0)),
    *(("bs", 3.0), ("sn", 8.0), ("bsn", 9.0), ("sk", 4.0), ("snk", 8.0), ("bsnk", 8.0)),
    *(("snz", 3.0), ("snc", 5.0), ("bsnc", 4.0), ("dsn", 3.0)),
    *(("bck", 6.0), ("bzk", 5.0), ("czk", 6.0), ("cmk", 7.0), ("zmk", 5.0), ("bmk", 4.0), ("cbzk", 4.0)),
)


@dataclass(frozen=True)
class Phrases:
    """Keyphrases as traits and text. `volume`: expected searches per window; `category`: the leaf most
    buyers mean."""

    traits: Traits
    text: pa.Array
    words: Array
    volume: Array
    category: Array


def draw_phrases(
    items: Items, shop: Shop, settings: CatalogueSettings, searches: float, rng: np.random.Generator
) -> Phrases:
    """At most `settings.keyphrases` different keyphrases, each asking for some traits of some item.

    Equal texts are merged and the first meaning stands, as the leading intent of an ambiguous query does.
    """
    n = settings.keyphrases * 3
    sample = items.traits.take(rng.integers(0, len(items.name), size=n))
    named, pattern = _named(sample, rng)
    broad = np.array(["f" in p or p == "b" for p, _ in PATTERNS])[pattern]
    traits = _asked_traits(sample, named, broad, pattern, shop)
    u = rng.random(n) ** 1.2
    kind_name = shop.name_of.pick(sample.kind, u)
    family_name = len(shop.names) - 1 + shop.family_name_of.pick(sample.family, u)
    word = np.where(named["k"], kind_name, np.where(named["f"], family_name, 0))
    words = pa.concat_arrays([shop.names, shop.families.slice(1)])
    text = queries(traits, (words, word), shop, shop.fits[traits.kind] > 0, rng)
    rows = _first_of_each(text)
    length = _word_count(text.take(pa.array(rows)))
    order = np.argsort(length * 0.8 + rng.gumbel(size=len(rows)), kind="stable")
    order = np.sort(_head_first(order, length, settings.keyphrases))
    rows, length = rows[order], length[order]
    rank = np.argsort(np.argsort(length * 0.9 + rng.gumbel(size=len(rows)), kind="stable"), kind="stable")
    volume = 1.0 / (1.0 + rank) ** settings.zipf
    traits = traits.take(rows)
    return Phrases(
        traits=traits,
        text=text.take(pa.array(rows)),
        words=length,
        volume=volume * (searches * len(rows) / volume.sum()),
        category=np.where(traits.kind > 0, shop.leaf[traits.kind], shop.family_leaf[traits.family]),
    )


def _named(sample: Traits, rng: np.random.Generator) -> tuple[dict[str, Array], Array]:
    """Which traits each row names, and its pattern. A trait the item lacks cannot be named; a row left
    with a bare number's worth of words names the kind."""
    weights = np.array([weight for _, weight in PATTERNS])
    pattern = rng.choice(len(PATTERNS), size=len(sample.kind), p=weights / weights.sum())
    named = {letter: np.array([letter in p for p, _ in PATTERNS])[pattern] for letter in "bsnczmdkf"}
    has = {"b": sample.brand, "s": sample.series, "n": sample.series, "c": sample.colour}
    has |= {"z": sample.measure, "m": sample.material}
    for letter, column in has.items():
        named[letter] = named[letter] & (column > 0)
    anchored = named["f"] | named["s"] | (np.array([p == "b" for p, _ in PATTERNS])[pattern])
    named["k"] = named["k"] | ~anchored
    return named, pattern


def _asked_traits(
    sample: Traits, named: dict[str, Array], broad: Array, pattern: Array, shop: Shop
) -> Traits:
    """The traits asked for. A broad keyphrase has a family and no kind; a bare brand means the family that
    the brand is known for."""
    bare_brand = np.array([p == "b" for p, _ in PATTERNS])[pattern] & broad
    family = np.where(bare_brand, shop.brand_family[sample.brand], sample.family)

    def if_named(letter: str, column: Array) -> Array:
        return np.where(named[letter], column, 0).astype(np.int32)

    return Traits(
        kind=np.where(broad, 0, sample.kind).astype(np.int32),
        family=family.astype(np.int32),
        brand=if_named("b", sample.brand),
        series=if_named("s", sample.series),
        number=if_named("n", sample.number),
        suffix=if_named("n", sample.suffix),
        colour=if_named("c", sample.colour),
        measure=if_named("z", sample.measure),
        material=if_named("m", sample.material),
        condition=if_named("d", sample.condition),
    )


def _first_of_each(text: pa.Array) -> Array:
    """Rows holding the first occurrence of each non-empty text, in row order."""
    codes = text.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    first = np.sort(first)
    filled = np.array([len(part) > 0 for part in text.take(pa.array(first)).to_pylist()])
    return first[filled]


def _word_count(text: pa.Array) -> Array:
    import pyarrow.compute as pc

    return pc.add(pc.count_substring(text, " "), 1).to_numpy(zero_copy_only=False)


def _head_first(order: Array, length: Array, most: int) -> Array:
    """At most `most` rows: all one-word keyphrases, then the rest in the order given."""
    short = order[length[order] == 1]
    rest = order[length[order] > 1]
    return np.concatenate((short, rest))[:most]
