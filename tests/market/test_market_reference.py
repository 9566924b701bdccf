"""The market's rules once more in plain Python, row by row, against the vectorised ones."""

from __future__ import annotations

import collections
import math

import numpy as np
import pytest
from small_market import SMALL

from adjudge.market import parties
from adjudge.market.assortment import assortment
from adjudge.market.buyers import (
    ClickLog,
    MarketState,
    _attraction,
    _conversion,
    _log,
    _positions,
    no_history,
    play_window,
)
from adjudge.market.catalogue import build_shop, draw_items
from adjudge.market.phrases import draw_phrases
from adjudge.market.settings import BuyerSettings
from adjudge.market.simulate import auction
from adjudge.market.truth import grade_pairs
from adjudge.market.world import World, stream

SHOP = build_shop(SMALL.seed)
ITEMS = draw_items(SHOP, SMALL.catalogue, stream(SMALL.seed, "items"))
PHRASES = draw_phrases(ITEMS, SHOP, SMALL.catalogue, 220.0, stream(SMALL.seed, "keyphrases"))
KINDS = (None, *assortment().kinds)
BAD, FAIR, GOOD, EXCELLENT = range(4)


def plain_grade(item: dict[str, int], maker: int, want: dict[str, int], see_colour: bool = True) -> int:
    """The truth's rules read aloud: docs/market.md, one pair."""
    brand_off = bool(want["brand"]) and want["brand"] not in (item["brand"], maker)
    line_off = False
    if want["series"]:
        line_off = want["series"] != item["series"]
        if want["number"]:
            line_off |= (want["number"], want["suffix"]) != (item["number"], item["suffix"])
    faults = int(brand_off) + int(line_off and not brand_off)
    if see_colour:
        faults += int(bool(want["colour"]) and want["colour"] != item["colour"])
    faults += sum(bool(want[a]) and want[a] != item[a] for a in ("measure", "material", "condition"))
    named = sum(bool(want[a]) for a in ("brand", "series", "colour", "measure", "material", "condition"))
    brand_right = bool(want["brand"]) and not brand_off
    if want["kind"] == item["kind"]:
        if faults:
            return FAIR if faults == 1 else BAD
        return EXCELLENT if named >= 2 or want["series"] else GOOD
    if not want["kind"]:
        if want["family"] == item["family"]:
            return (GOOD, FAIR)[faults] if faults < 2 else BAD
        return FAIR if brand_right else BAD
    asked, has = KINDS[want["kind"]], KINDS[item["kind"]]
    if has.fits == asked.names[0] or asked.fits == has.names[0]:
        same_product = brand_right or (bool(want["series"]) and want["series"] == item["series"])
        return FAIR if same_product else BAD
    return FAIR if asked.leaf == has.leaf and not faults else BAD


def row(traits, number: int) -> dict[str, int]:  # type: ignore[no-untyped-def]
    return {name: int(getattr(traits, name)[number]) for name in traits.__dataclass_fields__}


def sample(pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of which half are drawn at random and half share a kind, so that every rule is met."""
    rng = np.random.default_rng(seed)
    items = rng.integers(0, len(ITEMS.name), pairs)
    phrases = rng.integers(0, len(PHRASES.volume), pairs)
    by_kind = collections.defaultdict(list)
    for phrase, kind in enumerate(PHRASES.traits.kind.tolist()):
        by_kind[kind].append(phrase)
    for n in range(0, pairs, 2):
        phrases[n] = rng.choice(by_kind[int(ITEMS.traits.kind[items[n]])] or [0])
    return items, phrases


def test_grades_equal_the_rules_read_aloud() -> None:
    items, phrases = sample(3_000, 1)
    facts = grade_pairs(ITEMS, PHRASES.traits, SHOP, items, phrases)
    counted = collections.Counter()
    for n, (i, p) in enumerate(zip(items.tolist(), phrases.tolist(), strict=True)):
        item, want = row(ITEMS.traits, i), row(PHRASES.traits, p)
        expected = plain_grade(item, int(ITEMS.maker[i]), want)
        assert facts.grade[n] == expected, (item, want)
        counted[expected] += 1
        hidden = bool(ITEMS.hidden[i]) and bool(want["colour"])
        assert facts.blind[n] == hidden
        assert facts.visible[n] == plain_grade(item, int(ITEMS.maker[i]), want, see_colour=not hidden)
    assert min(counted[grade] for grade in range(4)) > 50


def test_what_is_seen_is_never_worse_than_what_is_so() -> None:
    """Leaving a colour or a series out of account can only remove a fault."""
    facts = grade_pairs(ITEMS, PHRASES.traits, SHOP, *sample(4_000, 2))
    assert (facts.visible >= facts.grade).all()
    same_kind_or_sibling = ~facts.accessory
    assert (facts.visible_blurred >= facts.visible)[same_kind_or_sibling].all()


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    items, phrases = sample(1_000, 3)
    whole = grade_pairs(ITEMS, PHRASES.traits, SHOP, items, phrases)
    monkeypatch.setattr("adjudge.market.truth._CHUNK", 97)
    cut = grade_pairs(ITEMS, PHRASES.traits, SHOP, items, phrases)
    assert all(np.array_equal(getattr(whole, name), getattr(cut, name)) for name in vars(whole))


def test_searchs_score_is_the_stated_sum(world: World) -> None:
    """Each pair's score by hand from the columns, noise drawn from the same stream."""
    settings = SMALL.search
    rng = stream(SMALL.seed, "search")
    wrong = rng.random(len(world.keyphrase_category)) < settings.category_confusion
    other = rng.integers(0, len(world.category_names), size=len(wrong))
    guess = [o if w else c for o, w, c in zip(other, wrong, world.keyphrase_category, strict=True)]
    noise = rng.standard_normal(world.pairs)
    score, passed = parties.search_scores(world, settings, SMALL.seed)
    for n in range(0, world.pairs, 50):
        same = guess[world.pair_keyphrase[n]] == world.item_category[world.pair_item[n]]
        expected = settings.meaning * world.visible[n] / 3 + settings.words * world.coverage[n]
        expected += settings.category * same + settings.accessories * world.accessory[n]
        expected += settings.noise * noise[n]
        assert score[n] == pytest.approx(expected, abs=2e-6)
        assert passed[n] == (score[n] >= settings.threshold)


def test_adoption_follows_grade_and_taste(world: World) -> None:
    """Without taste, the share adopted of each grade is the setting; organic pairs are never adopted ones."""
    import dataclasses

    plain = dataclasses.replace(SMALL, sellers=dataclasses.replace(SMALL.sellers, taste=0.0))
    adopted, organic = parties.adoption(world, plain)
    assert not (adopted & organic).any()
    for grade, chance in enumerate(plain.sellers.adopt):
        chosen = world.grade == grade
        error = math.sqrt(chance * (1 - chance) / chosen.sum())
        assert abs(adopted[chosen].mean() - chance) < 4 * error
    assert abs(organic[~adopted].mean() - plain.sellers.organic) < 0.01


def test_attraction_by_hand(world: World) -> None:
    settings = BuyerSettings()
    pairs = np.arange(0, world.pairs, 97)
    for n, value in zip(pairs.tolist(), _attraction(world, pairs, settings).tolist(), strict=True):
        chance = settings.click[world.grade[n]]
        odds = math.log(chance / (1 - chance)) + settings.undertone * world.undertone[n]
        odds -= settings.price * world.price_ratio[world.pair_item[n]]
        intended = 1 / (1 + math.exp(-odds))
        assert value == pytest.approx(intended + settings.noise_clicks - intended * settings.noise_clicks)


def test_conversion_by_hand(world: World) -> None:
    settings = BuyerSettings(picture=2.0)
    pairs = np.arange(0, world.pairs, 97)
    for n, value in zip(pairs.tolist(), _conversion(world, pairs, settings).tolist(), strict=True):
        chance = settings.buy[world.grade[n]] * (2.0 if world.picture_match[n] else 1.0)
        chance *= math.exp(-settings.price * world.price_ratio[world.pair_item[n]])
        assert value == pytest.approx(min(chance, 1.0))


def test_positions_against_a_sort_per_page() -> None:
    rng = np.random.default_rng(4)
    keyphrase, rank = rng.integers(0, 40, 600), rng.standard_normal(600)
    position, share = _positions(keyphrase, rank, slots=7)
    for phrase in range(40):
        rows = np.flatnonzero(keyphrase == phrase)
        order = rows[np.argsort(-rank[rows], kind="stable")]
        part = min(7 / len(order), 1.0)
        assert np.allclose(share[order], part)
        assert position[order].tolist() == [1 + math.floor(r * part) for r in range(len(order))]


def test_the_log_adds_up_the_rounds() -> None:
    """Two rounds of three pairs: equal (pair, position) are added, rows without an impression are dropped."""

    class Shop:
        price = np.array([2.0, 5.0])
        pair_item = np.array([0, 1, 0])

    rounds = [
        (np.array([1, 2, 3]), np.array([10, 5, 0]), np.array([4, 1, 0]), np.array([2, 0, 0])),
        (np.array([1, 1, 3]), np.array([7, 2, 1]), np.array([1, 1, 0]), np.array([1, 1, 0])),
    ]
    log = _log(Shop, np.array([0, 1, 2]), rounds)  # type: ignore[arg-type]
    assert log.pair.tolist() == [0, 1, 1, 2]
    assert log.position.tolist() == [1, 1, 2, 3]
    assert log.impressions.tolist() == [17, 2, 5, 1]
    assert log.clicks.tolist() == [5, 1, 1, 0]
    assert log.sales.tolist() == [3, 1, 0, 0]
    assert log.revenue.tolist() == [6.0, 5.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def start(world: World) -> MarketState:
    score, passed = parties.search_scores(world, SMALL.search, SMALL.seed)
    pairs = auction(world, SMALL, passed)
    return MarketState(pairs, score[pairs], world.volume, SMALL.buyers, no_history(len(world.item_id)))


def played(world: World, state: MarketState, name: str) -> tuple[ClickLog, MarketState]:
    return play_window(world, state, stream(9, name))


def test_a_windows_history_is_its_log(world: World, start: MarketState) -> None:
    log, after = played(world, start, "one")
    items = world.pair_item[log.pair]
    size = len(world.item_id)
    assert np.array_equal(after.history.clicks, np.bincount(items, weights=log.clicks, minlength=size))
    assert np.array_equal(
        after.history.impressions, np.bincount(items, weights=log.impressions, minlength=size)
    )


def test_a_window_leaves_the_state_it_started_from_alone(world: World, start: MarketState) -> None:
    before = start.history.clicks.copy()
    first, _ = played(world, start, "one")
    again, _ = played(world, start, "one")
    assert np.array_equal(start.history.clicks, before)
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in vars(first))


def test_windows_chain(world: World, start: MarketState) -> None:
    """The second window starts from the first one's history; everything else of the state is unchanged."""
    log, middle = played(world, start, "one")
    second, end = played(world, middle, "two")
    assert end.history.clicks.sum() == log.clicks.sum() + second.clicks.sum()
    assert end.auction is start.auction
    assert end.buyers is start.buyers


def test_only_pairs_in_the_auction_are_shown(world: World, start: MarketState) -> None:
    log, _ = played(world, start, "one")
    assert set(log.pair.tolist()) <= set(start.auction.tolist())
    assert (log.clicks <= log.impressions).all()
    assert (log.sales <= log.clicks).all()
    assert (log.impressions > 0).all()
    assert log.position.min() == 1
    assert log.position.max() <= SMALL.buyers.slots


def test_the_auction_is_who_search_admits_and_sellers_adopt(world: World) -> None:
    _, passed = parties.search_scores(world, SMALL.search, SMALL.seed)
    adopted, organic = parties.adoption(world, SMALL)
    expected = [n for n in range(world.pairs) if passed[n] and (adopted[n] or organic[n])]
    assert auction(world, SMALL, passed).tolist() == expected
