"""Labelled answers drawn from a judge whose agreement is known: right as often as it is confident."""

from __future__ import annotations

import numpy as np

from adjudge.cascade.region import LabelledAnswers, Region


def draw(rng: np.random.Generator, pairs: int) -> LabelledAnswers:
    """A judge that is right with a chance equal to its confidence, 0.5 to 1; the strong judge's is 0.97."""
    step, sure = rng.integers(0, 2, pairs), 0.5 + 0.5 * rng.random(pairs)
    right = rng.random(pairs) < sure
    strong = rng.random(pairs) < 0.97
    item = rng.integers(0, pairs // 2, pairs)
    return LabelledAnswers(item, step, sure, right, strong, right == strong, np.ones(pairs, bool))


def true_agreement(region: Region) -> float:
    """Of `draw`'s judge inside a region: confidence is uniform from least to 1, its mean is the agreement."""
    least = [max(0.5, threshold) for threshold in region.least if threshold is not None]
    means = [(1 + threshold) / 2 for threshold in least]
    return float(np.average(means, weights=[1 - threshold + 1e-12 for threshold in least]))


def uniform(
    right: np.ndarray, item: np.ndarray | None = None, step: np.ndarray | None = None
) -> LabelledAnswers:
    """Answers of confidence 1; both judges are right on the same pairs."""
    pairs = len(right)
    item = np.arange(pairs) if item is None else item
    step = np.zeros(pairs, np.int64) if step is None else step
    return LabelledAnswers(
        item, step, np.ones(pairs), right, right, np.ones(pairs, bool), np.ones(pairs, bool)
    )
