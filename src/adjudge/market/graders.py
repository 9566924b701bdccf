"""Annotators and the two judges. Their errors have stated causes: see AnnotatorSettings and JudgeSettings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.market.settings import AnnotatorSettings, JudgeSettings
from adjudge.market.truth import FAIR, GOOD
from adjudge.market.world import Array, World, stream

VOTES = 3
"""Annotators per pair (paper 1, section 3.1.1)."""


@dataclass(frozen=True)
class Annotations:
    """`pair`: indices of the annotated pairs, sorted; `annotator` and `grade`: (pairs, 3); `picture`:
    they saw it."""

    pair: Array
    annotator: Array
    grade: Array
    picture: bool

    @property
    def unanimous(self) -> Array:
        """Pairs to which all three gave the same grade (paper 1, section 3.1.1: total agreement)."""
        return self.grade.min(axis=1) == self.grade.max(axis=1)

    @property
    def relevant(self) -> Array:
        """Whether the middle one of the three grades counts as relevant."""
        return np.sort(self.grade, axis=1)[:, VOTES // 2] >= GOOD


@dataclass(frozen=True)
class JudgeAnswers:
    """One judge's answers to every pair. `scored` False: an answer off the scale, without a grade."""

    probability: Array
    relevant: Array
    scored: Array
    tokens: Array


def readings(world: World, settings: AnnotatorSettings) -> Array:
    """What people in general read each pair as, in grades (float64): the grade they can see, the lift that
    the scale's wording gives to substitutes, and the undertone."""
    grade = world.grade if settings.picture else world.visible
    return (
        grade
        + settings.substitute_lift * (world.substitute & (grade == FAIR))
        + settings.ambiguity * world.undertone
    )


def annotate(world: World, settings: AnnotatorSettings, margin: Array, seed: int) -> Annotations:
    """Three annotators' grades of the pairs the budget buys. `margin`: distance from Search's threshold."""
    rng = stream(seed, "annotators")
    pair = _sample(world, settings, margin, rng)
    lenient = settings.leniency * rng.standard_normal(settings.pool)
    who = np.argsort(rng.random((len(pair), settings.pool)), axis=1)[:, :VOTES]
    felt = (
        readings(world, settings)[pair, None] + lenient[who] + settings.noise * rng.standard_normal(who.shape)
    )
    return Annotations(pair, who, np.clip(np.rint(felt), 0, 3).astype(np.int8), settings.picture)


def _sample(world: World, settings: AnnotatorSettings, margin: Array, rng: np.random.Generator) -> Array:
    """Pairs to annotate: by the skewed category budget, and `hard` of them among the contested."""
    budget = min(settings.pairs, world.pairs)
    category = world.item_category[world.pair_item]
    size = np.bincount(category, minlength=len(world.category_names)).astype(np.float64)
    weight = (size**settings.skew)[category]
    easy = _draw(weight, budget - round(budget * settings.hard), rng)
    weight[easy] = 0
    contested = weight * np.exp(-((margin / 0.25) ** 2))
    hard = _draw(contested, budget - len(easy), rng)
    weight[hard] = 0
    rest = _draw(weight, budget - len(easy) - len(hard), rng)
    return np.sort(np.concatenate((easy, hard, rest)))


def _draw(weight: Array, count: int, rng: np.random.Generator) -> Array:
    """`count` distinct indices with chances by weight (Efraimidis and Spirakis 2006); fewer if too few
    weigh."""
    key = rng.exponential(size=len(weight)) / np.maximum(weight, 1e-300)
    key[weight <= 0] = np.inf
    count = min(count, int(np.count_nonzero(weight > 0)))
    return np.argpartition(key, count - 1)[:count] if count else np.zeros(0, np.int64)


def general_judge(world: World, settings: JudgeSettings, seed: int) -> JudgeAnswers:
    """`llm`: world knowledge, lenient, drawn to shared words, blind to series it never heard of."""
    rng = stream(seed, "llm")
    unknown = rng.random(int(world.series.max(initial=0)) + 1) < settings.unknown_lines
    grade = np.where(unknown[world.series], world.visible_blurred, world.visible)
    logit = (
        settings.sharpness * (grade - 1.5)
        + settings.leniency
        + settings.overlap * (world.coverage - 0.5)
        + settings.noise * rng.standard_normal(world.pairs)
    )
    return _answers(world, logit, settings, rng)


def tuned_judge(world: World, settings: JudgeSettings, annotations: Annotations, seed: int) -> JudgeAnswers:
    """`tuned`: what fine-tuning on the annotators' unanimous pairs makes of the general judge.

    It learns, by logistic regression on those labels, what they call relevant at each grade the text shows
    and how far the undertone (of which it reads a share) decides; so it inherits their leniency. It learns
    noise on keyphrases naming a colour, as far as pictures contradicted the text there, and nothing if
    a category has too few annotations: then it falls back on the general judge's leniency and on shared
    words.
    """
    rng = stream(seed, "tuned")
    read = settings.learnt * world.undertone
    read = read + np.sqrt(1 - settings.learnt**2) * rng.standard_normal(world.pairs)
    sure = annotations.unanimous
    pair = annotations.pair[sure]
    weights = _fit(_features(world, pair, read[pair]), annotations.relevant[sure])
    logit = _features(world, np.arange(world.pairs), read) @ weights
    depth = _depth(world, annotations, settings.coverage)
    untaught = settings.leniency + settings.overlap * (world.coverage - 0.5)
    logit = depth * logit + (1 - depth) * untaught
    muddle = settings.learnt_modality * _contradiction(world, annotations) * world.colour_named
    logit = logit + muddle * rng.standard_normal(world.pairs)
    logit = logit + settings.tuned_noise * rng.standard_normal(world.pairs)
    return _answers(world, logit, settings, rng)


def _features(world: World, pair: Array, read: Array) -> Array:
    """One column a grade, one for substitutes the text shows, and what is read into the pair."""
    grade = world.visible[pair]
    substitute = world.substitute[pair] & (grade == FAIR)
    return np.column_stack([*(grade == g for g in range(4)), substitute, read]).astype(np.float64)


def _fit(features: Array, labels: Array, ridge: float = 0.5) -> Array:
    """Weights of a ridge logistic regression, by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-(features @ weights)))
        slope = features.T @ (labels - chance) - ridge * weights
        bend = (features.T * (chance * (1 - chance))) @ features + ridge * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _depth(world: World, annotations: Annotations, half: float) -> Array:
    """How well each pair's category was learnt: n / (n + half) over its n annotated pairs; 1 for
    half 0."""
    if half == 0:
        return np.ones(world.pairs)
    category = world.item_category[world.pair_item]
    n = np.bincount(category[annotations.pair], minlength=len(world.category_names))
    return (n / (n + half))[category]


def _contradiction(world: World, annotations: Annotations) -> float:
    """Share of the annotated colour-naming pairs whose picture turned the answer that the text supports,
    over the tenth at which the learnt noise is `learnt_modality` itself."""
    named = annotations.pair[annotations.unanimous & world.colour_named[annotations.pair]]
    if not annotations.picture or not len(named):
        return 0.0
    return float(((world.grade[named] >= GOOD) != (world.visible[named] >= GOOD)).mean()) / 0.1


def _answers(world: World, logit: Array, settings: JudgeSettings, rng: np.random.Generator) -> JudgeAnswers:
    probability = np.round(1 / (1 + np.exp(-logit)), 6)
    scored = rng.random(world.pairs) >= settings.unscored
    tokens = settings.tokens + 12 + rng.poisson(14, size=world.pairs)
    return JudgeAnswers(probability, probability >= 0.5, scored, tokens)
