"""Unlabelled pairs are drawn where they teach: by word, by category, by chance."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.student.sample_pairs import PlausibleSettings, draw

ITEMS = pa.table(
    {
        "title": ["Red shoe!", "blue lamp", "tent"],
        "category": ["Shoes", "Lamps", None],
    }
)
PHRASES = pa.table(
    {
        "keyphrase": ["shoe", "red thing", "Lamp oil", "drill", "boots"],
        "category": ["Shoes", None, "Lamps", "Tools", "Shoes"],
    }
)


def drawn(**weights: float) -> set[tuple[int, int]]:
    settings = PlausibleSettings(**{"word": 0.0, "category": 0.0, "chance": 0.0, **weights}, pairs=400)
    left, right = draw(ITEMS, PHRASES, settings, np.random.default_rng(1))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def test_by_word() -> None:
    """Item 0 shares a word with phrases 0 and 1, item 1 with 2; item 2 shares none and gets any."""
    assert drawn(word=1.0) == {(0, 0), (0, 1), (1, 2), *((2, phrase) for phrase in range(5))}


def test_by_category() -> None:
    assert drawn(category=1.0) == {(0, 0), (0, 4), (1, 2), *((2, phrase) for phrase in range(5))}


def test_by_chance_and_without_categories() -> None:
    everything = {(item, phrase) for item in range(3) for phrase in range(5)}
    assert drawn(chance=1.0) == everything
    settings = PlausibleSettings(word=0, category=1, chance=0, pairs=400)
    left, right = draw(ITEMS.select(["title"]), PHRASES, settings, np.random.default_rng(1))
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == everything


@given(st.integers(1, 300), st.integers(0, 9))
def test_pairs_are_distinct_and_repeatable(pairs: int, seed: int) -> None:
    settings = PlausibleSettings(pairs=pairs)
    first, again = (draw(ITEMS, PHRASES, settings, np.random.default_rng(seed)) for _ in range(2))
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    both = set(zip(*(part.tolist() for part in first), strict=True))
    assert len(both) == len(first[0]) <= min(pairs, 15)


def test_nothing_to_draw_from() -> None:
    with pytest.raises(NotEnoughData, match="seen: 0 and 5"):
        draw(ITEMS.slice(0, 0), PHRASES, PlausibleSettings(), np.random.default_rng(1))
    with pytest.raises(BadConfig, match="all 0"):
        PlausibleSettings(word=0, category=0, chance=0)
