from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadRecipe
from adjudge.recipes.spelling import Recipe, Term, parse

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.:/@-]{0,8}[A-Za-z0-9_])?", fullmatch=True)
TERMS = st.lists(
    st.builds(Term, NAMES, st.sampled_from(["+", "-", "+-"])),
    min_size=1,
    max_size=6,
    unique_by=lambda term: term.source,
)


@given(TERMS)
def test_the_text_of_a_recipe_is_its_spelling(terms: list[Term]) -> None:
    recipe = Recipe(tuple(terms))
    assert parse(str(recipe)) == recipe
    assert repr(recipe) == str(recipe)
    assert parse("  " + str(recipe).replace(" ", "\t ") + "\n") == recipe


@given(TERMS)
def test_slug_is_one_folder_name(terms: list[Term]) -> None:
    slug = Recipe(tuple(terms)).slug
    assert not set(slug) & set(" /\\:")


def test_hand_case() -> None:
    recipe = parse("click+ llm+-")
    assert recipe.terms == (Term("click", "+"), Term("llm", "+-"))
    assert recipe.sources == ("click", "llm")
    assert recipe.slug == "click+_llm+-"


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("click+ llm-+", 11, "sign '-+' is unknown: allowed are +, -, +-; did you mean llm+-?"),
        ("click++", 6, "did you mean click+?"),
        ("click+ llm", 11, "source 'llm' has no sign: allowed are +, -, +-; did you mean llm+-?"),
        ("click+ +-", 8, "sign '+-' has no source before it"),
        ("click+ llm+- click+", 14, "source 'click' stands twice; write it once: click+"),
        ("llm+ llm-", 6, "source 'llm' stands twice; write it once: llm+-"),
        ("click+,llm-", 6, "'+' cannot stand in a source's name"),
        ("_llm+-", 1, "must start and end with a letter or digit"),
    ],
)
def test_bad_spellings_say_where_and_what_instead(text: str, position: int, told: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        parse(text)
    assert f"position {position}:" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_empty(text: str) -> None:
    with pytest.raises(BadRecipe, match="is empty: it needs at least one source"):
        parse(text)


def test_too_many_sources() -> None:
    with pytest.raises(BadRecipe, match="33 sources: allowed are at most 32"):
        parse(" ".join(f"judge{i}+-" for i in range(33)))


def test_a_term_built_by_hand_is_checked_too() -> None:
    with pytest.raises(BadRecipe, match="is not a source and a sign"):
        Term("llm", "-+")
    with pytest.raises(BadRecipe, match="at least one source"):
        Recipe(())
    with pytest.raises(BadRecipe, match="stands twice"):
        Recipe((Term("llm", "+"), Term("llm", "-")))
