"""The generated truth, case by case: a yellow Summit orbit 12 phone of 64 GB, and its leather case."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.market.assortment import assortment
from adjudge.market.catalogue import Items, Traits, build_shop
from adjudge.market.truth import grade_pairs

SHOP = build_shop(1)
KIND = {kind.names[0]: number for number, kind in enumerate(assortment().kinds, start=1)}
FAMILY = {name: number for number, name in enumerate(assortment().families, start=1)}
FIELDS = tuple(Traits.__dataclass_fields__)
YELLOW, RED = assortment().colours.index("yellow") + 1, assortment().colours.index("red") + 1
PHONE = {
    "kind": KIND["smartphone"],
    "family": FAMILY["phones"],
    "brand": 5,
    "series": 9,
    "number": 3,
    "suffix": 0,
}
PHONE |= {"colour": YELLOW, "measure": 1, "condition": 1}
CASE = {
    "kind": KIND["phone case"],
    "family": FAMILY["phone extras"],
    "brand": 5,
    "series": 9,
    "number": 3,
    "colour": RED,
}
CASE |= {"material": 2, "condition": 1}
EARBUDS = {"kind": KIND["earbuds"], "family": FAMILY["audio"], "brand": 7, "condition": 1}


def traits(**named: int) -> Traits:
    return Traits(**{field: np.array([named.get(field, 0)], np.int32) for field in FIELDS})


def graded(item: dict[str, int], maker: int = 5, hidden: bool = False, **asked: int) -> tuple[str, str]:
    """The true grade and the one the text shows."""
    one = np.array([0])
    has = Items(traits(**item), np.array([maker]), one, np.array([hidden]), one, one)
    facts = grade_pairs(has, traits(**asked), SHOP, one, one)
    names = ("bad", "fair", "good", "excellent")
    return names[facts.grade[0]], names[facts.visible[0]]


@pytest.mark.parametrize(
    ("asked", "grade"),
    [
        ({"kind": KIND["smartphone"]}, "good"),
        ({"family": FAMILY["phones"]}, "good"),
        ({"kind": KIND["smartphone"], "brand": 5}, "good"),
        ({"kind": KIND["smartphone"], "brand": 5, "colour": YELLOW}, "excellent"),
        ({"kind": KIND["smartphone"], "series": 9, "number": 3}, "excellent"),
        ({"kind": KIND["smartphone"], "series": 9, "number": 3, "suffix": 1}, "fair"),
        ({"kind": KIND["smartphone"], "series": 9, "number": 4}, "fair"),
        ({"kind": KIND["smartphone"], "brand": 6}, "fair"),
        ({"kind": KIND["smartphone"], "brand": 6, "colour": RED}, "bad"),
        ({"family": FAMILY["phones"], "brand": 6}, "fair"),
        ({"family": FAMILY["audio"], "brand": 5}, "fair"),
        ({"family": FAMILY["audio"]}, "bad"),
        ({"kind": KIND["phone case"], "series": 9, "number": 3}, "fair"),
        ({"kind": KIND["phone case"]}, "bad"),
        ({"kind": KIND["sofa"]}, "bad"),
    ],
)
def test_a_phone(asked: dict[str, int], grade: str) -> None:
    asked.setdefault("family", int(SHOP.family[asked.get("kind", 0)]))
    assert graded(PHONE, **asked) == (grade, grade)


@pytest.mark.parametrize(
    ("asked", "grade"),
    [
        ({"kind": KIND["phone case"]}, "good"),
        ({"kind": KIND["phone case"], "brand": 5, "series": 9, "number": 3}, "excellent"),
        ({"kind": KIND["phone case"], "brand": 8}, "good"),
        ({"kind": KIND["phone case"], "brand": 6}, "fair"),
        ({"kind": KIND["smartphone"], "series": 9, "number": 3}, "fair"),
        ({"kind": KIND["smartphone"]}, "bad"),
    ],
)
def test_a_case_made_by_another_brand(asked: dict[str, int], grade: str) -> None:
    assert graded(CASE, maker=8, family=FAMILY["phone extras"], **asked) == (grade, grade)


def test_a_sibling_kind_is_fair() -> None:
    assert graded(EARBUDS, kind=KIND["headphones"], family=FAMILY["audio"])[0] == "fair"


def test_only_the_picture_shows_a_hidden_colour() -> None:
    """Paper 1, section 4.2: "yellow phone" and "red phone" for a yellow phone whose title names no colour."""
    yellow = {"kind": KIND["smartphone"], "family": FAMILY["phones"], "colour": YELLOW}
    red = {"kind": KIND["smartphone"], "family": FAMILY["phones"], "colour": RED}
    assert graded(PHONE, hidden=True, **yellow) == ("good", "good")
    assert graded(PHONE, hidden=True, **red) == ("fair", "good")
    assert graded(PHONE, hidden=False, **red) == ("fair", "fair")


def test_the_shop_is_as_large_as_promised() -> None:
    assert len(SHOP.leaf_names) >= 40
    assert all(kind.family in assortment().families for kind in assortment().kinds)
    assert all(not kind.fits or kind.fits in KIND for kind in assortment().kinds)
    assert all(not kind.measure or kind.measure in assortment().measures for kind in assortment().kinds)
    assert all(not kind.material or kind.material in assortment().materials for kind in assortment().kinds)
