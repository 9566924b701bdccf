from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.market.texts import join, join_in_orders, overlap, token_ids, vocabulary

WORDS = st.lists(st.sampled_from(["red", "Blue", "shoe", "x200", "pro", "case"]), max_size=6).map(" ".join)


def test_join_leaves_the_unnamed_out() -> None:
    colour, thing = vocabulary(["red", "blue"]), vocabulary(["sofa", "shoe"])
    rows = join([(colour, np.array([1, 0, 2])), (thing, np.array([1, 2, 0]))])
    assert rows.to_pylist() == ["red sofa", "shoe", "blue"]


def test_each_row_has_its_own_order() -> None:
    colour, thing = vocabulary(["red", "blue"]), vocabulary(["sofa", "shoe"])
    slots = [(colour, np.array([1, 2, 1])), (thing, np.array([1, 2, 2]))]
    assert join_in_orders(slots, [(0, 1), (1, 0)], np.array([0, 1, 1])).to_pylist() == [
        *("red sofa", "shoe blue", "shoe red"),
    ]


def test_overlap_by_hand() -> None:
    """ "red shoes new" and "red boots": 1 word of 2 is covered, 1 of 4 shared."""
    left, right = token_ids(pa.array(["Red Shoes, NEW", ""]), pa.array(["red boots", "red red"]))
    coverage, jaccard = overlap(left, right, np.array([0, 0, 1]), np.array([0, 1, 0]))
    assert coverage.tolist() == [0.5, 1.0, 0.0]
    assert np.allclose(jaccard, [0.25, 1 / 3, 0.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20))
def test_overlap_equals_sets(rows: list[tuple[str, str]]) -> None:
    titles, phrases = pa.array([a for a, _ in rows]), pa.array([b for _, b in rows])
    at = np.arange(len(rows))
    coverage, jaccard = overlap(*token_ids(titles, phrases), at, at)
    for n, (a, b) in enumerate(rows):
        one, other = set(a.lower().split()), set(b.lower().split())
        assert np.isclose(coverage[n], len(one & other) / max(len(other), 1))
        assert np.isclose(jaccard[n], len(one & other) / max(len(one | other), 1))


def test_words_are_runs_of_letters_and_digits_in_lower_case() -> None:
    """ "Käse-Brett, 2 kg" has four words; ids are shared between the columns, 0 pads."""
    left, right = token_ids(pa.array(["Käse-Brett, 2 kg", None]), pa.array(["BRETT käse", "2"]))
    assert np.count_nonzero(left, axis=1).tolist() == [4, 0]
    assert set(right[0].tolist()) < set(left[0].tolist())
    assert right[1].tolist() == [left[0][np.isin(left[0], right[1]) & (left[0] > 0)][0], 0]


def test_a_repeated_word_counts_once() -> None:
    (ids,) = token_ids(pa.array(["red red red", "red blue red"]))
    assert np.count_nonzero(ids, axis=1).tolist() == [1, 2]


def test_empty_columns_have_one_empty_slot() -> None:
    empty, filled = token_ids(pa.array([], pa.string()), pa.array(["a"]))
    assert empty.shape == (0, 1)
    assert filled.shape == (1, 1)


def test_overlap_does_not_depend_on_its_blocks() -> None:
    """More pairs than one block of 100,000: the last ones equal the same pairs alone."""
    titles = pa.array(["red shoe", "blue sofa bed"])
    phrases = pa.array(["red sofa", "bed"])
    rows = np.tile(np.array([0, 1, 1]), 40_000)
    asked = np.tile(np.array([0, 0, 1]), 40_000)
    coverage, jaccard = overlap(*token_ids(titles, phrases), rows, asked)
    assert np.allclose(coverage.reshape(-1, 3), [0.5, 0.5, 1.0])
    assert np.allclose(jaccard.reshape(-1, 3), [1 / 3, 0.25, 1 / 3])


def test_a_vocabulary_keeps_a_place_for_nothing() -> None:
    assert vocabulary(["a", "b"]).to_pylist() == [None, "a", "b"]
    assert vocabulary([]).to_pylist() == [None]


def test_orders_put_every_row_back_in_its_place() -> None:
    words = vocabulary([str(n) for n in range(50)])
    rng = np.random.default_rng(0)
    rows, order = rng.integers(1, 51, 200), rng.integers(0, 3, 200)
    texts = join_in_orders([(words, rows)], [(0,), (0,), (0,)], order).to_pylist()
    assert texts == [str(row - 1) for row in rows]
