"""Agreement coefficients of confusion matrices, for one matrix or a stack of them (the bootstrap's).

All take float arrays [..., K, K] of pair counts, rows the humans' grade, columns the judge's, worst grade
first, and give [...]; NaN if the coefficient is undefined (no pairs, or no disagreement possible by chance).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Coefficient = Callable[[Floats], Floats]


def weights(kind: str, grades: int) -> Floats:
    """[K, K] disagreement weights: `nominal` 1 off the diagonal; `linear` |i - j|; `quadratic` (i - j) **
    2."""
    steps = np.abs(np.subtract.outer(np.arange(grades), np.arange(grades))).astype(np.float64)
    if kind == "nominal":
        return (steps > 0).astype(np.float64)
    return steps if kind == "linear" else steps**2


def kappa(matrix: Floats, kind: str = "nominal") -> Floats:
    """Cohen's kappa: 1 - observed / chance disagreement, weighted (Cohen 1960; Cohen 1968 for weights).

    >>> float(kappa(np.array([[20.0, 5], [10, 15]])).round(4))
    0.4

    Worked: 15 of 50 disagree; by chance 25 * 20 / 50 + 25 * 30 / 50 = 25; 1 - 15 / 25 = 0.4.
    """
    weight = weights(kind, matrix.shape[-1])
    rows, columns, pairs = _margins(matrix)
    chance = np.einsum("...i,...j,ij->...", rows, columns, weight)
    return 1 - _ratio(pairs * (matrix * weight).sum((-2, -1)), chance)


def exact(matrix: Floats) -> Floats:
    """Share of pairs given the same grade."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def within_one(matrix: Floats) -> Floats:
    """Share of pairs whose grades are at most one step apart."""
    near = weights("linear", matrix.shape[-1]) <= 1
    return _ratio((matrix * near).sum((-2, -1)), matrix.sum((-2, -1)))


def pabak(matrix: Floats) -> Floats:
    """Prevalence- and bias-adjusted kappa: (K * exact - 1) / (K - 1); 2 * exact - 1 for two grades (Byrt,
    Bishop and Carlin 1993; for K grades this is Bennett, Alpert and Goldstein's S, 1954).

    >>> float(pabak(np.array([[20.0, 5], [10, 15]])).round(4))
    0.4
    >>> matrix = np.array([[80.0, 9], [9, 2]])
    >>> float(pabak(matrix).round(4)), float(kappa(matrix).round(4))
    (0.64, 0.0807)
    """
    grades = matrix.shape[-1]
    return (grades * exact(matrix) - 1) / (grades - 1)


def ac1(matrix: Floats) -> Floats:
    """Gwet's AC1: (exact - chance) / (1 - chance), chance = sum of p (1 - p) / (K - 1), p the mean of both
    margins' shares (Gwet 2008).

    >>> float(ac1(np.array([[80.0, 9], [9, 2]])).round(4))
    0.7762

    Worked: p = 0.89, 0.11; chance = 2 * 0.89 * 0.11 = 0.1958; (0.82 - 0.1958) / 0.8042 = 0.7762.
    """
    rows, columns, pairs = _margins(matrix)
    share = _ratio(rows + columns, 2 * pairs[..., None])
    chance = (share * (1 - share)).sum(-1) / (matrix.shape[-1] - 1)
    return _ratio(exact(matrix) - chance, 1 - chance)


def balanced(matrix: Floats) -> Floats:
    """Balanced accuracy: the mean, over grades that people gave, of the share of their pairs that the judge
    gave the same.

    A judge that always says the commonest grade reaches 1 / K, however common it is.

    >>> float(balanced(np.array([[80.0, 9], [9, 2]])).round(4))
    0.5403

    Worked: 80 / 89 = 0.8989 and 2 / 11 = 0.1818; their mean is 0.5403.
    """
    graded = matrix.sum(-1)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    recall = np.divide(hits, graded, out=np.zeros(graded.shape), where=graded > 0)
    return _ratio(recall.sum(-1), (graded > 0).sum(-1))


def coefficients(grades: int) -> dict[str, Coefficient]:
    """All coefficients by name; `kappa` is quadratic on three grades or more, plain on two."""
    kinds = ("nominal", "linear", "quadratic")
    return {
        "kappa": partial(kappa, kind="quadratic" if grades > 2 else "nominal"),
        **{f"kappa_{kind}": partial(kappa, kind=kind) for kind in kinds},
        "pabak": pabak,
        "ac1": ac1,
        "exact": exact,
        "within_one": within_one,
        "balanced": balanced,
    }


def _margins(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    return matrix.sum(-1), matrix.sum(-2), matrix.sum((-2, -1))


def _ratio(above: Floats, below: Floats) -> Floats:
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=np.abs(below) > 1e-12)
