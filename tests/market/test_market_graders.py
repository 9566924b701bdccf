"""Annotators and judges by hand: who grades what, how deep the tuned judge learnt a category, what it falls
back on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_market import SMALL

from adjudge.market import graders, parties
from adjudge.market.graders import Annotations, JudgeAnswers, annotate, general_judge, readings, tuned_judge
from adjudge.market.settings import AnnotatorSettings, JudgeSettings
from adjudge.market.world import World, stream

CLEAN = AnnotatorSettings(pairs=2_000, substitute_lift=0, ambiguity=0, leniency=0, noise=0, skew=0)


def made(world: World, settings: AnnotatorSettings = SMALL.annotators) -> Annotations:
    score, _ = parties.search_scores(world, SMALL.search, SMALL.seed)
    return annotate(world, settings, score - SMALL.search.threshold, SMALL.seed)


def test_annotations_by_hand() -> None:
    """Grades (2, 2, 2), (0, 1, 3), (1, 2, 3): the first is unanimous; the middle grades are 2, 1 and 2."""
    grades = np.array([[2, 2, 2], [0, 1, 3], [1, 2, 3]], np.int8)
    annotations = Annotations(np.array([4, 7, 9]), np.zeros((3, 3), int), grades, picture=True)
    assert annotations.unanimous.tolist() == [True, False, False]
    assert annotations.relevant.tolist() == [True, False, True]


def test_readings_add_the_stated_causes(world: World) -> None:
    settings = AnnotatorSettings(picture=True, substitute_lift=0.7, ambiguity=0.45)
    value = readings(world, settings)
    for n in range(0, world.pairs, 61):
        lift = 0.7 if world.substitute[n] and world.grade[n] == 1 else 0.0
        assert value[n] == pytest.approx(world.grade[n] + lift + 0.45 * world.undertone[n])


def test_grades_are_on_the_scale(world: World) -> None:
    wild = made(world, dataclasses.replace(SMALL.annotators, noise=4.0))
    assert set(np.unique(wild.grade)) == {0, 1, 2, 3}


def test_the_budget_is_at_most_all_pairs(world: World) -> None:
    everything = made(world, dataclasses.replace(CLEAN, pairs=10**9))
    assert np.array_equal(everything.pair, np.arange(world.pairs))
    assert len(made(world, dataclasses.replace(CLEAN, pairs=0)).pair) == 0


def test_pairs_are_sorted_and_distinct(world: World) -> None:
    pair = made(world).pair
    assert (np.diff(pair) > 0).all()


def test_without_skew_categories_are_annotated_as_they_lie(world: World) -> None:
    annotations = made(world, dataclasses.replace(CLEAN, hard=0.0, pairs=6_000))
    category = world.item_category[world.pair_item]
    size = np.bincount(category)
    expected = 6_000 * size / size.sum()
    got = np.bincount(category[annotations.pair], minlength=len(size))
    large = expected > 30
    assert (np.abs(got - expected)[large] < 5 * np.sqrt(expected[large])).all()


def test_the_general_judges_odds_are_the_stated_sum(world: World) -> None:
    settings = JudgeSettings(noise=0.0, unscored=0.0)
    answers = general_judge(world, settings, 5)
    unknown = stream(5, "llm").random(int(world.series.max()) + 1) < settings.unknown_lines
    for n in range(0, world.pairs, 83):
        grade = world.visible_blurred[n] if unknown[world.series[n]] else world.visible[n]
        odds = settings.sharpness * (grade - 1.5) + settings.leniency
        odds += settings.overlap * (world.coverage[n] - 0.5)
        assert answers.probability[n] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert np.array_equal(answers.relevant, answers.probability >= 0.5)


def test_tokens_are_about_the_prompt_and_the_pair(world: World) -> None:
    answers = general_judge(world, JudgeSettings(tokens=300), 1)
    assert answers.tokens.mean() == pytest.approx(300 + 12 + 14, abs=0.5)
    assert answers.tokens.min() >= 312


def test_depth_by_hand(world: World) -> None:
    """A category with as many annotated pairs as `coverage` is half learnt; 0 means that all are learnt."""
    annotations = made(world)
    depth = graders._depth(world, annotations, 25.0)
    category = world.item_category[world.pair_item]
    counts = np.bincount(category[annotations.pair], minlength=len(world.category_names))
    for n in range(0, world.pairs, 101):
        count = counts[category[n]]
        assert depth[n] == pytest.approx(count / (count + 25.0))
    assert (graders._depth(world, annotations, 0) == 1).all()


def test_contradiction_by_hand(world: World) -> None:
    """The share of annotated colour pairs that the picture turned, over one tenth."""
    annotations = made(world, dataclasses.replace(CLEAN, pairs=10**9))
    colour = [n for n in range(world.pairs) if world.colour_named[n]]
    turned = [(world.grade[n] >= 2) != (world.visible[n] >= 2) for n in colour]
    assert graders._contradiction(world, annotations) == pytest.approx(np.mean(turned) / 0.1)
    assert graders._contradiction(world, dataclasses.replace(annotations, picture=False)) == 0.0


def test_features_by_hand(world: World) -> None:
    pair, reading = np.array([3, 10]), np.array([0.5, -1.0])
    features = graders._features(world, pair, reading)
    assert features.shape == (2, 6)
    for line, n, value in zip(features, pair, reading, strict=True):
        grade = int(world.visible[n])
        expected = [float(grade == g) for g in range(4)]
        expected += [float(bool(world.substitute[n]) and grade == 1), value]
        assert line.tolist() == expected


def tuned(world: World, **values: float) -> JudgeAnswers:
    settings = JudgeSettings(**({"tuned_noise": 0.0, "learnt_modality": 0.0, "unscored": 0.0} | values))  # type: ignore[arg-type]
    return tuned_judge(world, settings, made(world, dataclasses.replace(CLEAN, picture=False)), 1)


def test_an_untaught_judge_falls_back_on_leniency_and_words(world: World) -> None:
    """With an endless `coverage` nothing is learnt: log-odds = leniency + overlap * (coverage - 0.5)."""
    answers = tuned(world, coverage=1e9, leniency=0.4, overlap=3.0)
    odds = 0.4 + 3.0 * (world.coverage - 0.5)
    assert np.allclose(answers.probability, 1 / (1 + np.exp(-odds)), atol=1e-4)


def test_more_annotations_teach_more(world: World) -> None:
    text = world.visible >= 2
    shares = [(tuned(world, coverage=c, learnt=1.0).relevant == text).mean() for c in (0.0, 25.0, 1000.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[2] + 0.02


def test_judges_draw_from_streams_of_their_own(world: World) -> None:
    """Changing the general judge's noise leaves every answer of the tuned judge as it was."""
    base = tuned_judge(world, JudgeSettings(), made(world), 1)
    other = tuned_judge(world, JudgeSettings(noise=0.1, unknown_lines=0.9), made(world), 1)
    assert np.array_equal(base.probability, other.probability)
    assert np.array_equal(base.scored, other.scored)
