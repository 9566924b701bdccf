"""Settled human labels (what label a pair gets from its annotators' grades), and Krippendorff's alpha."""

from __future__ import annotations

from functools import partial

import numpy as np

from adjudge.config import check_choice
from adjudge.stats.cluster_bootstrap import Bools, Estimate, Floats, Ints, columns_by_cluster, estimate
from adjudge.stats.sampling import Sampling

RULES = ("unanimous", "majority")
METRICS = ("nominal", "ordinal", "interval")


def settle(votes: Ints, rule: str, min_annotators: int = 1) -> tuple[Ints, Bools]:
    """The label of each pair and whether it has one, from votes [n, K] (annotators per grade, or per label).

    `unanimous`: all annotators gave the same one; `majority`: more than half did. This is the one meaning of
    a settled label: recipes/sql/human.sql says the same in SQL, and tests/stats/test_settled.py asks every
    package.

    >>> settle(np.array([[0, 3], [1, 2], [1, 1]]), "majority")[1].tolist()
    [True, True, False]
    >>> settle(np.array([[0, 3], [1, 2], [1, 1]]), "unanimous")[1].tolist()
    [True, False, False]
    """
    check_choice("labels", "rule", rule, RULES)
    number, most = votes.sum(1), votes.max(1)
    sure = (most == number) if rule == "unanimous" else (2 * most > number)
    return votes.argmax(1), sure & (number >= min_annotators)


def on_relevance(votes: Ints, relevant_from: int) -> Ints:
    """[n, 2]: votes for irrelevant and for relevant, from votes [n, K] by grade."""
    return np.stack((votes[:, :relevant_from].sum(1), votes[:, relevant_from:].sum(1)), axis=1)


def coincidences(votes: Ints) -> Floats:
    """[n, K * K]: each pair's coincidences, (v v' - diag v) / (m - 1) for its votes v of m annotators; 0 for
    m < 2."""
    values = votes.astype(np.float64)
    number = values.sum(1)
    both = values[:, :, None] * values[:, None, :]
    grades = np.arange(votes.shape[1])
    both[:, grades, grades] -= values
    return (both / np.maximum(number - 1, 1)[:, None, None]).reshape(len(votes), -1)


def alpha_of(matrix: Floats, metric: str) -> Floats:
    """Alpha of coincidence matrices [..., K, K]: 1 - observed / expected disagreement; NaN if none is
    possible.

    Differences squared: nominal 0 or 1; interval (c - k) ** 2 in steps; ordinal (n_c / 2 + those between +
    n_k / 2) ** 2. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, sections A to E.
    """
    check_choice("alpha", "metric", metric, METRICS)
    margins = matrix.sum(-1)
    number = margins.sum(-1)
    grades = matrix.shape[-1]
    places = np.broadcast_to(np.arange(grades, dtype=np.float64), margins.shape)
    if metric == "ordinal":
        places = np.cumsum(margins, -1) - margins / 2
    apart = (places[..., :, None] - places[..., None, :]) ** 2
    if metric == "nominal":
        apart = (apart > 0).astype(np.float64)
    observed = (matrix * apart).sum((-2, -1)) * (number - 1)
    chance = np.einsum("...i,...j,...ij->...", margins, margins, apart)
    return 1 - np.divide(observed, chance, out=np.full(np.shape(chance), np.nan), where=chance > 0)


def alpha(votes: Ints, metric: str) -> float | None:
    """Krippendorff's alpha of votes [n, K]; pairs with one annotator say nothing and are left out.

    >>> two = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1, 0, 0, 1, 0]]).T
    >>> votes = np.stack([(two == grade).sum(1) for grade in (0, 1)], axis=1)
    >>> round(alpha(votes, "nominal"), 3)
    0.095

    Worked (Krippendorff 2011, section A): 4 of 10 units differ, each giving 2 of the 20 coincidences; the
    values occur 14 and 6 times: 1 - (20 - 1) * 8 / (2 * 14 * 6) = 0.095.
    """
    matrix = coincidences(votes).sum(0).reshape(votes.shape[1], votes.shape[1])
    value = float(alpha_of(matrix, metric))
    return None if np.isnan(value) else value


def alpha_estimate(
    votes: Ints, item: Ints, metric: str, sampling: Sampling, rng: np.random.Generator
) -> Estimate:
    """Alpha with its interval over items. votes: [n, K]; item: [n]."""
    several = votes.sum(1) > 1
    if not several.any():
        return Estimate(None, note="no pair has two annotators")
    grades = votes.shape[1]
    sums = columns_by_cluster(item[several], coincidences(votes[several]))
    return estimate(sums, partial(_flat_alpha, grades, metric), int(several.sum()), sampling, rng)


def _flat_alpha(grades: int, metric: str, sums: Floats) -> Floats:
    return alpha_of(sums.reshape(*sums.shape[:-1], grades, grades), metric)
