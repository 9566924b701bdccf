"""Further labels: the worked number, a simulation of it, and the decision's exit codes."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.stats.cluster_bootstrap import Estimate, columns_by_cluster, estimate
from adjudge.stats.sample_size import labels_needed
from adjudge.stats.sampling import Sampling
from adjudge.trust.decision import decide


def test_worked_number() -> None:
    """((1.96 + .8416) * .05 / .05) ** 2 * 200 = 1,570."""
    found = labels_needed("kappa >= 0.6?", Estimate(0.65, se=0.05, pairs=200), 0.6)
    assert (found.labels, found.more) == (1_570, 1_370)


def test_enough_already_and_never_enough() -> None:
    assert labels_needed("?", Estimate(0.9, se=0.02, pairs=500), 0.6).more == 0
    at = labels_needed("?", Estimate(0.6, se=0.02, pairs=500), 0.6)
    assert at.labels is None
    assert "at the bar" in at.note
    unknown = labels_needed("?", Estimate(0.7, pairs=9, note="9 items; an interval needs 20"), 0.6)
    assert unknown.labels is None
    assert unknown.note.startswith("9 items")


def test_simulation_decides_as_often_as_promised() -> None:
    """A rate of .66 against a bar of .6, items of two like pairs: from 300 labels on, the projected number
    decides
    with chance .8, half of it seldom."""
    rng = np.random.default_rng(11)

    def draw(pairs: int) -> tuple[np.ndarray, np.ndarray]:
        item = np.arange(pairs) // 2
        chance = np.where(rng.random(pairs // 2 + 1) < 0.5, 0.86, 0.46)[item]
        return item, (rng.random(pairs) < chance).astype(float)

    sampling = Sampling(replicates=400)
    item, yes = draw(300)
    sums = columns_by_cluster(item, np.stack([np.ones(300), yes], axis=1))
    now = estimate(sums, lambda s: s[..., 1] / s[..., 0], 300, sampling, rng)
    # The value is uncertain too: the promise is about the true one.
    needed = labels_needed("rate >= .6?", Estimate(0.66, se=now.se, pairs=300), 0.6).labels

    def power(pairs: int) -> float:
        decided = 0
        for _ in range(400):
            item, yes = draw(pairs)
            pull = np.bincount(item, yes - yes.mean())
            decided += yes.mean() - 1.96 * np.sqrt((pull**2).sum()) / pairs > 0.6
        return decided / 400

    assert power(needed) == pytest.approx(0.8, abs=0.07)
    assert power(needed // 2) < 0.65


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Estimate(0.7, 0.6, 0.8, 0.05, 100, 50), 0),
        (Estimate(0.5, 0.4, 0.59, 0.05, 100, 50), 1),
        (Estimate(0.6, 0.5, 0.7, 0.05, 100, 50), 2),
        (Estimate(0.9, pairs=5, clusters=5, note="5 items; an interval needs 20"), 2),
        (Estimate(None, note="no pairs"), 3),
    ],
)
def test_exit_codes(found: Estimate, code: int) -> None:
    assert decide("kappa", found, 0.6, 1.0, 0.5).exit_code == code


def test_a_judge_that_mostly_fails_is_broken() -> None:
    made = decide("kappa", Estimate(0.9, 0.8, 0.95, 0.05, 100, 50), 0.6, 0.3, 0.5)
    assert made.exit_code == 3
    assert "30.0%" in made.reason
