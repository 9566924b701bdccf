"""Coefficients: hand-worked, against scikit-learn, and their laws."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from adjudge.stats import agreement, annotators, click_floors, cluster_bootstrap, sample_size
from adjudge.text import words
from adjudge.trust import decision, probes

TABLES = arrays(np.float64, (3, 3), elements=st.integers(1, 40).map(float))


@pytest.mark.parametrize(
    "module",
    [annotators, click_floors, cluster_bootstrap, agreement, decision, sample_size, words, probes],
    ids=lambda m: m.__name__,
)
def test_the_numbers_in_the_docstrings(module: object) -> None:
    names = {**vars(module), "np": np, "Estimate": cluster_bootstrap.Estimate}
    done = doctest.testmod(module, extraglobs=names)  # type: ignore[arg-type]
    assert done.failed == 0
    assert done.attempted > 0


@pytest.mark.parametrize(
    ("kind", "sklearn"), [("nominal", None), ("linear", "linear"), ("quadratic", "quadratic")]
)
@pytest.mark.parametrize("grades", [2, 3, 4])
def test_kappa_is_scikit_learns(kind: str, sklearn: str | None, grades: int) -> None:
    rng = np.random.default_rng(grades)
    one = rng.integers(0, grades, 400)
    other = np.where(rng.random(400) < 0.5, one, rng.integers(0, grades, 400))
    matrix = confusion_matrix(one, other).astype(float)
    assert float(agreement.kappa(matrix, kind)) == pytest.approx(
        cohen_kappa_score(one, other, weights=sklearn), abs=1e-12
    )


def test_weighted_by_hand() -> None:
    """Rows 2 1 0 / 0 2 1 / 1 0 3: exact 7/10; within one 9/10. Quadratic: seen 1 + 1 + 4 = 6; by chance
    (3*3*0 + 3*3*1 + 3*4*4 + 3*3*1 + 3*4*1 + 4*3*4 + 4*3*1) / 10 = 13.8; 1 - 6 / 13.8 = .5652."""
    matrix = np.array([[2.0, 1, 0], [0, 2, 1], [1, 0, 3]])
    found = {name: float(one(matrix)) for name, one in agreement.coefficients(3).items()}
    assert found["exact"] == pytest.approx(0.7)
    assert found["within_one"] == pytest.approx(0.9)
    assert found["kappa_quadratic"] == found["kappa"] == pytest.approx(1 - 6 / 13.8)
    assert found["pabak"] == pytest.approx((3 * 0.7 - 1) / 2)
    assert found["balanced"] == pytest.approx((2 / 3 + 2 / 3 + 3 / 4) / 3)


def test_balanced_accuracy_is_scikit_learns_and_a_third_for_one_answer() -> None:
    from sklearn.metrics import balanced_accuracy_score

    rng = np.random.default_rng(9)
    one, other = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    matrix = confusion_matrix(one, other).astype(float)
    assert float(agreement.balanced(matrix)) == pytest.approx(balanced_accuracy_score(one, other))
    always = np.array([[0.0, 0, 90], [0, 0, 9], [0, 0, 1]])
    assert float(agreement.balanced(always)) == pytest.approx(1 / 3)
    assert np.isnan(agreement.balanced(np.zeros((3, 3))))


def test_undefined_is_nan_not_zero() -> None:
    one_grade = np.array([[9.0, 0], [0, 0]])
    assert np.isnan(agreement.kappa(one_grade))
    assert agreement.pabak(one_grade) == 1
    assert np.isnan(agreement.exact(np.zeros((2, 2))))


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_laws(matrix: np.ndarray) -> None:
    """Swapping people and judge, and counting everything twice, change nothing; perfect agreement is 1."""
    for name, one in agreement.coefficients(3).items():
        value = float(one(matrix))
        assert value <= 1 + 1e-12, name
        if name != "balanced":
            assert float(one(matrix.T)) == pytest.approx(value, abs=1e-9), name
        assert float(one(2 * matrix)) == pytest.approx(value, abs=1e-9), name
        assert float(one(np.diag(np.diag(matrix)))) == pytest.approx(1), name


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (4, 3, 3), elements=st.integers(1, 40).map(float)))
def test_a_stack_is_its_parts(stack: np.ndarray) -> None:
    for one in agreement.coefficients(3).values():
        assert np.allclose(one(stack), [float(one(matrix)) for matrix in stack])
