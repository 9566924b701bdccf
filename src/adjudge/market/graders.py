"""Annotators and the two judges. Their errors have stated causes (`settings.AnnotatorSettings`, `JudgeSettings`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjudge.market.settings import AnnotatorSettings, JudgeSettings
from adjudge.market.truth import FAIR, GOOD
from adjudge.market.world import Array, World, stream

VOTES = 3
"""Annotators a pair (paper 1, section 3.1.1)."""


@dataclass(frozen=True)
class Annotations:
    """`pair`: indices of the annotated pairs, sorted; `annotator` and `grade`: (pairs, 3)."""

    pair: Array
    annotator: Array
    grade: Array

    @property
    def unanimous(self) -> Array:
        """Pairs on whose relevance all three agree (both sides of good count as one answer)."""
        votes = (self.grade >= GOOD).sum(axis=1)
        return (votes == 0) | (votes == VOTES)

    @property
    def relevant(self) -> Array:
        """What the majority says; what all say where `unanimous`."""
        return (self.grade >= GOOD).sum(axis=1) * 2 > VOTES


@dataclass(frozen=True)
class Verdicts:
    """One judge's answers to every pair. `scored` False: an answer off the scale, without a grade."""

    probability: Array
    relevant: Array
    scored: Array
    tokens: Array


def readings(world: World, settings: AnnotatorSettings, seed: int) -> Array:
    """What people in general read each pair as, in grades (float64): the grade they can see, the lift that
    the scale's wording gives to fair, and what they alike read into the pair."""
    grade = world.grade if settings.picture else world.visible
    shared = settings.ambiguity * stream(seed, "ambiguity").standard_normal(world.pairs)
    return grade + settings.fair_lift * (grade == FAIR) + shared


def annotate(world: World, settings: AnnotatorSettings, margin: Array, read: Array, seed: int) -> Annotations:
    """Three annotators' grades of the pairs the budget buys. `margin`: distance from Search's threshold."""
    rng = stream(seed, "annotators")
    pair = _sample(world, settings, margin, rng)
    lenient = settings.leniency * rng.standard_normal(settings.pool)
    who = np.argsort(rng.random((len(pair), settings.pool)), axis=1)[:, :VOTES]
    felt = read[pair, None] + lenient[who] + settings.noise * rng.standard_normal(who.shape)
    return Annotations(pair, who, np.clip(np.rint(felt), 0, 3).astype(np.int8))


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
    """`count` distinct indices with chances by weight (Efraimidis and Spirakis 2006); fewer if too few weigh."""
    key = rng.exponential(size=len(weight)) / np.maximum(weight, 1e-300)
    key[weight <= 0] = np.inf
    count = min(count, int(np.count_nonzero(weight > 0)))
    return np.argpartition(key, count - 1)[:count] if count else np.zeros(0, np.int64)


def general_judge(world: World, settings: JudgeSettings, seed: int) -> Verdicts:
    """`llm`: world knowledge, lenient, drawn to shared words, blind to series it never heard of."""
    rng = stream(seed, "llm")
    unknown = rng.random(int(world.series.max(initial=0)) + 1) < settings.unknown_lines
    seen = np.where(unknown[world.series], world.visible_blurred, world.visible)
    logit = (
        settings.sharpness * (seen - 1.5)
        + settings.leniency
        + settings.overlap * (world.coverage - 0.5)
        + settings.noise * rng.standard_normal(world.pairs)
    )
    return _verdicts(world, logit, settings, rng)


def tuned_judge(
    world: World, settings: JudgeSettings, annotations: Annotations, read: Array, seed: int
) -> Verdicts:
    """`tuned`: what fine-tuning on the annotators' unanimous pairs makes of the general judge.

    It learns, per grade the text shows, the share they call relevant; part of what they read into a pair;
    noise on keyphrases naming a colour, as far as the labels there contradicted the text; and it learns
    nothing where a category has too few annotations, falling back on shared words.
    """
    rng = stream(seed, "tuned")
    learnt = _learnt_logits(world, annotations)
    seen = world.visible
    text_part = read - world.grade
    depth = _depth(world, annotations, settings.coverage)
    contradiction = _contradiction(world, annotations)
    logit = learnt[seen] + settings.sharpness * settings.learnt * text_part
    logit = depth * logit + (1 - depth) * settings.overlap * (world.coverage - 0.5)
    logit = logit + settings.learnt_modality * contradiction * world.colour_named * rng.standard_normal(
        world.pairs
    )
    logit = logit + settings.tuned_noise * rng.standard_normal(world.pairs)
    return _verdicts(world, logit, settings, rng)


def _learnt_logits(world: World, annotations: Annotations) -> Array:
    """Log-odds that unanimous annotators call a pair relevant, by the grade its text shows."""
    sure = annotations.unanimous
    seen = world.visible[annotations.pair[sure]]
    yes = np.bincount(seen, weights=annotations.relevant[sure], minlength=4)
    total = np.bincount(seen, minlength=4)
    return np.log((yes + 0.5) / (total - yes + 0.5))


def _depth(world: World, annotations: Annotations, half: float) -> Array:
    """How well each pair's category was learnt: n / (n + half) over its n annotated pairs."""
    category = world.item_category[world.pair_item]
    n = np.bincount(category[annotations.pair], minlength=len(world.category_names))
    return (n / np.maximum(n + half, 1e-9))[category]


def _contradiction(world: World, annotations: Annotations) -> float:
    """Share of unanimous labels on colour-naming keyphrases that the text contradicts, over the 10 % at
    which the learnt noise is `learnt_modality` itself."""
    sure = annotations.unanimous & world.colour_named[annotations.pair]
    pair = annotations.pair[sure]
    if not len(pair):
        return 0.0
    against = annotations.relevant[sure] != (world.visible[pair] >= GOOD)
    return float(against.mean()) / 0.1


def _verdicts(world: World, logit: Array, settings: JudgeSettings, rng: np.random.Generator) -> Verdicts:
    probability = np.round(1 / (1 + np.exp(-logit)), 6)
    scored = rng.random(world.pairs) >= settings.unscored
    tokens = settings.tokens + 12 + rng.poisson(14, size=world.pairs)
    return Verdicts(probability, probability >= 0.5, scored, tokens)
