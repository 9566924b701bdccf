"""Framing of the split student's texts against a slow reference: ids, masks, and the limit of each side."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.student.encode import specials
from adjudge.student.split_text import FRAME, framed, lengths, tokenised
from adjudge.student.vocabulary import wordpiece

WORDS = ("red", "blue", "shoe", "lamp", "oil")
TOKENIZER = wordpiece([" ".join(WORDS)] * 3, 200)
SPECIAL = specials(TOKENIZER)
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=8)


def reference(text: str, most: int) -> list[int]:
    """[CLS], the first `most` tokens, [SEP]."""
    return [SPECIAL.cls, *TOKENIZER.encode(text, add_special_tokens=False).ids[:most], SPECIAL.sep]


def test_nine_tokens_with_a_limit_of_four_keep_the_first_four() -> None:
    text = "red blue shoe lamp oil red blue shoe lamp"
    ids, mask = framed(tokenised(TOKENIZER, pa.array([text]), 4), np.array([0]), 4, SPECIAL)
    assert ids.tolist() == [reference(text, 4)]
    assert mask.tolist() == [[1] * 6]


def test_an_empty_text_is_its_frame_alone() -> None:
    ids, mask = framed(tokenised(TOKENIZER, pa.array([""]), 4), np.array([0]), 4, SPECIAL)
    assert ids.tolist() == [[SPECIAL.cls, SPECIAL.sep]]
    assert mask.tolist() == [[1, 1]]


def test_shorter_rows_are_padded_and_masked() -> None:
    texts = tokenised(TOKENIZER, pa.array(["red", "red blue shoe"]), 8)
    ids, mask = framed(texts, np.array([0, 1]), 8, SPECIAL)
    assert ids[0].tolist() == [*reference("red", 8), SPECIAL.pad, SPECIAL.pad]
    assert mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 7), st.data())
def test_rows_in_any_order_are_the_reference(texts: list[str], most: int, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=10)), np.int64)
    coded = tokenised(TOKENIZER, pa.array(texts), most)
    ids, mask = framed(coded, rows, most, SPECIAL)
    expected = [reference(texts[row], most) for row in rows]
    assert ids.shape == (len(rows), max(map(len, expected)))
    for line, row_mask, wanted in zip(ids.tolist(), mask.tolist(), expected, strict=True):
        padding = len(line) - len(wanted)
        assert line == wanted + [SPECIAL.pad] * padding
        assert row_mask == [1] * len(wanted) + [0] * padding
    assert lengths(coded, most)[rows].tolist() == [len(wanted) for wanted in expected]


@pytest.mark.parametrize("most", [1, 3])
def test_a_text_is_framed_the_same_whatever_stands_beside_it(most: int) -> None:
    alone, _ = framed(tokenised(TOKENIZER, pa.array(["red shoe"]), most), np.array([0]), most, SPECIAL)
    texts = tokenised(TOKENIZER, pa.array(["blue lamp oil red shoe", "red shoe"]), most)
    both, mask = framed(texts, np.array([0, 1]), most, SPECIAL)
    assert both[1][mask[1] == 1].tolist() == alone[0].tolist()
    assert len(alone[0]) == min(2, most) + FRAME
