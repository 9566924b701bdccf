"""Split-sample validation: halves, choice, the test on the other half, the promise over many draws."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from labelled import draw, true_agreement, uniform

from adjudge.cascade import validation
from adjudge.cascade.region import Region
from adjudge.cascade.settings import CascadeSettings
from adjudge.stats import bounds
from adjudge.stats.sampling import Sampling

FEW = Sampling(replicates=50)


def half_strong(region: Region) -> float:
    """A share of calls that falls as the region grows."""
    return 1.0 - sum(1.0 - threshold for threshold in region.least if threshold is not None) / 2


@pytest.mark.parametrize("name", ["cascade.region", "cascade.curve", "cascade.validation"])
def test_worked_examples_in_the_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"adjudge.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_labels_wanted_count_items_if_there_is_no_error() -> None:
    """600 labels of 4 items, all right: 0.9 takes the items planned for, each with 150 labels, twice."""
    chosen = validation.choose(
        uniform(np.ones(600, bool), np.repeat(np.arange(4), 150)), 2, CascadeSettings(target=0.9)
    )
    assert chosen.index == 0
    items = bounds.needed(1.0, 0.9, bounds.planning_tail(0.95, 0.9))
    assert chosen.labels == 2 * items * 150


def test_a_grade_without_a_label_never_stands() -> None:
    """Labels of two grades of four, all right: the others do not stand; the curve still ends with all."""
    answers = uniform(np.ones(400, bool), step=np.repeat([0, 2], 200))
    chosen = validation.choose(answers, 4, CascadeSettings(target=0.9))
    assert chosen.region == Region((0.0, None, 0.0, None))
    assert chosen.regions[-1] == Region((0.0,) * 4)


def test_halves_share_no_item() -> None:
    item = np.random.default_rng(3).integers(0, 150, 1_000)
    half = validation.halves(item, np.random.default_rng(4))
    assert not set(item[half]) & set(item[~half])
    assert 480 <= half.sum() <= 530
    assert (half == validation.halves(item, np.random.default_rng(4))).all()
    assert (half != validation.halves(item, np.random.default_rng(5))).any()


def test_halves_of_one_item_and_of_two() -> None:
    """One item is all in the first half, let in before half of the pairs are; two are one each."""
    assert validation.halves(np.array([7, 7, 7]), np.random.default_rng(0)).all()
    two = validation.halves(np.array([7, 7, 9, 9]), np.random.default_rng(0))
    assert two.sum() == 2
    assert two[0] == two[1] != two[2]


@pytest.mark.parametrize(("target", "level"), [(0.95, 0.95), (0.9, 0.95), (0.8, 0.99), (0.5, 0.9)])
def test_least_labels_are_the_first_that_show_the_target(target: float, level: float) -> None:
    """n answers without a mistake bound the agreement by (1 - level) ** (1 / n)."""
    least = validation.least_labels(CascadeSettings(target=target, level=level))
    assert (1 - level) ** (1 / least) >= target - 1e-9
    assert (1 - level) ** (1 / (least - 1)) < target


def test_the_promise_is_broken_no_oftener_than_stated() -> None:
    """60 draws: validated regions whose true agreement is below the target are at most a few (5 % may be)."""
    settings = CascadeSettings(target=0.85, block=25)
    validated = broken = chosen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        first, second = draw(rng, 500), draw(rng, 500)
        choice = validation.choose(first, 2, settings)
        if choice.index == 0:
            continue
        chosen += 1
        agreement = second.bound(choice.region, settings.level)
        if agreement.low is not None and agreement.low >= settings.target:
            validated += 1
            broken += true_agreement(choice.region) < settings.target
    assert chosen >= 40
    assert validated >= 0.6 * chosen
    assert broken <= 3


def test_the_chosen_region_is_the_largest_that_is_planned_to_pass() -> None:
    answers = draw(np.random.default_rng(8), 900)
    settings = CascadeSettings(target=0.85)
    chosen = validation.choose(answers, 2, settings)
    tail = bounds.planning_tail(settings.level, settings.power)
    lows = [answers.bound(region, 1 - tail).low or 0.0 for region in chosen.regions]
    assert lows[chosen.index] >= settings.target
    assert all(low < settings.target for low in lows[chosen.index + 1 :])
    assert chosen.first == answers.bound(chosen.region, settings.level)


def test_a_higher_power_or_target_lets_no_more_in() -> None:
    answers = draw(np.random.default_rng(9), 900)
    usual = validation.choose(answers, 2, CascadeSettings(target=0.85)).index
    assert validation.choose(answers, 2, CascadeSettings(target=0.85, power=0.99)).index <= usual
    assert validation.choose(answers, 2, CascadeSettings(target=0.88)).index <= usual
    assert validation.choose(answers, 2, CascadeSettings(target=0.75)).index >= usual


def test_labels_that_are_missing_are_counted() -> None:
    """A judge right 9 times in 10: 100 labels in a half cannot show 0.85; the answer says how many can."""
    settings = CascadeSettings(target=0.85)
    few = uniform(np.arange(100) % 10 > 0)
    chosen = validation.choose(few, 2, settings)
    assert chosen.index == 0
    tail = bounds.planning_tail(settings.level, settings.power)
    assert chosen.labels == pytest.approx(2 * bounds.needed(0.9, 0.85, tail), rel=0.02)
    assert validation.choose(uniform(np.arange(2_000) % 10 > 0), 2, settings).index > 0
    hopeless = validation.choose(few, 2, CascadeSettings(target=0.95))
    assert (hopeless.index, hopeless.labels) == (0, None)


def test_validate_chooses_on_one_half_and_tests_on_the_other() -> None:
    """The two agreements are those of the two halves, whatever the other half looks like."""
    rng = np.random.default_rng(2)
    answers = draw(rng, 1_600)
    half = validation.halves(answers.item, rng)
    settings = CascadeSettings(target=0.8, sampling=FEW)
    result = validation.validate(answers, half, 2, settings, half_strong, rng)
    choice = validation.choose(answers.at(half), 2, settings)
    assert result.verdict == "validated"
    assert (result.region, result.first) == (choice.region, choice.first)
    assert result.second == answers.at(~half).bound(choice.region, settings.level)
    assert result.second.low >= 0.8
    assert result.more is None
    assert {point.kind for point in result.points} == {"cascade", "random", "all cheap", "all strong"}


def test_a_region_that_fails_on_the_other_half_says_how_many_labels_would_do() -> None:
    """All right on the first half, 88 of 100 on the second: 0.85 is not shown (its bound is 0.81)."""
    right = np.concatenate([np.ones(100, bool), np.arange(100) >= 12])
    half = np.arange(200) < 100
    settings = CascadeSettings(target=0.85, sampling=FEW)
    rng = np.random.default_rng(0)
    result = validation.validate(uniform(right), half, 2, settings, half_strong, rng)
    assert result.verdict == "not validated"
    assert result.second.value == pytest.approx(0.88)
    assert result.second.low == pytest.approx(bounds.lower(88, 100, 0.95), abs=2e-3)
    tail = bounds.planning_tail(0.95, 0.9)
    # The bound is of one half, so both halves together need twice as many labels, less the 200 at hand.
    needed = bounds.pairs_needed(result.second, 0.85, tail)
    assert result.more == 2 * int(np.ceil(needed)) - 200


def test_nothing_chosen_is_not_validated_and_has_no_second_agreement() -> None:
    answers = uniform(np.arange(200) % 2 > 0)
    settings = CascadeSettings(target=0.9, sampling=FEW)
    half = np.arange(200) < 100
    result = validation.validate(answers, half, 2, settings, half_strong, np.random.default_rng(0))
    assert (result.verdict, result.more) == ("not validated", None)
    assert result.region == Region((None, None))
    assert (result.second.value, result.second.low) == (None, None)


@pytest.mark.parametrize(("wrong", "verdict"), [(0, "frozen"), (20, "frozen"), (60, "not validated")])
def test_a_saved_region_is_refused_only_if_it_is_below_its_target_for_certain(
    wrong: int, verdict: str
) -> None:
    """Of 200 labels at a target of 0.9: 20 wrong make 0.9, not refuted; 60 wrong make 0.7."""
    answers = uniform(np.arange(200) >= wrong)
    settings = CascadeSettings(sampling=FEW)
    region = Region((0.5, 0.5))
    result = validation.check(answers, region, 0.9, settings, half_strong, np.random.default_rng(0))
    assert (result.verdict, result.region, result.first) == (verdict, region, None)
    assert result.second == answers.bound(region, settings.level)
    assert {point.kind for point in result.points if point.chosen} == {"cascade"}
