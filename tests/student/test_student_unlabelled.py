"""Unlabelled pairs: phrases come from titles, pairs from where they teach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.student.sample_by_rank import UnlabelledSettings, draw, phrases

TITLES = ["Acme Red Running Shoe, size 9", "Blue (Kettle)", "", "Lamp"]


def test_phrases_are_words_of_one_title() -> None:
    found = phrases(TITLES, UnlabelledSettings(phrases=40), np.random.default_rng(0))
    assert found == sorted(set(found))
    words = [{word.strip(",()").lower() for word in title.split()} for title in TITLES]
    assert all(any(set(text.split()) <= own for own in words) for text in found)
    assert "kettle" in found, "punctuation at a word's edge is left out"
    assert len(found) <= 40


def test_unscattered_phrases_stand_together() -> None:
    found = phrases(TITLES[:1], UnlabelledSettings(phrases=100, scattered=0), np.random.default_rng(0))
    plain = "acme red running shoe size 9"
    assert all(text in plain for text in found)
    assert len(found) == 6 + 5 + 4 + 3 + 2, "all spans of one to five words"


def test_no_titles_no_phrases() -> None:
    assert phrases(["", " "], UnlabelledSettings(), np.random.default_rng(0)) == []


def test_pairs_come_from_where_the_mix_says() -> None:
    logits = np.tile(np.arange(1000, dtype=np.float32), (20, 1))
    kinds = {(1.0, 0.0, 0.0): (990, 1000), (0.0, 1.0, 0.0): (900, 990), (0.0, 0.0, 1.0): (0, 1000)}
    for mix, (low, high) in kinds.items():
        own = UnlabelledSettings(mix=mix, near=10, plausible=100, real=0.5)
        keyphrase, title = draw(logits, 5, 4000, own, np.random.default_rng(0))
        assert title.min() >= low
        assert title.max() < high
        assert len(set(zip(keyphrase.tolist(), title.tolist(), strict=True))) == len(title)
    assert title.min() < 100


def test_real_keyphrases_have_their_share() -> None:
    logits = np.zeros((50, 5000), np.float32)
    own = UnlabelledSettings(mix=(0, 0, 1), real=0.25)
    keyphrase, _ = draw(logits, 10, 8000, own, np.random.default_rng(0))
    assert (keyphrase < 10).mean() == pytest.approx(0.25, abs=0.03)
    alone, _ = draw(logits[:10], 10, 1000, own, np.random.default_rng(0))
    assert alone.max() < 10


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 200), st.integers(0, 1000))
def test_places_are_inside_and_distinct(number: int, titles: int, pairs: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(number, titles)).astype(np.float32)
    own = UnlabelledSettings(near=3, plausible=7)
    real = min(number, 2)
    keyphrase, title = draw(logits, real, pairs, own, np.random.default_rng(seed))
    assert 0 < len(keyphrase) <= pairs
    assert keyphrase.min() >= 0
    assert keyphrase.max() < number
    assert title.min() >= 0
    assert title.max() < titles
    again = draw(logits, real, pairs, own, np.random.default_rng(seed))
    np.testing.assert_array_equal(again[0], keyphrase)
    np.testing.assert_array_equal(again[1], title)


def test_nothing_to_draw_from() -> None:
    with pytest.raises(NotEnoughData, match="keyphrases and titles"):
        draw(np.zeros((0, 3), np.float32), 0, 5, UnlabelledSettings(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"words": ()}, "words"),
        ({"mix": (1.0, 0.0)}, "mix"),
        ({"near": 10, "plausible": 5}, "plausible"),
        ({"phrases": 0}, "real"),
    ],
)
def test_settings_that_do_not_fit(given: dict[str, object], named: str) -> None:
    with pytest.raises(BadConfig, match=named):
        UnlabelledSettings(**given)  # type: ignore[arg-type]
