"""The generated catalogue: who makes what, product lines, and the items' traits, against the shop's own
tables."""

from __future__ import annotations

import numpy as np
import pytest
from small_market import SMALL

from adjudge.market.assortment import assortment
from adjudge.market.catalogue import Items, Shop, Traits, build_shop, draw_items
from adjudge.market.settings import CatalogueSettings
from adjudge.market.world import stream

WORDS = assortment()
SHOP = build_shop(SMALL.seed)


def drawn(shop: Shop = SHOP, seed: int = 3, **values: float) -> Items:
    return draw_items(shop, CatalogueSettings(items=4_000, **values), stream(seed, "items"))  # type: ignore[arg-type]


ITEMS = drawn()


def run_of(ranges, group: int) -> range:  # type: ignore[no-untyped-def]
    return range(int(ranges.start[group]), int(ranges.start[group] + ranges.count[group]))


def test_same_seed_same_shop() -> None:
    again = build_shop(SMALL.seed)
    assert np.array_equal(SHOP.maker_brand, again.maker_brand)
    assert np.array_equal(SHOP.line_number, again.line_number)
    assert not np.array_equal(SHOP.maker_brand, build_shop(SMALL.seed + 1).maker_brand)


def test_vocabularies_begin_with_nothing() -> None:
    """Index 0 means "not named" in every vocabulary."""
    for vocabulary in (
        SHOP.names,
        SHOP.families,
        SHOP.brands,
        SHOP.measures,
        SHOP.materials,
        SHOP.series_words,
    ):
        assert vocabulary[0].as_py() is None
        assert vocabulary.null_count == 1


def test_every_kind_has_its_names_and_attributes() -> None:
    names = SHOP.names.to_pylist()
    measures, materials = SHOP.measures.to_pylist(), SHOP.materials.to_pylist()
    for number, kind in enumerate(WORDS.kinds, start=1):
        assert tuple(names[i] for i in run_of(SHOP.name_of, number)) == kind.names
        expected = WORDS.measures.get(kind.measure, ())
        assert tuple(measures[i] for i in run_of(SHOP.measure_of, number)) == expected
        expected = WORDS.materials.get(kind.material, ())
        assert tuple(materials[i] for i in run_of(SHOP.material_of, number)) == expected


def test_makers_are_brands_of_the_department() -> None:
    brands = SHOP.brands.to_pylist()
    for number, kind in enumerate(WORDS.kinds, start=1):
        makers = [brands[SHOP.maker_brand[m]] for m in run_of(SHOP.maker_of, number)]
        assert 5 <= len(makers) == len(set(makers)) <= 8
        assert set(makers) <= set(WORDS.brands[kind.department])


def test_only_kinds_sold_by_line_have_lines() -> None:
    for number, kind in enumerate(WORDS.kinds, start=1):
        lines = sum(len(run_of(SHOP.line_of, m)) for m in run_of(SHOP.maker_of, number))
        assert (lines > 0) == kind.lines
        if kind.lines:
            # Two series of two or three numbers each, half of them with a suffix too, per maker.
            assert 4 <= lines / SHOP.maker_of.count[number] <= 12


def test_fits_names_the_kind_of_an_accessory() -> None:
    number_of = {kind.names[0]: number for number, kind in enumerate(WORDS.kinds, start=1)}
    for number, kind in enumerate(WORDS.kinds, start=1):
        assert SHOP.fits[number] == number_of.get(kind.fits, 0)


def test_items_have_attributes_of_their_kind_only() -> None:
    t = ITEMS.traits
    for column, ranges in ((t.measure, SHOP.measure_of), (t.material, SHOP.material_of)):
        start, count = ranges.start[t.kind], ranges.count[t.kind]
        assert np.array_equal(column > 0, count > 0)
        inside = (column >= start) & (column < start + count)
        assert inside[count > 0].all()
    assert np.array_equal(t.colour > 0, SHOP.colourful[t.kind])
    assert t.colour.max() <= len(WORDS.colours)
    assert set(np.unique(t.condition)) == {1, 2, 3}


def test_items_carry_a_line_of_their_brand() -> None:
    """An item's series, number and suffix come together from one line of the brand that makes (or is fitted
    by) it."""
    lines = set(
        zip(SHOP.line_series.tolist(), SHOP.line_number.tolist(), SHOP.line_suffix.tolist(), strict=True)
    )
    t = ITEMS.traits
    assert set(zip(t.series.tolist(), t.number.tolist(), t.suffix.tolist(), strict=True)) <= lines
    sold_by_line = np.array([False, *(kind.lines for kind in WORDS.kinds)])
    assert np.array_equal(t.series > 0, sold_by_line[t.kind] | (SHOP.fits[t.kind] > 0))


def test_accessories_carry_the_brand_they_fit_and_their_own_maker() -> None:
    accessory = SHOP.fits[ITEMS.traits.kind] > 0
    assert np.array_equal(ITEMS.traits.brand[~accessory], ITEMS.maker[~accessory])
    assert (ITEMS.traits.brand[accessory] != ITEMS.maker[accessory]).mean() > 0.5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_hidden_colours_are_a_share_of_the_coloured(share: float) -> None:
    items = drawn(hidden_colours=share)
    coloured = items.traits.colour > 0
    assert not items.hidden[~coloured].any()
    assert abs(items.hidden[coloured].mean() - share) < 0.03


def test_prices_lie_about_the_kinds_usual_one() -> None:
    """Used items cost 0.6 and refurbished ones 0.75 of the kind's price in the median, spread 0.35 in log
    price."""
    ratio = ITEMS.price / SHOP.price[ITEMS.traits.kind]
    for condition, discount in ((1, 1.0), (2, 0.6), (3, 0.75)):
        chosen = ratio[ITEMS.traits.condition == condition]
        assert abs(np.log(np.median(chosen) / discount)) < 0.06
    new = np.log(ratio[ITEMS.traits.condition == 1])
    assert abs(new.std() - 0.35) < 0.02


def test_few_sellers_have_many_items() -> None:
    sizes = np.sort(np.bincount(ITEMS.seller))[::-1]
    assert sizes[: len(sizes) // 10].sum() / sizes.sum() > 0.2
    assert ITEMS.seller.max() < 4_000 // 12


def test_popular_kinds_hold_more_items_than_rare_ones() -> None:
    """Popularity falls with the square root of the rank: the busiest tenth has about 28 % of the items."""
    sizes = np.sort(np.bincount(ITEMS.traits.kind, minlength=len(WORDS.kinds) + 1)[1:])[::-1]
    rank = 1.0 / np.arange(1, len(WORDS.kinds) + 1) ** 0.5
    expected = rank[:15].sum() / rank.sum()
    assert abs(sizes[:15].sum() / sizes.sum() - expected) < 0.04


def test_taking_rows_takes_them_of_every_trait() -> None:
    rows = np.array([5, 5, 0])
    taken = ITEMS.traits.take(rows)
    for name in Traits.__dataclass_fields__:
        assert np.array_equal(getattr(taken, name), getattr(ITEMS.traits, name)[rows])
