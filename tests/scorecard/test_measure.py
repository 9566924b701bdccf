"""The scorecard's numbers: ten pairs worked by hand, a plain loop over rows, laws, and intervals."""

from __future__ import annotations

from pathlib import Path

import logs_world
import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from adjudge.errors import BadConfig
from adjudge.scorecard.evidence import PairEvidence, gather
from adjudge.scorecard.measure import Measurement, measure, pair_columns
from adjudge.scorecard.scores import align
from adjudge.scorecard.segment_sums import SegmentSums
from adjudge.scorecard.segments import segmentations
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scorecard.threshold import choose
from adjudge.stats.auc import auc
from adjudge.stats.cluster_bootstrap import draw

SMALL = ScorecardSettings(retention=0.8, replicates=0, min_support=1, min_clusters=2)
Key = tuple[str, str, str, str]


def rows_of(found: Measurement) -> dict[Key, dict]:
    return {(r["model"], r["metric"], r["segment_by"], r["segment"]): r for r in found.rows}


def run(
    evidence: PairEvidence, scores: dict, settings: ScorecardSettings, production: str = "B", seed: int = 0
) -> dict:
    return rows_of(measure(evidence, scores, settings, production, np.random.default_rng(seed)))


HAND = {
    # model A at retention .8: the clicks by falling score are 40 30 0 5 | 10+5 tied at .6 -> 90 >= 80, so t =
    # .6
    ("A", "threshold"): 0.6,
    ("A", "clicks_kept"): 90 / 100,
    ("A", "sales_kept"): 9 / 10,  # all but the mug's
    ("A", "revenue_kept"): 1290 / 1300,
    ("A", "keyphrases_kept"): 5 / 9,
    ("A", "keyphrases_kept_item_mean"): (3 / 4 + 2 / 3 + 0 / 2) / 3,
    ("A", "keyphrases_per_item"): 5 / 3,
    ("A", "items_covered"): 2 / 3,
    ("A", "search_pass_rate"): 5 / 5,
    ("A", "later_clicks_kept"): 70 / 100,
    ("A", "later_sales_kept"): 7 / 10,
    ("A", "precision"): 4 / 5,  # blue phone is kept and irrelevant
    ("A", "recall"): 4 / 5,  # the mug is missed; the cup is not recommended
    # relevant .9 .8 .6 .6 .4 against irrelevant .7 .5 .3 (the plate is unscored): 3 + 3 + 2 + 2 + 1 of 15
    ("A", "auc"): 11 / 15,
    # model B: 30 + 0 + 10 + 5 + 0 + 8 + 2 = 55 down to .3, then the red phone's 40 at .2 -> t = .2
    ("B", "threshold"): 0.2,
    ("B", "clicks_kept"): 95 / 100,
    ("B", "sales_kept"): 9 / 10,
    ("B", "revenue_kept"): 1210 / 1300,
    ("B", "keyphrases_kept"): 7 / 9,
    ("B", "search_pass_rate"): 5 / 7,
    ("B", "later_clicks_kept"): 90 / 100,
    ("B", "auc"): (4 + 1 + 3 + 3 + 2 + 1 - 0) / 20,
}


@pytest.mark.parametrize("case", HAND, ids=" ".join)
def test_ten_pairs_by_hand(ten: tuple[PairEvidence, dict], case: tuple[str, str]) -> None:
    found = run(*ten, SMALL)
    assert found[(*case, "all", "all")]["value"] == pytest.approx(HAND[case], rel=1e-12)


def test_changes_are_against_production(ten: tuple[PairEvidence, dict]) -> None:
    """Keyphrases 5/9 against 7/9 is -2/7; pass rate 1 against 5/7 is +2/5; AUC is a difference."""
    found = run(*ten, SMALL)
    of = lambda name: found[("A", name, "all", "all")]["change"]  # noqa: E731
    assert of("keyphrases_kept") == pytest.approx(-2 / 7)
    assert of("search_pass_rate") == pytest.approx(2 / 5)
    assert of("auc") == pytest.approx(11 / 15 - 14 / 20)
    assert of("threshold") is None
    assert found[("B", "sales_kept", "all", "all")]["change"] == 0


def test_segments_by_hand(ten: tuple[PairEvidence, dict]) -> None:
    found = run(*ten, SMALL)
    assert found[("A", "clicks_kept", "category", "home")]["value"] == pytest.approx(15 / 25)
    assert found[("A", "keyphrases_kept", "words", "one")]["value"] == pytest.approx(2 / 6)
    assert found[("A", "keyphrases_kept", "volume", "head")]["value"] == pytest.approx(5 / 6)
    tail = found[("B", "sales_kept", "volume", "tail")]
    assert (tail["value"], tail["support"], tail["note"]) == (None, 0, "support 0 is below 1")


def test_too_few_clusters_no_interval(ten: tuple[PairEvidence, dict]) -> None:
    row = run(*ten, ScorecardSettings(retention=0.8, replicates=20, min_support=1))[
        ("A", "auc", "all", "all")
    ]
    assert row["value"] is not None
    assert (row["low"], row["high"], row["note"]) == (None, None, "no interval: 3 clusters, 20 needed")


def test_small_segments_are_null(ten: tuple[PairEvidence, dict]) -> None:
    row = run(*ten, ScorecardSettings(retention=0.8, replicates=0))[("A", "clicks_kept", "category", "home")]
    assert (row["value"], row["support"], row["note"]) == (None, 4, "support 4 is below 20")


def test_unreachable_retention_leaves_other_models_alone(ten: tuple[PairEvidence, dict]) -> None:
    evidence, scores = ten
    holes = np.where(evidence.clicks == 40, np.nan, scores["A"])
    found = run(evidence, {"B": scores["B"], "A": holes}, SMALL)
    row = found[("A", "sales_kept", "all", "all")]
    assert row["value"] is None
    assert "scored pairs hold 60 of 100 click weight, less than the 80" in row["note"]
    assert found[("A", "auc", "all", "all")]["value"] is not None
    assert found[("B", "sales_kept", "all", "all")]["value"] == pytest.approx(0.9)


def test_production_without_scores_is_named(ten: tuple[PairEvidence, dict]) -> None:
    with pytest.raises(BadConfig, match="production model 'prod' has no scores: given are A, B"):
        run(*ten, SMALL, production="prod")


def slow_business(
    evidence: PairEvidence, scores: np.ndarray, retention: float, where: np.ndarray
) -> dict[str, float]:
    """Business metrics by a plain loop over rows, in the paper's words."""
    clicked = sorted(((s, c) for s, c in zip(scores, evidence.clicks, strict=True) if c), reverse=True)
    total, running, cut = sum(c for _, c in clicked), 0, None
    for score, clicks in clicked:
        running += clicks
        if running >= retention * total - 1e-9:
            cut = score
            break
    sums: dict[str, float] = dict.fromkeys(("c", "C", "s", "S", "k", "K", "p", "v", "l", "L"), 0)
    for i in np.flatnonzero(where):
        kept = scores[i] >= cut
        for small, big, amount in (
            ("c", "C", evidence.clicks[i]),
            ("s", "S", evidence.sales[i]),
            ("k", "K", evidence.recommended[i]),
            ("l", "L", evidence.later_clicks[i]),
        ):
            sums[big] += amount
            sums[small] += amount if kept else 0
        if kept and evidence.recommended[i] and evidence.search.known[i]:
            sums["v"] += 1
            sums["p"] += evidence.search.yes[i]
    return {
        "threshold": cut,
        "clicks_kept": sums["c"] / sums["C"],
        "sales_kept": sums["s"] / sums["S"],
        "keyphrases_kept": sums["k"] / sums["K"],
        "later_clicks_kept": sums["l"] / sums["L"],
        "search_pass_rate": sums["p"] / sums["v"],
    }


@pytest.mark.parametrize("model", ["A", "B", "C"])
def test_equals_a_plain_loop(market: tuple[PairEvidence, dict], model: str) -> None:
    evidence, scores = market
    found = run(evidence, scores, ScorecardSettings(replicates=0))
    for segments in segmentations(evidence, 50):
        for s, name in enumerate(segments.names):
            expected = slow_business(evidence, scores[model], 0.95, segments.codes == s)
            for metric, value in expected.items():
                if metric != "threshold" or segments.by == "all":
                    assert found[(model, metric, segments.by, name)]["value"] == pytest.approx(value)


def test_quality_equals_sklearn(market: tuple[PairEvidence, dict]) -> None:
    evidence, scores = market
    found = run(evidence, scores, ScorecardSettings(replicates=0))
    truth, values = evidence.truth.yes, scores["A"]
    kept = values >= found[("A", "threshold", "all", "all")]["value"]
    assert found[("A", "auc", "all", "all")]["value"] == pytest.approx(roc_auc_score(truth, values))
    assert found[("A", "precision", "all", "all")]["value"] == pytest.approx(precision_score(truth, kept))
    assert found[("A", "recall", "all", "all")]["value"] == pytest.approx(recall_score(truth, kept))
    one = evidence.one_word
    assert found[("A", "auc", "words", "one")]["value"] == pytest.approx(
        roc_auc_score(truth[one], values[one])
    )


def test_sums_of_replicates_equal_repeated_rows(market: tuple[PairEvidence, dict]) -> None:
    """Thresholds chosen again in each replicate, and every sum, as if clusters' rows were written down
    again."""
    evidence, scores = market
    rng = np.random.default_rng(8)
    draws = draw(rng, len(evidence.items), 12, "poisson")
    chosen = choose(scores["B"], evidence.clicks, evidence.item, draws, 0.9)
    columns = pair_columns(evidence)
    for segments in segmentations(evidence, 50):
        sums = SegmentSums(segments, evidence.item, np.ascontiguousarray(draws.T))
        kept = sums.kept([columns["recommended"], columns["sales"]], scores["B"], chosen)
        for b, drawn in enumerate(draws):
            times = drawn[evidence.item].astype(np.int64)
            inside = scores["B"] >= chosen.overall[b]
            for c, name in enumerate(("recommended", "sales")):
                expected = np.bincount(
                    segments.codes, weights=times * inside * columns[name], minlength=len(segments.names)
                )
                assert np.allclose(kept[c, :, b], expected)


def test_per_category_thresholds_equal_a_loop_over_categories(market: tuple[PairEvidence, dict]) -> None:
    evidence, scores = market
    settings = ScorecardSettings(replicates=0, threshold_per="category", category_floor=10)
    found = run(evidence, scores, settings)
    for code, name in enumerate(evidence.categories):
        mine = evidence.category == code
        own = choose(
            scores["A"][mine], evidence.clicks[mine], evidence.item[mine] * 0, np.ones((1, 1), np.uint8), 0.95
        )
        assert found[("A", "threshold", "category", name)]["value"] == own.overall[0]
        assert found[("A", "clicks_kept", "category", name)]["value"] >= 0.95


BUSINESS = (
    "clicks_kept",
    "sales_kept",
    "keyphrases_kept",
    "search_pass_rate",
    "later_sales_kept",
    "items_covered",
)


@pytest.mark.parametrize(
    "bend", [np.sqrt, lambda s: s**3, lambda s: 0.5 + s / 4], ids=["sqrt", "cube", "line"]
)
def test_monotone_maps_change_no_business_metric(market: tuple[PairEvidence, dict], bend: object) -> None:
    evidence, scores = market
    settings = ScorecardSettings(replicates=20)
    plain = run(evidence, {"B": scores["B"]}, settings)
    bent = run(evidence, {"B": bend(scores["B"])}, settings)  # type: ignore[operator]
    for key, row in plain.items():
        if key[1] in (*BUSINESS, "auc", "precision", "recall"):
            assert row == bent[key]


def test_same_seed_same_numbers_and_frozen_threshold_reproduces(market: tuple[PairEvidence, dict]) -> None:
    evidence, scores = market
    settings = ScorecardSettings(replicates=30)
    first = measure(evidence, scores, settings, "C", np.random.default_rng(2))
    assert first.rows == measure(evidence, scores, settings, "C", np.random.default_rng(2)).rows
    cuts = {model: float(found.overall[0]) for model, found in first.thresholds.items()}
    again = rows_of(measure(evidence, scores, settings, "C", np.random.default_rng(9), frozen=cuts))
    for key, row in rows_of(first).items():
        assert again[key]["value"] == row["value"]
        assert again[key]["change"] == row["change"]


def test_pair_weighting_counts_clicked_pairs(ten: tuple[PairEvidence, dict]) -> None:
    """Seven clicked pairs; .8 needs 6 of them; model A by falling score reaches the sixth at the mug, .4."""
    found = run(*ten, ScorecardSettings(retention=0.8, replicates=0, weighting="pairs", min_support=1))
    assert found[("A", "threshold", "all", "all")]["value"] == 0.4


def test_auc_interval_equals_resampling_pairs(market: tuple[PairEvidence, dict]) -> None:
    """The DeLong components' replicates against the exact weighted AUC of each replicate."""
    evidence, scores = market
    row = run(evidence, scores, ScorecardSettings(replicates=400), seed=6)[("C", "auc", "all", "all")]
    rng = np.random.default_rng(77)
    exact = [
        auc(
            scores["C"],
            evidence.truth.yes,
            rng.poisson(1.0, len(evidence.items))[evidence.item].astype(float),
        )
        for _ in range(400)
    ]
    low, high = np.quantile(exact, [0.025, 0.975])
    assert row["low"] == pytest.approx(low, abs=0.15 * (high - low))
    assert row["high"] == pytest.approx(high, abs=0.15 * (high - low))


@pytest.mark.slow
@pytest.mark.parametrize("resampling", ["poisson", "multinomial"])
def test_intervals_cover_what_is_so(tmp_path: Path, resampling: str) -> None:
    """60 small markets whose model is as good everywhere: the 90 % interval of the pass rate's change covers
    the change in a far larger market between 78 % and 99 % of the time (binomial: .9 +- 3 x .039)."""
    settings = ScorecardSettings(replicates=120, level=0.9, resampling=resampling)

    def card(seed: int, items: int, replicates: int) -> dict:
        folder = logs_world.random_logs(tmp_path / f"{seed}", np.random.default_rng(seed), items)
        evidence = gather(folder, settings)
        scores = {m: align(evidence, folder / f"{m}.parquet", m).scores for m in ("A", "C")}
        own = ScorecardSettings(replicates=replicates, level=0.9, resampling=resampling)
        return run(evidence, scores, own, production="C", seed=seed)[("A", "search_pass_rate", "all", "all")]

    truth = card(10_000, 12_000, 0)["change"]
    inside = sum(
        row["change_low"] <= truth <= row["change_high"] for row in (card(s, 120, 120) for s in range(60))
    )
    assert 0.78 * 60 <= inside <= 0.99 * 60
