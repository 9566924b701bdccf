"""Prediction-powered inference: by hand, its coverage, and against people alone."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.stats.sampling import Sampling
from adjudge.trust.ppi import METHODS, Rate, rates

FEW = Sampling(min_clusters=2, min_pairs=1)


def by_method(found: list[Rate]) -> dict[str, Rate]:
    assert tuple(one.method for one in found) == METHODS
    return {one.method: one for one in found}


def test_worked_number() -> None:
    """w = .03125 / (.0625 + .037037) = .31395; ppi++ = .75 + w / 6 = .80233; ppi = .75 + 1 / 6 = .91667."""
    relevant = np.array([1, 0, 1, 1] + [np.nan] * 6)
    judged = np.array([1.0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
    found = by_method(rates(relevant, judged, np.arange(10), FEW))
    assert found["people only"].value == 0.75
    assert found["people only"].se == pytest.approx(np.std([1, 0, 1, 1], ddof=1) / 2)
    assert found["judge only"].value == pytest.approx(0.6)
    assert found["judge only"].low is None
    assert found["ppi"].value == pytest.approx(0.75 + 1 / 6)
    assert found["ppi++"].weight == pytest.approx(0.31395, abs=1e-5)
    assert found["ppi++"].value == pytest.approx(0.80233, abs=1e-5)
    assert found["ppi++"].se == pytest.approx(((0.75 / 16 - 0.3139535 * 0.03125) * 4 / 3) ** 0.5, abs=1e-6)


def drawn(rng: np.random.Generator, right: float, items: int = 600, each: int = 3) -> tuple[np.ndarray, ...]:
    """Pairs in items, 55 % relevant in the long run; a lenient judge right on a share; every eighth item
    labelled."""
    chance = np.where(rng.random(items) < 0.5, 0.85, 0.25)
    item = np.repeat(np.arange(items), each)
    truth = (rng.random(len(item)) < chance[item]).astype(float)
    judged = np.where(rng.random(len(item)) < right, truth, rng.random(len(item)) < 0.8).astype(float)
    labelled = (np.arange(items) % 8 == 0)[item]
    return np.where(labelled, truth, np.nan), judged, item


def test_coverage_and_width() -> None:
    """500 draws: 95 % intervals hold the true rate in 92 to 98 of 100; with a good judge ppi++ is much
    narrower than
    people alone; the judge alone is off."""
    rng = np.random.default_rng(4)
    held = dict.fromkeys(("people only", "ppi", "ppi++"), 0)
    widths, naive = [], []
    for _ in range(500):
        found = by_method(rates(*drawn(rng, 0.85), Sampling()))
        for name in held:
            held[name] += found[name].low <= 0.55 <= found[name].high
        widths.append(found["ppi++"].se / found["people only"].se)
        naive.append(found["judge only"].value)
    assert all(0.92 <= count / 500 <= 0.98 for count in held.values()), held
    assert np.mean(widths) < 0.75
    assert np.mean(naive) > 0.57


def test_a_useless_judge_costs_ppi_but_not_ppi_plus_plus() -> None:
    rng = np.random.default_rng(6)
    found = [by_method(rates(*drawn(rng, 0.0), Sampling())) for _ in range(50)]
    mean = {name: np.mean([one[name].se for one in found]) for name in ("people only", "ppi", "ppi++")}
    assert mean["ppi"] > 1.1 * mean["people only"]
    assert mean["ppi++"] <= 1.001 * mean["people only"]


def test_one_item_in_both_parts_is_not_two() -> None:
    """Labelled and unlabelled pairs of one item move together; the influences are taken per item, so a judge
    that reads
    the item's mood brings the interval its due."""
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(400):
        mood = np.where(rng.random(100) < 0.5, 0.9, 0.2)
        item = np.repeat(np.arange(100), 6)
        truth = (rng.random(600) < mood[item]).astype(float)
        judged = np.where(rng.random(600) < 0.7, truth, rng.random(600) < mood[item]).astype(float)
        one = by_method(rates(np.where(np.arange(600) % 6 < 2, truth, np.nan), judged, item, Sampling()))[
            "ppi++"
        ]
        held += one.low <= 0.55 <= one.high
    assert 0.91 <= held / 400 <= 0.985


def test_a_sample_that_is_not_random_is_called_out() -> None:
    rng = np.random.default_rng(7)
    _, judged, item = drawn(rng, 0.9)
    picky = np.where((judged == 1) & (item % 4 == 0), 1.0, np.nan)
    found = by_method(rates(picky, judged, item, Sampling()))
    assert "no random sample" in found["ppi"].note
    assert found["people only"].note is None
    fair = by_method(rates(*drawn(rng, 0.9), Sampling()))
    assert fair["ppi"].note is None


def test_too_few_labels_is_absent_and_all_labels_is_people() -> None:
    relevant, judged, item = drawn(np.random.default_rng(8), 0.9, items=40)
    few = by_method(rates(relevant, judged, item, Sampling()))
    assert few["ppi"].value is None
    assert "items" in few["ppi"].note
    assert few["judge only"].value is not None
    full = by_method(rates(judged, judged, item, Sampling()))
    assert full["ppi"].value == full["people only"].value == pytest.approx(judged.mean())
