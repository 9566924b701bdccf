"""Search admits, sellers adopt: two of the three parties that must agree (paper 1, section 1)."""

from __future__ import annotations

import numpy as np

from adjudge.market.settings import MarketSettings, SearchSettings
from adjudge.market.world import Array, World, stream


def search_scores(world: World, settings: SearchSettings, seed: int) -> tuple[Array, Array]:
    """Search's score of every pair (float64) and whether it admits it. Faults: see SearchSettings."""
    rng = stream(seed, "search")
    guess = _category_guess(world, settings.category_confusion, rng)
    same = guess[world.pair_keyphrase] == world.item_category[world.pair_item]
    score = (
        settings.meaning * world.visible / 3.0
        + settings.words * world.coverage
        + settings.category * same
        + settings.accessories * world.accessory
        + settings.noise * rng.standard_normal(world.pairs)
    )
    score = np.round(score, 6)
    return score, score >= settings.threshold


def _category_guess(world: World, confusion: float, rng: np.random.Generator) -> Array:
    """Search's one guess of each keyphrase's category; wrong ones are wrong for all its pairs."""
    count = len(world.keyphrase_category)
    wrong = rng.random(count) < confusion
    other = rng.integers(0, max(len(world.category_names), 1), size=count)
    return np.where(wrong, other, world.keyphrase_category)


def adoption(world: World, settings: MarketSettings) -> tuple[Array, Array]:
    """Which pairs their sellers adopt, and which of the others are shown as unpaid results."""
    sellers = settings.sellers
    rng = stream(settings.seed, "sellers")
    chance = np.clip(np.array(sellers.adopt)[world.grade], 1e-9, 1 - 1e-9)
    taste = sellers.taste * rng.standard_normal(int(world.seller.max(initial=0)) + 1)
    odds = np.log(chance / (1 - chance)) + taste[world.seller[world.pair_item]]
    adopted = rng.random(world.pairs) < 1 / (1 + np.exp(-odds))
    return adopted, ~adopted & (rng.random(world.pairs) < sellers.organic)
