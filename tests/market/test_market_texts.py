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
