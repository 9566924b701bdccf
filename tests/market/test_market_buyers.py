from __future__ import annotations

import dataclasses

import numpy as np

from adjudge.market.buyers import (
    ClickLog,
    ItemHistory,
    MarketState,
    _popularity,
    _positions,
    examined,
    no_history,
    play_window,
)
from adjudge.market.settings import BuyerSettings
from adjudge.market.world import World, stream

PLAIN = BuyerSettings(
    click=(0.0, 0.2, 0.4, 0.6), buy=(0.0, 0.1, 0.2, 0.3), noise_clicks=0, price=0, undertone=0, popularity=0
)


def test_examination_by_hand() -> None:
    assert np.allclose(examined(np.array([1, 2, 4]), 0.5), [1.0, 0.7071, 0.5], atol=1e-4)
    assert examined(np.array([1, 9]), 0.0).tolist() == [1.0, 1.0]


def test_positions_by_hand() -> None:
    """Four on keyphrase 0 share two slots in turns: ranks 0 and 1 at the first, 2 and 3 at the second."""
    keyphrase = np.array([0, 0, 1, 0, 0])
    position, share = _positions(keyphrase, np.array([0.1, 0.9, 0.5, 0.4, 0.7]), slots=2)
    assert position.tolist() == [2, 1, 1, 2, 1]
    assert share.tolist() == [0.5, 0.5, 1.0, 0.5, 0.5]


def test_popularity_by_hand() -> None:
    """100 clicks in 1000 impressions overall: item 0 at (80+5)/(500+50) is 1.545 times the mean."""
    history = ItemHistory(np.array([500.0, 500.0]), np.array([80.0, 20.0]))
    assert np.allclose(_popularity(history, np.array([0, 1])), [0.545, -0.545], atol=1e-3)
    assert _popularity(no_history(2), np.array([1])).tolist() == [0.0]


def window(world: World, settings: BuyerSettings, name: str = "test") -> ClickLog:
    every = np.arange(world.pairs)
    state = MarketState(every, world.visible / 3.0, world.volume, settings, no_history(len(world.item_id)))
    return play_window(world, state, stream(1, name))[0]


def test_counts_agree_with_the_click_model(world: World) -> None:
    """Clicks per impression of every grade and position are examination times attraction, sales follow."""
    log = window(world, PLAIN)
    for grade in (1, 2, 3):
        for position in (1, 2, 5):
            at = (world.grade[log.pair] == grade) & (log.position == position)
            shown = log.impressions[at].sum()
            expected = position**-0.6 * PLAIN.click[grade]
            error = np.sqrt(expected * (1 - expected) / shown)
            assert abs(log.clicks[at].sum() / shown - expected) < 4 * error
    bad = world.grade[log.pair] == 0
    assert log.clicks[bad].sum() == 0
    exact = (world.grade[log.pair] == 3) & ~world.picture_match[log.pair]
    rate = log.sales[exact].sum() / log.clicks[exact].sum()
    assert abs(rate - 0.3) < 4 * np.sqrt(0.21 / log.clicks[exact].sum())
    assert np.allclose(log.revenue, np.round(log.sales * world.price[world.pair_item[log.pair]], 2))


def test_impressions_are_searches_shared_among_the_slots(world: World) -> None:
    log = window(world, dataclasses.replace(PLAIN, slots=3))
    shown = np.bincount(world.pair_keyphrase[log.pair], weights=log.impressions, minlength=len(world.volume))
    crowd = np.bincount(world.pair_keyphrase, minlength=len(world.volume))
    expected = world.volume * np.minimum(crowd, 3)
    assert abs(shown.sum() / expected.sum() - 1) < 0.01
    assert log.position.max() <= 3


def test_the_picture_helps_to_sell(world: World) -> None:
    log = window(world, PLAIN)
    matched = world.picture_match[log.pair] & (world.grade[log.pair] == 2)
    rate = log.sales[matched].sum() / log.clicks[matched].sum()
    assert abs(rate - 0.2 * PLAIN.picture) < 0.03
