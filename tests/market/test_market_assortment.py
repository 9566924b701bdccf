"""The shop's vocabulary: complete, consistent, and made of words a lower-casing tokenizer leaves alone."""

from __future__ import annotations

import dataclasses

import pytest

from adjudge.market.assortment import Kind, assortment

WORDS = assortment()


def test_the_file_is_read_once() -> None:
    assert assortment() is WORDS


def test_nobody_can_change_the_words() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WORDS.colours = ("red",)  # type: ignore[misc]
    assert isinstance(WORDS.colours, tuple)
    assert all(isinstance(names, tuple) for names in WORDS.brands.values())


def test_every_kind_belongs_to_a_department_with_brands() -> None:
    departments = {kind.department for kind in WORDS.kinds}
    assert departments == set(WORDS.brands)
    for department, brands in WORDS.brands.items():
        assert len(brands) == len(set(brands)) >= 8, department


def test_every_kind_has_its_own_first_name() -> None:
    firsts = [kind.names[0] for kind in WORDS.kinds]
    assert len(firsts) == len(set(firsts))


def test_every_family_has_a_kind_and_every_kind_a_family() -> None:
    assert {kind.family for kind in WORDS.kinds} == set(WORDS.families)


@pytest.mark.parametrize("table", ["measures", "materials"])
def test_every_list_of_attributes_is_used(table: str) -> None:
    field = table.removesuffix("s")
    used = {getattr(kind, field) for kind in WORDS.kinds} - {""}
    assert used == set(getattr(WORDS, table))


def test_accessories_fit_a_kind_that_is_sold_by_line() -> None:
    """A phone case fits "orbit 12": what it fits must have product lines."""
    by_name = {kind.names[0]: kind for kind in WORDS.kinds}
    fitted = {kind.fits for kind in WORDS.kinds} - {""}
    assert len(fitted) >= 5
    assert all(by_name[name].lines for name in fitted)
    assert not any(kind.lines for kind in WORDS.kinds if kind.fits)


def test_prices_are_positive_and_accessories_are_cheaper() -> None:
    by_name: dict[str, Kind] = {kind.names[0]: kind for kind in WORDS.kinds}
    assert all(kind.price > 0 for kind in WORDS.kinds)
    assert all(kind.price < by_name[kind.fits].price for kind in WORDS.kinds if kind.fits)


def test_conditions_have_their_words() -> None:
    assert len(WORDS.condition_words) == len(WORDS.conditions)
    assert [group[0] for group in WORDS.condition_words] == list(WORDS.conditions)


def test_words_are_lower_case_and_single_spaced() -> None:
    lists = [WORDS.colours, WORDS.series, WORDS.numbers, WORDS.suffixes, WORDS.fillers]
    lists += [*WORDS.brands.values(), *WORDS.families.values(), *WORDS.measures.values()]
    lists += [*WORDS.materials.values(), *(kind.names for kind in WORDS.kinds)]
    for words in lists:
        assert all(word == " ".join(word.lower().split()) != "" for word in words), words


def test_keys_of_the_retrieval_shelves_have_room() -> None:
    """`candidates` packs values below 256, numbers below 64, suffixes below 8 and kinds below 1024."""
    most = max(len(words) for table in (WORDS.measures, WORDS.materials) for words in table.values())
    assert max(most * len(WORDS.measures), len(WORDS.colours)) < 256
    assert len(WORDS.numbers) < 64
    assert len(WORDS.suffixes) < 8
    assert len(WORDS.kinds) < 1024
