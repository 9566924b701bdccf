"""Click simulation: buyers search, look down the page, click and buy, and what they click climbs in the
ranks.

A window (a day, a month) is a function of the market's state at its start; it returns its log and the next
state.

Position-based click model: P(click) = P(examined | position) * P(attracted | item, keyphrase), Richardson,
Dominowska and Ragno 2007; as a simulation on top of grades, Joachims et al. 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adjudge.market.settings import BuyerSettings
from adjudge.market.world import Array, World


@dataclass(frozen=True)
class ClickLog:
    """One window's log rows: pair index, position (1 = top), counts, revenue. Sorted by pair, position."""

    pair: Array
    position: Array
    impressions: Array
    clicks: Array
    sales: Array
    revenue: Array


@dataclass(frozen=True)
class ItemHistory:
    """What Search's ranker knows of the items' past: impressions and clicks so far, one entry per item."""

    impressions: Array
    clicks: Array


def no_history(items: int) -> ItemHistory:
    """The history before anything was shown."""
    return ItemHistory(np.zeros(items), np.zeros(items))


@dataclass(frozen=True)
class MarketState:
    """What a window starts from.

    auction: sorted indices of the pairs that may be shown. relevance: Search's score of those pairs. volume:
    expected searches of every keyphrase in the window. buyers: how they behave. history: the items' past.
    """

    auction: Array
    relevance: Array
    volume: Array
    buyers: BuyerSettings
    history: ItemHistory


def examined(position: Array, eta: float) -> Array:
    """Chance that a buyer looks at a position: 1 / position ** eta.

    >>> [round(float(p), 3) for p in examined(np.array([1, 2, 4]), 0.5)]
    [1.0, 0.707, 0.5]
    """
    return 1.0 / np.asarray(position, np.float64) ** eta


def play_window(world: World, state: MarketState, rng: np.random.Generator) -> tuple[ClickLog, MarketState]:
    """One window of searches: its log, and the state after it (the items' history has grown).

    Each round ranks anew by relevance, history and chance; the log adds up what happened at each position.
    """
    pairs, settings, history = state.auction, state.buyers, state.history
    items, keyphrases = world.pair_item[pairs], world.pair_keyphrase[pairs]
    attraction = _attraction(world, pairs, settings)
    conversion = _conversion(world, pairs, settings)
    rounds: list[tuple[Array, ...]] = []
    for _ in range(settings.rounds):
        rank = state.relevance + settings.popularity * _popularity(history, items)
        rank = rank + 0.15 * rng.standard_normal(len(pairs))
        position, share = _positions(keyphrases, rank, settings.slots)
        shown = rng.poisson(state.volume[keyphrases] / settings.rounds * share)
        clicks = rng.binomial(shown, examined(position, settings.position) * attraction)
        rounds.append((position, shown, clicks, rng.binomial(clicks, conversion)))
        history = _updated(history, items, shown, clicks)
    return _log(world, pairs, rounds), replace(state, history=history)


def _attraction(world: World, pairs: Array, settings: BuyerSettings) -> Array:
    """Chance of a click once examined: by grade, undertone and price, and the noise clicks on top."""
    chance = np.clip(np.array(settings.click)[world.grade[pairs]], 1e-9, 1 - 1e-9)
    odds = np.log(chance / (1 - chance)) + settings.undertone * world.undertone[pairs]
    odds = odds - settings.price * world.price_ratio[world.pair_item[pairs]]
    intended = np.where(np.array(settings.click)[world.grade[pairs]] > 0, 1 / (1 + np.exp(-odds)), 0.0)
    return 1 - (1 - intended) * (1 - settings.noise_clicks)


def _conversion(world: World, pairs: Array, settings: BuyerSettings) -> Array:
    chance = np.array(settings.buy)[world.grade[pairs]]
    factor = np.where(world.picture_match[pairs], settings.picture, 1.0)
    return np.clip(
        chance * factor * np.exp(-settings.price * world.price_ratio[world.pair_item[pairs]]), 0, 1
    )


def _popularity(history: ItemHistory, item: Array) -> Array:
    """Clicks per impression so far, shrunk to the market's mean, in units of that mean; 0 for a new item."""
    mean = history.clicks.sum() / max(history.impressions.sum(), 1.0)
    if mean == 0:
        return np.zeros(len(item))
    rate = (history.clicks + 50 * mean) / (history.impressions + 50)
    return np.clip(rate / mean - 1, -1, 3)[item]


def _positions(keyphrase: Array, rank: Array, slots: int) -> tuple[Array, Array]:
    """Position of each participant on its keyphrase's page, and the share of searches that show it.

    If n > slots take part, neighbours in rank take turns at one position:
    1 + floor(r * slots / n) for the r-th (from 0), shown in slots / n of the searches.
    """
    order = np.lexsort((-rank, keyphrase))
    _, start, count = np.unique(keyphrase[order], return_index=True, return_counts=True)
    within = np.empty(len(keyphrase), np.int64)
    within[order] = np.arange(len(order)) - np.repeat(start, count)
    crowd = np.empty(len(keyphrase), np.int64)
    crowd[order] = np.repeat(count, count)
    share = np.minimum(slots / np.maximum(crowd, 1), 1.0)
    return 1 + np.floor(within * share).astype(np.int64), share


def _updated(history: ItemHistory, item: Array, shown: Array, clicks: Array) -> ItemHistory:
    size = len(history.clicks)
    return ItemHistory(
        history.impressions + np.bincount(item, weights=shown, minlength=size),
        history.clicks + np.bincount(item, weights=clicks, minlength=size),
    )


def _log(world: World, pairs: Array, rounds: list[tuple[Array, ...]]) -> ClickLog:
    """The rounds added up by pair and position; rows without an impression are not logged."""
    pair = np.tile(pairs, len(rounds))
    position, shown, clicks, sales = (np.concatenate(column) for column in zip(*rounds, strict=True))
    logged = shown > 0
    widest = int(position.max(initial=1)) + 1
    key, row = np.unique(pair[logged] * widest + position[logged], return_inverse=True)

    def total(column: Array) -> Array:
        return np.bincount(row, weights=column[logged], minlength=len(key)).astype(np.int64)

    sold = total(sales)
    logged_pair = key // widest
    revenue = np.round(sold * world.price[world.pair_item[logged_pair]], 2)
    return ClickLog(logged_pair, key % widest, total(shown), total(clicks), sold, revenue)
