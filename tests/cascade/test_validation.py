"""Bounds against scipy, regions by hand and by property, and the promise kept over many draws."""

from __future__ import annotations

import doctest
import importlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from adjudge.cascade import region, validation
from adjudge.cascade.curve import curve
from adjudge.cascade.region import LabelledAnswers, Region
from adjudge.cascade.saved_region import SavedRegion, load_region, saved_region
from adjudge.cascade.settings import CascadeSettings
from adjudge.config import from_dict, to_dict
from adjudge.errors import BadConfig
from adjudge.records import BINARY, FOUR
from adjudge.stats import bounds


@pytest.mark.parametrize("name", ["stats.bounds", "cascade.region", "cascade.curve", "cascade.validation"])
def test_worked_examples_in_the_docstrings(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"adjudge.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.998]))
def test_the_lower_bound_is_clopper_and_pearsons(pairs: int, share: float, level: float) -> None:
    hits = round(share * pairs)
    exact = beta.ppf(1 - level, hits, pairs - hits + 1) if hits else 0.0
    assert bounds.lower(hits, pairs, level) == pytest.approx(exact, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.82, 1), st.floats(0.6, 0.8), st.sampled_from([0.05, 0.0017]))
def test_so_many_labels_reach_the_target_and_fewer_by_one_do_not(
    share: float, target: float, tail: float
) -> None:
    number = bounds.needed(share, target, tail)
    assert number is not None
    assert bounds.lower(share * number, number, 1 - tail) >= target - 1e-9


def test_errors_that_come_together_count_as_fewer_pairs() -> None:
    """100 items of 4 pairs each, all four right or all four wrong: worth about 100 pairs, not 400."""
    item = np.repeat(np.arange(100), 4)
    right = np.repeat(np.arange(100) >= 10, 4)
    together = bounds.bound(item, right, 0.95)
    alone = bounds.bound(np.arange(400), right, 0.95)
    assert together.value == alone.value == 0.9
    assert together.effective == pytest.approx(99, abs=0.5)
    assert together.low == pytest.approx(bounds.lower(0.9 * 99, 99, 0.95), abs=1e-9)
    assert alone.effective == pytest.approx(399)
    assert alone.low == pytest.approx(beta.ppf(0.05, 359, 41), abs=1e-9)
    assert bounds.bound(item[:0], right[:0], 0.95).low is None


def test_without_errors_items_are_counted_and_few_errors_show_no_more() -> None:
    """600 labels of 4 items show .05 ** (1 / 4) = .473, with no error as with one; of 600 items .995."""
    item, right = np.repeat(np.arange(4), 150), np.ones(600, bool)
    flawless = bounds.bound(item, right, 0.95)
    assert (flawless.effective, flawless.items) == (4, 4)
    assert flawless.low == pytest.approx(0.05**0.25)
    flawed = right.copy()
    flawed[0] = False
    assert bounds.bound(item, flawed, 0.95).low <= flawless.low
    assert bounds.bound(np.arange(600), right, 0.95).low == pytest.approx(0.05 ** (1 / 600))
    none = bounds.bound(item, ~right, 0.95)
    assert none.high == pytest.approx(1 - 0.05**0.25)
    held = LabelledAnswers(item, np.zeros(600, np.int64), np.ones(600), right, right, right, right)
    chosen = validation.choose(held, 2, CascadeSettings(target=0.9))
    assert chosen.place == 0
    items = bounds.needed(1.0, 0.9, bounds.planning_tail(0.95, 0.9))
    assert chosen.labels == 2 * items * 150


def test_a_grade_without_a_label_never_stands() -> None:
    """Labels of two grades of four, all right: those two stand, the others do not, and the curve still ends with all."""
    pairs, step = np.arange(400), np.repeat([0, 2], 200)
    right = np.ones(400, bool)
    held = LabelledAnswers(pairs, step, np.full(400, 0.9), right, right, right, right)
    chosen = validation.choose(held, 4, CascadeSettings(target=0.9))
    assert chosen.region == Region((0.0, None, 0.0, None))
    assert chosen.ladder[-1] == Region((0.0,) * 4)


answers = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 20).map(lambda n: n / 20), st.booleans()), max_size=80
)


@settings(max_examples=80, deadline=None)
@given(answers, st.integers(1, 9))
def test_each_region_of_the_ladder_holds_the_one_before(
    rows: list[tuple[int, float, bool]], size: int
) -> None:
    step = np.array([row[0] for row in rows], np.int64)
    sure = np.array([row[1] for row in rows], np.float64)
    right = np.array([row[2] for row in rows], bool)
    steps = region.ladder(step, sure, right, 3, size)
    inside = [one.inside(step, sure) for one in steps]
    assert not inside[0].any()
    assert inside[-1].all()
    assert all((small <= large).all() for small, large in pairwise(inside))


def test_blocks_by_hand() -> None:
    """Surest first, two a run: (2 of 2), (1 of 2), (2 of 2) -> the last two pool to 3 of 4."""
    sure = np.array([0.99, 0.97, 0.9, 0.9, 0.7, 0.6])
    right = np.array([1, 1, 0, 1, 1, 1], bool)
    found = region.blocks(1, sure, right, 2)
    assert [(b.least, b.right, b.pairs) for b in found] == [(0.97, 2, 2), (0.0, 3, 4)]
    assert region.blocks(1, sure[:0], right[:0], 2) == []


def test_a_region_in_words() -> None:
    assert Region((None, 0.0)).in_words(BINARY) == "irrelevant never; relevant always"
    assert "fair where the confidence is at least 0.8" in Region((None, 0.8, None, None)).in_words(FOUR)


def test_halves_share_no_item() -> None:
    item = np.random.default_rng(3).integers(0, 150, 1_000)
    half = validation.halves(item, np.random.default_rng(4))
    assert not set(item[half]) & set(item[~half])
    assert 480 <= half.sum() <= 530


def drawn(rng: np.random.Generator, pairs: int) -> LabelledAnswers:
    """A judge that is right with chance .5 + .5 * (its confidence - .5) / .5: .5 where it is unsure, 1 where sure."""
    step, sure = rng.integers(0, 2, pairs), 0.5 + 0.5 * rng.random(pairs)
    right = rng.random(pairs) < sure
    strong = rng.random(pairs) < 0.97
    item = rng.integers(0, pairs // 2, pairs)
    return LabelledAnswers(item, step, sure, right, strong, right == strong, np.ones(pairs, bool))


def true_agreement(one: Region) -> float:
    """Of `drawn`'s judge inside a region: confidence is uniform from least to 1, its mean is the agreement."""
    least = [max(0.5, bar) for bar in one.least if bar is not None]
    return float(np.average([(1 + bar) / 2 for bar in least], weights=[1 - bar + 1e-12 for bar in least]))


def test_the_promise_is_broken_no_oftener_than_stated() -> None:
    """60 draws: validated regions whose true agreement is below the target are at most a few (5 % are allowed)."""
    asked = CascadeSettings(target=0.85, block=25)
    kept = broken = shown = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        first, second = drawn(rng, 500), drawn(rng, 500)
        chosen = validation.choose(first, 2, asked)
        if chosen.place == 0:
            continue
        shown += 1
        found = second.bound(chosen.region, asked.level)
        if found.low is not None and found.low >= asked.target:
            kept += 1
            broken += true_agreement(chosen.region) < asked.target
    assert shown >= 40
    assert kept >= 0.6 * shown
    assert broken <= 3


def test_the_curve_begins_with_the_strong_judge_and_ends_with_the_cheap_one() -> None:
    rng = np.random.default_rng(1)
    first, second = drawn(rng, 800), drawn(rng, 800)
    asked = CascadeSettings(target=0.8)
    chosen = validation.choose(first, 2, asked)

    def share(part: Region) -> float:
        return float(1 - part.inside(second.step, second.confidence).mean())

    points = curve(second, chosen.ladder, chosen.place, share, asked, rng)
    by = {(p.kind, p.against, p.place): p for p in points}
    last = len(chosen.ladder) - 1
    assert by["all strong", "labels", 0].agreement.value == pytest.approx(second.strong_right.mean())
    assert by["all cheap", "labels", last].agreement.value == pytest.approx(second.right.mean())
    assert by["all strong", "strong judge", 0].agreement.value == 1.0
    assert [p.place for p in points if p.chosen] == [chosen.place] * 2
    middle = by["cascade", "labels", chosen.place]
    blind = by["random", "labels", chosen.place]
    assert middle.agreement.low > blind.agreement.high
    mixed = (
        share(chosen.region) * second.strong_right.mean() + (1 - share(chosen.region)) * second.right.mean()
    )
    assert blind.agreement.value == pytest.approx(mixed)


def test_labels_that_are_missing_are_counted() -> None:
    """A judge right 9 times in 10 everywhere: with 100 labels a half .85 cannot be shown, and how many can is said."""
    pairs = 100
    right = np.arange(pairs) % 10 > 0
    held = LabelledAnswers(
        np.arange(pairs), np.zeros(pairs, np.int64), np.ones(pairs), right, right, right, right
    )
    asked = CascadeSettings(target=0.85)
    chosen = validation.choose(held, 2, asked)
    assert chosen.place == 0
    tail = bounds.planning_tail(asked.level, asked.power)
    assert chosen.labels == pytest.approx(2 * bounds.needed(0.9, 0.85, tail), rel=0.02)
    enough = np.tile(np.arange(pairs) % 10 > 0, 20)
    many = LabelledAnswers(
        *(np.arange(2_000), np.zeros(2_000, np.int64), np.ones(2_000), enough, enough, enough, enough)
    )
    assert validation.choose(many, 2, asked).place > 0
    hopeless = validation.choose(held, 2, CascadeSettings(target=0.95))
    assert (hopeless.place, hopeless.labels) == (0, None)


def test_settings_go_through_json_and_keep_their_ranges() -> None:
    asked = CascadeSettings(target=0.8, points=7)
    assert from_dict(CascadeSettings, to_dict(asked)) == asked
    with pytest.raises(BadConfig, match="target is 1.5"):
        CascadeSettings(target=1.5)


def test_a_saved_region_is_for_its_own_judge_and_scale(tmp_path) -> None:
    from adjudge.config import save

    shown = {"validated": True, "against": "people", "target": 0.9, "level": 0.95}
    path = tmp_path / "region.json"
    save(saved_region("llm", BINARY, Region((0.9, None)), **shown), path)
    assert load_region(path, "llm", BINARY).region == Region((0.9, None))
    for judge, scale, match in (("other", BINARY, "is for judge 'llm'"), ("llm", FOUR, "on scale binary")):
        with pytest.raises(BadConfig, match=match):
            load_region(path, judge, scale)
    save(saved_region("llm", BINARY, Region((0.9, None)), **{**shown, "validated": False}), path)
    with pytest.raises(BadConfig, match="was not validated"):
        load_region(path, "llm", BINARY)
    save(SavedRegion("llm", "binary", {"irrelevant": 2.0, "relevant": None}, **shown), path)
    with pytest.raises(BadConfig, match="null or 0 to 1"):
        load_region(path, "llm", BINARY)
