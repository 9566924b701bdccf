"""The generated catalogue: who makes what, the product lines, and the items' traits.

In all index arrays 0 means "none" or "not named"; words, brands, kinds and families count from 1, and every
vocabulary has a null at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adjudge.market.assortment import assortment
from adjudge.market.settings import CatalogueSettings
from adjudge.market.texts import vocabulary
from adjudge.market.world import Array, stream


@dataclass(frozen=True)
class Traits:
    """What an item is, or what a keyphrase asks for; one int32 entry per row in each array.

    An accessory's `brand`, `series`, `number` and `suffix` are those of the product it fits.
    """

    kind: Array
    family: Array
    brand: Array
    series: Array
    number: Array
    suffix: Array
    colour: Array
    measure: Array
    material: Array
    condition: Array

    def take(self, rows: Array) -> Traits:
        return Traits(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True)
class Ranges:
    """Runs of consecutive entries: group g owns `start[g] : start[g] + count[g]`."""

    start: Array
    count: Array

    def pick(self, group: Array, share: Array) -> Array:
        """The entry at `share` (in [0, 1)) of each row's group; 0 if the group is empty."""
        count = self.count[group]
        chosen = self.start[group] + np.minimum((share * count).astype(np.int64), np.maximum(count - 1, 0))
        return np.where(count > 0, chosen, 0)


@dataclass(frozen=True)
class Shop:
    """The shop's fixed tables; arrays over kinds have entry 0 for "no kind"."""

    leaf_names: pa.Array
    names: pa.Array
    name_of: Ranges
    families: pa.Array
    family_name_of: Ranges
    family_leaf: Array
    brands: pa.Array
    brand_family: Array
    family: Array
    leaf: Array
    fits: Array
    price: Array
    colourful: Array
    measures: pa.Array
    measure_of: Ranges
    materials: pa.Array
    material_of: Ranges
    maker_of: Ranges
    maker_brand: Array
    line_of: Ranges
    line_series: Array
    line_number: Array
    line_suffix: Array
    series_words: pa.Array
    series_word: Array


@dataclass(frozen=True)
class Items:
    """The items, as traits and as the choices their titles are written from."""

    traits: Traits
    maker: Array
    name: Array
    hidden: Array
    price: Array
    seller: Array


def _lists(lists: Sequence[Sequence[str]]) -> tuple[pa.Array, Ranges]:
    """Word lists end to end after a null, and each list's run; list g is group g + 1."""
    counts = np.array([0, *(len(words_) for words_ in lists)], np.int64)
    starts = 1 + np.concatenate(([0], np.cumsum(counts)[:-1]))
    return vocabulary([word for words_ in lists for word in words_]), Ranges(starts, counts)


def _named(tables: dict[str, tuple[str, ...]], wanted: Sequence[str]) -> tuple[pa.Array, Ranges]:
    """One vocabulary of all tables, and for each wanted table name its run (empty for "")."""
    vocab, runs = _lists(list(tables.values()))
    number_of = {name: number for number, name in enumerate(tables, start=1)}
    at = np.array([0, *(number_of.get(name, 0) for name in wanted)])
    return vocab, Ranges(runs.start[at], runs.count[at])


def build_shop(seed: int) -> Shop:
    """The shop's tables. Who makes which kind, and the model numbers, are drawn from the seed."""
    words = assortment()
    kinds = words.kinds
    leaves = list(dict.fromkeys(kind.leaf for kind in kinds))
    families = list(words.families)
    number_of = {kind.names[0]: number for number, kind in enumerate(kinds, start=1)}
    family = np.array([0, *(families.index(kind.family) + 1 for kind in kinds)], np.int32)
    leaf = np.array([0, *(leaves.index(kind.leaf) for kind in kinds)], np.int32)
    names, name_of = _lists([kind.names for kind in kinds])
    family_names, family_name_of = _lists(list(words.families.values()))
    measures, measure_of = _named(words.measures, [kind.measure for kind in kinds])
    materials, material_of = _named(words.materials, [kind.material for kind in kinds])
    return Shop(
        leaf_names=pa.array(leaves, pa.string()),
        names=names,
        name_of=name_of,
        families=family_names,
        family_name_of=family_name_of,
        family_leaf=np.array(
            [0, *(leaf[np.flatnonzero(family == f)[0]] for f in range(1, len(families) + 1))], np.int32
        ),
        family=family,
        leaf=leaf,
        fits=np.array([0, *(number_of.get(kind.fits, 0) for kind in kinds)], np.int32),
        price=np.array([1.0, *(kind.price for kind in kinds)]),
        colourful=np.array([False, *(kind.colour for kind in kinds)]),
        measures=measures,
        measure_of=measure_of,
        materials=materials,
        material_of=material_of,
        **_makers(stream(seed, "makers"), family),
    )


def _makers(rng: np.random.Generator, family: Array) -> dict:
    """Which brands make which kind, and the lines (series, model number, suffix) of each."""
    words = assortment()
    brands = list(dict.fromkeys(brand for names in words.brands.values() for brand in names))
    maker_kind, maker_brand, home = [0], [0], np.zeros(len(brands) + 1, np.int32)
    lines: list[tuple[int, int, int, int]] = []
    series_word = [0]
    for kind, about in enumerate(words.kinds, start=1):
        local = words.brands[about.department]
        for chosen in rng.choice(len(local), size=int(rng.integers(5, 9)), replace=False):
            brand = brands.index(local[chosen]) + 1
            home[brand] = home[brand] or family[kind]
            maker_kind.append(kind)
            maker_brand.append(brand)
            if about.lines:
                lines += _lines(rng, len(maker_kind) - 1, series_word)
    table = np.array(lines, np.int32)
    makers = np.bincount(maker_kind, minlength=len(words.kinds) + 1)
    makers[0] = 0
    per_maker = np.bincount(table[:, 0], minlength=len(maker_kind))
    return {
        "brands": vocabulary(brands),
        "brand_family": home,
        "maker_of": Ranges(1 + np.concatenate(([0], np.cumsum(makers)[:-1])), makers),
        "maker_brand": np.array(maker_brand, np.int32),
        "line_of": Ranges(1 + np.concatenate(([0], np.cumsum(per_maker)[:-1])), per_maker),
        "line_series": np.concatenate(([0], table[:, 1])).astype(np.int32),
        "line_number": np.concatenate(([0], table[:, 2])).astype(np.int32),
        "line_suffix": np.concatenate(([0], table[:, 3])).astype(np.int32),
        "series_words": vocabulary(words.series),
        "series_word": np.array(series_word, np.int32),
    }


def _lines(rng: np.random.Generator, maker: int, series_word: list[int]) -> list[tuple[int, int, int, int]]:
    """The lines of one maker: two series, two or three numbers each, some also with a suffix."""
    words, rows = assortment(), []
    for word in rng.choice(len(words.series), size=2, replace=False):
        series_word.append(int(word) + 1)
        series = len(series_word) - 1
        for number in rng.choice(len(words.numbers), size=int(rng.integers(2, 4)), replace=False):
            rows.append((maker, series, int(number) + 1, 0))
            if rng.random() < 0.5:
                rows.append((maker, series, int(number) + 1, int(rng.integers(1, len(words.suffixes) + 1))))
    return rows


def draw_items(shop: Shop, settings: CatalogueSettings, rng: np.random.Generator) -> Items:
    """`settings.items` items: a kind by popularity, a maker, a line, attributes, a price, a seller."""
    n = settings.items
    words = assortment()
    kinds = len(words.kinds)
    popularity = 1.0 / (1.0 + rng.permutation(kinds)) ** 0.5
    kind = (1 + rng.choice(kinds, size=n, p=popularity / popularity.sum())).astype(np.int32)
    maker = shop.maker_of.pick(kind, rng.random(n) ** 1.8)
    fits = shop.fits[kind]
    fitted = np.where(fits > 0, shop.maker_of.pick(fits, rng.random(n) ** 1.8), maker)
    line = shop.line_of.pick(fitted, rng.random(n) ** 2.0)
    condition = np.minimum(1 + (rng.random(n) ** 2.5 * 3).astype(np.int32), 3)
    traits = Traits(
        kind=kind,
        family=shop.family[kind],
        brand=shop.maker_brand[fitted],
        series=shop.line_series[line],
        number=shop.line_number[line],
        suffix=shop.line_suffix[line],
        colour=np.where(
            shop.colourful[kind], 1 + (rng.random(n) ** 2.0 * len(words.colours)).astype(np.int32), 0
        ).astype(np.int32),
        measure=shop.measure_of.pick(kind, rng.random(n) ** 1.5).astype(np.int32),
        material=shop.material_of.pick(kind, rng.random(n) ** 1.5).astype(np.int32),
        condition=condition.astype(np.int32),
    )
    discount = np.array([1.0, 1.0, 0.6, 0.75])[condition]
    return Items(
        traits=traits,
        maker=shop.maker_brand[maker],
        name=shop.name_of.pick(kind, rng.random(n) ** 1.4).astype(np.int32),
        hidden=(traits.colour > 0) & (rng.random(n) < settings.hidden_colours),
        price=np.round(shop.price[kind] * discount * np.exp(0.35 * rng.standard_normal(n)), 2),
        seller=(rng.random(n) ** 1.6 * max(n // 12, 1)).astype(np.int64),
    )
