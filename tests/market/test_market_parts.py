"""Small parts by hand: shelves, who learns what, who works for whom."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from adjudge.market.candidates import Shelf
from adjudge.market.catalogue import Ranges
from adjudge.market.graders import _draw, _fit
from adjudge.market.world import World, stream


def test_ranges_pick_by_hand() -> None:
    runs = Ranges(np.array([1, 1, 4]), np.array([0, 3, 2]))
    assert runs.pick(np.array([0, 1, 1, 2]), np.array([0.5, 0.0, 0.99, 0.5])).tolist() == [0, 1, 3, 5]


def test_shelf_by_hand() -> None:
    """Keyphrases 0..3 with volumes 1, 9, 5, 7 under keys 2, 2, 0, 4: the busiest of a key comes first."""
    shelf = Shelf.file(np.array([2, 2, 0, 4]), np.arange(4), np.array([1.0, 9.0, 5.0, 7.0]))
    picked, found = shelf.pick(np.array([2, 2, 4, 3, 0]), np.array([0.0, 0.6, 0.9, 0.1, 0.1]))
    assert found.tolist() == [True, True, True, False, False]
    assert picked[found].tolist() == [1, 0, 3]


def test_an_empty_shelf_finds_nothing() -> None:
    shelf = Shelf.file(np.zeros(3, np.int64), np.arange(3), np.ones(3))
    assert not shelf.pick(np.array([1, 2]), np.array([0.1, 0.2]))[1].any()


def test_pairs_are_distinct(world: World) -> None:
    keys = world.pair_item * len(world.volume) + world.pair_keyphrase
    assert len(np.unique(keys)) == world.pairs
    assert len(set(world.keyphrase.to_pylist())) == len(world.keyphrase)


def test_logistic_fit_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    features = rng.standard_normal((400, 3))
    labels = rng.random(400) < 1 / (1 + np.exp(-(features @ [1.0, -2.0, 0.5])))
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10).fit(features, labels).coef_[0]
    assert np.allclose(_fit(features, labels, ridge=0.5), theirs, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=30), st.integers(0, 40), st.integers(0, 99))
def test_draws_are_distinct_and_weighted_only(weights: list[float], count: int, seed: int) -> None:
    weight = np.array(weights)
    drawn = _draw(weight, count, np.random.default_rng(seed))
    assert len(set(drawn.tolist())) == len(drawn) == min(count, np.count_nonzero(weight))
    assert (weight[drawn] > 0).all()


def test_streams_are_apart_and_repeatable() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(1, "a").random(), stream(1, "b").random(), stream(2, "a").random()}) == 3
