"""Probes and clicks on hand-worked and planted data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.records import BINARY, FOUR
from adjudge.stats.click_floors import ClickFloors
from adjudge.stats.cluster_bootstrap import Estimate
from adjudge.stats.sampling import Sampling
from adjudge.text.words import overlap
from adjudge.trust.clicks import RATIO, coec, rate_difference
from adjudge.trust.compare import ComparedPairs
from adjudge.trust.probes import bins, leniency, odds_ratio, paired, probe
from adjudge.trust.reading import ClicksByPosition, Evidence, Sources, read
from adjudge.trust.settings import ProbeSettings

RNG = np.random.default_rng(0)
ANY = Sampling(min_clusters=2, replicates=50)


def evidence(tmp_path: Path, grades: list[str]) -> Evidence:
    """One item a pair, judged with these grades."""
    n = len(grades)
    table = {
        "item_id": [f"i{k:04d}" for k in range(n)],
        "keyphrase": ["red shoe"] * n,
        "judge": ["j"] * n,
        "grade": grades,
        "status": ["scored"] * n,
    }
    pq.write_table(pa.table(table), tmp_path / "j.parquet")
    return read(Sources(tmp_path / "j.parquet", None, BINARY, FOUR))


def test_verdicts_of_a_probe() -> None:
    def verdict(low: float | None, high: float | None) -> str:
        return probe("p", "s", Estimate(0.0, low, high), -0.05, 0.05).verdict

    assert verdict(-0.04, 0.04) == "quiet"
    assert verdict(0.06, 0.2) == "fault"
    assert verdict(-0.2, -0.06) == "fault"
    assert verdict(0.01, 0.2) == "inconclusive"
    assert verdict(None, None) == "inconclusive"


def test_leniency_by_hand() -> None:
    """7 of 10 against 4 of 10."""
    judge, human = np.array([1] * 7 + [0] * 3), np.array([1] * 4 + [0] * 6)
    sure = np.ones(10, bool)
    found = leniency(
        ComparedPairs(BINARY, judge, human, sure, sure), np.arange(10), ProbeSettings(), ANY, RNG
    )
    assert found.effect.value == pytest.approx(0.3)


def test_mantel_haenszel_by_hand() -> None:
    """30, 10, 20, 20 and 5, 15, 2, 38: 10.667 / 3 = 3.556; statsmodels says the same."""
    from statsmodels.stats.contingency_tables import StratifiedTable

    counts = [[(30, 1, 1, 0), (10, 0, 1, 0), (20, 1, 0, 0), (20, 0, 0, 0)],
              [(5, 1, 1, 1), (15, 0, 1, 1), (2, 1, 0, 1), (38, 0, 0, 1)]]  # fmt: skip
    yes, exposed, stratum = (
        np.concatenate([np.full(c[0], c[place]) for part in counts for c in part]) for place in (1, 2, 3)
    )
    found = odds_ratio(yes.astype(bool), exposed.astype(bool), stratum, np.arange(len(yes)), ANY, RNG)
    assert found.value == pytest.approx(32 / 9)
    other = StratifiedTable([np.array([[30, 10], [20, 20]]), np.array([[5, 15], [2, 38]])])
    assert found.value == pytest.approx(other.oddsratio_pooled)


def test_odds_ratio_sees_a_planted_pull_and_no_other() -> None:
    """Yes follows the human grade; a pull of 1 on the log-odds is an odds ratio of e, whatever the exposure's
    share in
    each stratum."""
    rng = np.random.default_rng(3)
    stratum = rng.integers(0, 3, 12_000)
    exposed = rng.random(12_000) < np.array([0.2, 0.5, 0.8])[stratum]
    for pull, want in ((1.0, np.e), (0.0, 1.0)):
        chance = 1 / (1 + np.exp(-(1.5 * (stratum - 1) + pull * exposed)))
        yes = rng.random(12_000) < chance
        found = odds_ratio(yes, exposed, stratum, np.arange(12_000) // 3, Sampling(replicates=200), rng)
        assert found.low < want < found.high
    crude = (yes[exposed].mean() / (1 - yes[exposed].mean())) / (
        yes[~exposed].mean() / (1 - yes[~exposed].mean())
    )
    assert crude > 1.5


def test_overlap_by_hand() -> None:
    found = overlap(pa.array(["red sock", "red", "SOFA"]), pa.array(["Acme red shoe", None, "Sofa sofa"]))
    assert found.jaccard.tolist() == [0.25, 0, 1]
    assert found.coverage.tolist() == [0.5, 0, 1]
    assert found.right_length.tolist() == [3, 0, 2]


def test_bins_by_hand() -> None:
    found = bins(np.array([True, False, True]), np.array([True, True, False]), np.array([0.1, 0.1, 1.0]), 2)
    told = {(one.low, one.human_relevant): (one.pairs, one.yes, one.wrong) for one in found}
    assert told == {(0.0, True): (2, 0.5, 0.5), (0.0, False): (0, None, None), (0.5, True): (0, None, None),
                    (0.5, False): (1, 1.0, 1.0)}  # fmt: skip


def test_paired_by_hand(tmp_path: Path) -> None:
    """yes yes no no no against yes no yes yes no: shift +.2, flips .6; kappa 1 - .6 / .52 = -.1538."""
    first = evidence(tmp_path, ["relevant", "relevant", "irrelevant", "irrelevant", "irrelevant"])
    step = np.array([1, 0, 1, 1, 0])
    found = paired("stuffing", first, (step, np.ones(5, bool)), ProbeSettings(), ANY, RNG)
    assert [one.effect.value for one in found] == pytest.approx([0.2, 0.6, 1 - 0.6 / 0.52])


def test_coec_by_hand(tmp_path: Path) -> None:
    """Position 1: 30 of 100 and 10 of 100; position 2: 10 of 100 and 0 of 300: 40 / 22.5 and 10 / 27.5."""
    shown = ClicksByPosition(
        item=np.array([0, 1, 2, 3]),
        position=np.array([0, 0, 1, 1]),
        group=np.array([1, 0, 1, 0]),
        impressions=np.array([100, 100, 100, 300]),
        clicks=np.array([30, 10, 10, 0]),
    )
    pairs = replace(evidence(tmp_path, ["relevant", "irrelevant"]), impressions=np.array([200, 400]))
    found = coec(shown, pairs, ANY, RNG)
    assert found["relevant"].value == pytest.approx(40 / 22.5)
    assert found["irrelevant"].value == pytest.approx(10 / 27.5)
    assert found[RATIO].value == pytest.approx((40 / 22.5) / (10 / 27.5))


def test_floors_by_hand() -> None:
    shown, clicks = np.array([30, 29, 100, 100, 40]), np.array([3, 29, 9, 10, 0])
    assert ClickFloors().positive(shown, clicks).tolist() == [True, False, False, True, False]


def test_rate_difference_by_hand() -> None:
    """A keeps 4, 3 relevant; B keeps 2, 1 relevant: .25."""
    relevant = np.array([1.0, 1, 1, 0, 0])
    first, second = np.array([1, 1, 1, 1, 0], bool), np.array([1, 0, 0, 0, 1], bool)
    assert rate_difference(relevant, first, second, np.arange(5), ANY, RNG).value == pytest.approx(0.25)
