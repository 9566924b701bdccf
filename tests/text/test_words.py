from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.text.words import overlap, words

WORD = st.sampled_from(["red", "Shoe", "9", "größe", "a-b", "", "!", "acme"])
TEXT = st.lists(WORD, max_size=6).map(" ".join)


def test_hand_case() -> None:
    found = overlap(pa.array(["red running shoe"]), pa.array(["Acme Red Shoe, size 9"]))
    assert (found.shared[0], found.left[0], found.right[0]) == (2, 3, 5)
    assert found.jaccard[0] == pytest.approx(0.3333, abs=1e-4)


def test_words_fold_case_width_and_signs() -> None:
    assert words("Acme RED Shoe, size-9") == ["acme", "red", "shoe", "size", "9"]
    assert words("ＳＨＯＥ snake_case Größe") == ["shoe", "snake", "case", "grösse"]


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, st.one_of(st.none(), TEXT)), max_size=12))
def test_equals_python_sets(pairs: list[tuple[str, str | None]]) -> None:
    found = overlap(
        pa.array([left for left, _ in pairs], pa.string()),
        pa.array([right for _, right in pairs], pa.string()),
    )
    index = found.jaccard
    for row, (left, right) in enumerate(pairs):
        mine, theirs = words(left), words(right or "")
        both = set(mine) | set(theirs)
        assert index[row] == pytest.approx(len(set(mine) & set(theirs)) / len(both) if both else 0)
        in_order = bool(mine) and f" {' '.join(mine)} " in f" {' '.join(theirs)} "
        assert found.in_order[row] == in_order


def test_no_rows() -> None:
    found = overlap(pa.array([], pa.string()), pa.array([], pa.string()))
    assert found.shared.shape == (0,)
    assert found.jaccard.dtype == np.float64
