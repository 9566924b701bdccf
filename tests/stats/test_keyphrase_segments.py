"""Head keyphrases and one-word keyphrases: by hand, and against the rules read aloud."""

from __future__ import annotations

import doctest

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.stats import segments
from adjudge.stats.segments import are_one_word, head_keyphrases


def test_worked_examples() -> None:
    found = doctest.testmod(segments)
    assert found.attempted > 2
    assert found.failed == 0


def test_head_keeps_ties_together() -> None:
    assert head_keyphrases(np.array([50, 30, 15, 5, 0]), 0.8).tolist() == [True, True, False, False, False]
    assert head_keyphrases(np.array([40, 20, 20, 20, 0]), 0.5).tolist() == [True, True, True, True, False]


def test_without_clicks_or_share_there_is_no_head() -> None:
    assert not head_keyphrases(np.zeros(3, int), 0.9).any()
    assert not head_keyphrases(np.array([5, 1]), 0.0).any()
    assert head_keyphrases(np.array([5, 0, 1]), 1.0).tolist() == [True, False, True]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 10).map(lambda v: v / 10))
def test_head_is_the_smallest_top_that_holds_the_share(clicks: list[int], share: float) -> None:
    head = head_keyphrases(np.array(clicks), share)
    total, held = sum(clicks), sum(c for c, h in zip(clicks, head, strict=True) if h)
    if not total:
        assert not head.any()
        return
    assert held >= share * total - 1e-9
    least = min(c for c, h in zip(clicks, head, strict=True) if h)
    assert all(h == (c >= least and c > 0) for c, h in zip(clicks, head, strict=True))
    above = sum(c for c in clicks if c > least)
    assert above < share * total + 1e-9, "without the least clicked of the head the share would be missed"


@pytest.mark.parametrize(
    ("text", "one"),
    [("sofa", True), ("green sofa", False), ("  sofa ", True), ("usb-c", True), ("a\tb", False),
     ("a\nb", False), ("", True), ("größe", True), ("長椅子 緑", False)],
)  # fmt: skip
def test_one_word_holds_no_white_space_inside(text: str, one: bool) -> None:
    assert are_one_word(pa.array([text])).tolist() == [one]


@given(st.lists(st.text("ab \t", max_size=6), min_size=1, max_size=8))
def test_one_word_is_what_splitting_says(texts: list[str]) -> None:
    found = are_one_word(pa.array(texts))
    assert found.tolist() == [len(text.split()) <= 1 for text in texts]
