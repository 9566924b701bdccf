"""Buyers search, look down the page, click and buy, and what they click climbs: one or more windows.

Position-based click model: P(click) = P(examined | position) * P(attracted | item, keyphrase), Richardson,
Dominowska and Ragno 2007; as a simulation on top of grades, Joachims et al. 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.market.settings import BuyerSettings
from adjudge.market.world import Array, World


@dataclass(frozen=True)
class Behaviour:
    """One window's log rows: pair index, position (1 = top), counts, revenue. Sorted by pair, position."""

    pair: Array
    position: Array
    impressions: Array
    clicks: Array
    sales: Array
    revenue: Array


@dataclass(frozen=True)
class Standing:
    """What Search's ranker knows of the items' past: impressions and clicks so far, one entry an item."""

    impressions: Array
    clicks: Array


def newcomers(items: int) -> Standing:
    """The standing before anything was shown."""
    return Standing(np.zeros(items), np.zeros(items))


def examined(position: Array, eta: float) -> Array:
    """Chance that a buyer looks at a position: 1 / position ** eta.

    >>> [round(float(p), 3) for p in examined(np.array([1, 2, 4]), 0.5)]
    [1.0, 0.707, 0.5]
    """
    return 1.0 / np.asarray(position, np.float64) ** eta


def one_window(
    world: World,
    in_auction: Array,
    relevance: Array,
    volume: Array,
    settings: BuyerSettings,
    standing: Standing,
    rng: np.random.Generator,
) -> tuple[Behaviour, Standing]:
    """A window of searches over the pairs `in_auction` (indices): its log and the standing after it.

    `relevance` is Search's score of those pairs, `volume` the expected searches of every keyphrase. Each
    round ranks anew by relevance, standing and chance; the log adds up what happened at each position.
    """
    pairs = np.sort(in_auction)
    relevance = relevance[np.argsort(in_auction, kind="stable")]
    attracted = _attraction(world, pairs, settings)
    bought = _conversion(world, pairs, settings)
    rounds: list[tuple[Array, ...]] = []
    for _ in range(settings.rounds):
        rank = relevance + settings.popularity * _fame(standing, world.pair_item[pairs])
        rank = rank + 0.15 * rng.standard_normal(len(pairs))
        position, share = _places(world.pair_keyphrase[pairs], rank, settings.slots)
        shown = rng.poisson(volume[world.pair_keyphrase[pairs]] / settings.rounds * share)
        chance = examined(position, settings.position) * attracted
        clicks = rng.binomial(shown, chance)
        rounds.append((position, shown, clicks, rng.binomial(clicks, bought)))
        standing = _after(standing, world.pair_item[pairs], shown, clicks)
    return _log(world, pairs, rounds), standing


def _attraction(world: World, pairs: Array, settings: BuyerSettings) -> Array:
    """Chance of a click once examined: by grade, undertone and price, and the noise clicks on top."""
    chance = np.clip(np.array(settings.click)[world.grade[pairs]], 1e-9, 1 - 1e-9)
    odds = np.log(chance / (1 - chance)) + settings.undertone * world.undertone[pairs]
    odds = odds - settings.price * world.price_ratio[world.pair_item[pairs]]
    meant = np.where(np.array(settings.click)[world.grade[pairs]] > 0, 1 / (1 + np.exp(-odds)), 0.0)
    return 1 - (1 - meant) * (1 - settings.noise_clicks)


def _conversion(world: World, pairs: Array, settings: BuyerSettings) -> Array:
    chance = np.array(settings.buy)[world.grade[pairs]]
    factor = np.where(world.picture_match[pairs], settings.picture, 1.0)
    return np.clip(
        chance * factor * np.exp(-settings.price * world.price_ratio[world.pair_item[pairs]]), 0, 1
    )


def _fame(standing: Standing, item: Array) -> Array:
    """Clicks per impression so far, shrunk to the market's mean, in units of that mean; 0 for a newcomer."""
    mean = standing.clicks.sum() / max(standing.impressions.sum(), 1.0)
    if mean == 0:
        return np.zeros(len(item))
    rate = (standing.clicks + 50 * mean) / (standing.impressions + 50)
    return np.clip(rate / mean - 1, -1, 3)[item]


def _places(keyphrase: Array, rank: Array, slots: int) -> tuple[Array, Array]:
    """Position of each participant on its keyphrase's page, and the share of searches that show it.

    Where n > slots take part, neighbours in rank take turns at one place: position
    1 + floor(r * slots / n) for the r-th (from 0), shown in slots / n of the searches.
    """
    order = np.lexsort((-rank, keyphrase))
    _, start, count = np.unique(keyphrase[order], return_index=True, return_counts=True)
    place = np.empty(len(keyphrase), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(start, count)
    crowd = np.empty(len(keyphrase), np.int64)
    crowd[order] = np.repeat(count, count)
    share = np.minimum(slots / np.maximum(crowd, 1), 1.0)
    return 1 + np.floor(place * share).astype(np.int64), share


def _after(standing: Standing, item: Array, shown: Array, clicks: Array) -> Standing:
    size = len(standing.clicks)
    return Standing(
        standing.impressions + np.bincount(item, weights=shown, minlength=size),
        standing.clicks + np.bincount(item, weights=clicks, minlength=size),
    )


def _log(world: World, pairs: Array, rounds: list[tuple[Array, ...]]) -> Behaviour:
    """The rounds added up by pair and position; rows without an impression are not logged."""
    pair = np.tile(pairs, len(rounds))
    position, shown, clicks, sales = (np.concatenate(column) for column in zip(*rounds, strict=True))
    seen = shown > 0
    widest = int(position.max(initial=1)) + 1
    key, row = np.unique(pair[seen] * widest + position[seen], return_inverse=True)

    def total(column: Array) -> Array:
        return np.bincount(row, weights=column[seen], minlength=len(key)).astype(np.int64)

    sold = total(sales)
    which = key // widest
    price = world.price[world.pair_item[which]]
    return Behaviour(which, key % widest, total(shown), total(clicks), sold, np.round(sold * price, 2))
