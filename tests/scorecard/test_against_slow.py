"""Random worlds: the scorecard against one in plain Python, from the files on disk to the last row."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import logs_world
import numpy as np
import pytest
import slow_scorecard
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_scorecard import Row, World

from adjudge.scorecard.card import change_of
from adjudge.scorecard.definitions import metric
from adjudge.scorecard.evidence import gather
from adjudge.scorecard.measure import measure
from adjudge.scorecard.scores import align
from adjudge.scorecard.settings import ScorecardSettings

GRADES = ("bad", "fair", "good", "excellent")
ITEMS = {"a": "tech", "b": "home", "c": "home", "d": "toys", "e": "tech"}
PHRASES = ("sofa", "green sofa", "lamp", "phone", "red phone case")
SETTINGS = ScorecardSettings(replicates=0, min_support=1, min_clusters=1, ranking_floor=1)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some pairs, with ties in scores, missing scores, verdicts and labels, and pairs that were not
    recommended."""
    names = [(item, phrase) for item in ITEMS for phrase in PHRASES]
    chosen = draw(st.lists(st.sampled_from(names), min_size=2, max_size=len(names), unique=True))
    score = st.none() | st.integers(0, 8).map(lambda step: step / 8)
    rows: list[Row] = []
    for number, (item, phrase) in enumerate(chosen):
        clicks = draw(st.sampled_from([0, 0, 1, 2, 7, 40]))
        sales = draw(st.integers(0, clicks))
        step = draw(st.none() | st.integers(0, 3))
        later = draw(st.sampled_from([0, 0, 3, 11]))
        rows.append(
            {
                "item": item,
                "keyphrase": phrase,
                "category": ITEMS[item],
                "recommended": number == 0 or draw(st.integers(0, 4)) > 0,
                "impressions": clicks + draw(st.integers(1, 50)),
                "clicks": clicks,
                "sales": sales,
                "revenue": 10.0 * sales,
                "later_clicks": later,
                "later_sales": later // 3,
                "passed": draw(st.none() | st.booleans()),
                "relevant": None if step is None else step >= 2,
                "step": step,
                "A": 0.5 if number == 0 else draw(score),
                "B": 0.25 if number == 0 else draw(score),
            }
        )
    return World(rows, ("A", "B"))


def write(world: World, folder: Path) -> Path:
    """The world as a logs folder; clicks are split over two positions, rows are shuffled."""
    rows = list(world.pairs)
    random.Random(len(rows)).shuffle(rows)

    def pair(of: list[Row]) -> dict[str, list]:
        return {"item_id": [r["item"] for r in of], "keyphrase": [r["keyphrase"] for r in of]}

    ids = sorted(ITEMS)
    items = {"item_id": ids, "title": ids, "category": [ITEMS[item] for item in ids]}
    logs_world.write(folder / "items.parquet", items)
    logs_world.write(folder / "pairs.parquet", pair([r for r in rows if r["recommended"]]))
    twice = [row for row in rows for _ in range(2)]
    half = {
        name: [row[name] // 2 if at % 2 else row[name] - row[name] // 2 for at, row in enumerate(twice)]
        for name in ("impressions", "clicks", "sales", "revenue")
    }
    positions = [1 + at % 2 for at in range(len(twice))]
    logs_world.write(folder / "clicks.parquet", {**pair(twice), "position": positions, **half})
    later = {
        "impressions": [100] * len(rows),
        "clicks": [r["later_clicks"] for r in rows],
        "sales": [r["later_sales"] for r in rows],
    }
    logs_world.write(folder / "clicks_later.parquet", {**pair(rows), **later})
    judged = [r for r in rows if r["passed"] is not None]
    search = {"item_id": [r["item"] for r in judged], "keyphrase": [r["keyphrase"] for r in judged]}
    logs_world.write(folder / "search.parquet", {**search, "passed": [r["passed"] for r in judged]})
    known = [r for r in rows if r["step"] is not None]
    truth = {"grade": [GRADES[r["step"]] for r in known], "relevant": [r["relevant"] for r in known]}
    logs_world.write(folder / "truth.parquet", {**pair(known), **truth})
    for model in world.models:
        scores = {"score": [r[model] for r in rows], "model_version": ["x" * 12] * len(rows)}
        logs_world.write(folder / f"{model}.parquet", {**pair(rows), **scores})
    return folder


def card(world: World, own: ScorecardSettings, seed: int = 0) -> dict[tuple[str, str, str, str], dict]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = write(world, Path(scratch))
        evidence = gather(folder, own)
        scores = {m: align(evidence, folder / f"{m}.parquet", m).scores for m in world.models}
    measured = measure(evidence, scores, own, "B", np.random.default_rng(seed))
    return {(r["model"], r["metric"], r["segment_by"], r["segment"]): r for r in measured.rows}


@settings(max_examples=30, deadline=None)
@given(worlds(), st.sampled_from([0.5, 0.8, 0.95, 1.0]), st.sampled_from(["clicks", "pairs"]))
def test_every_value_is_that_of_plain_python(world: World, retention: float, weighting: str) -> None:
    own = replace(SETTINGS, retention=retention, weighting=weighting)
    fast = card(world, own)
    slow = slow_scorecard.scorecard(world, retention, weighting=weighting)
    for key, row in fast.items():
        expected = slow.get(key)
        if expected is None:
            assert row["value"] is None, key
            assert row["note"], "what is missing says why"
        else:
            assert row["value"] == pytest.approx(expected, rel=1e-12, abs=1e-12), key
    # Nothing that plain Python finds in a segmentation of at least two segments is missing.
    kinds = {(key[2], key[3]) for key in fast}
    expected_keys = {key for key, value in slow.items() if value is not None and key[2:] in kinds}
    quality = {"precision", "recall", "auc", "log_loss", "ece"}
    labelled = any(row["relevant"] is not None for row in world.pairs)
    assert {key for key in expected_keys if labelled or key[1] not in quality} <= fast.keys()


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_every_change_is_against_production(world: World) -> None:
    rows = card(world, SETTINGS)
    for (model, name, by, segment), row in rows.items():
        production = rows["B", name, by, segment]
        kind = metric(name).kind
        if row["value"] is None or production["value"] is None or kind == "none":
            assert row["change"] is None
        elif kind == "difference" or production["value"]:
            expected = change_of(kind, np.array([row["value"]]), np.array([production["value"]]))
            assert row["change"] == pytest.approx(expected[0], abs=1e-12)
        if model == "B" and row["change"] is not None:
            assert row["change"] == 0


@settings(max_examples=8, deadline=None)
@given(worlds(), st.integers(0, 1000))
def test_intervals_hold_the_value_of_a_replicate_and_repeat_with_the_seed(world: World, seed: int) -> None:
    own = replace(SETTINGS, replicates=15, level=0.5)
    first, again = card(world, own, seed), card(world, own, seed)
    assert first == again
    for row in first.values():
        assert (row["low"] is None) == (row["high"] is None)
        if row["low"] is not None:
            assert row["low"] <= row["high"]
            assert row["value"] is not None


@settings(max_examples=10, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(world: World, shuffler: random.Random) -> None:
    turned = list(world.pairs)
    shuffler.shuffle(turned)
    own = replace(SETTINGS, replicates=5)
    assert card(World(turned, world.models), own) == card(world, own)


@settings(max_examples=10, deadline=None)
@given(worlds(), st.integers(2, 5))
def test_clicks_counted_many_times_change_no_share(world: World, factor: int) -> None:
    """Clicks, impressions and sales times a factor: the same thresholds and shares."""
    scaled = [
        {**row, **{name: row[name] * factor for name in ("impressions", "clicks", "sales", "revenue")}}
        for row in world.pairs
    ]
    plain, times = card(world, SETTINGS), card(World(scaled, world.models), SETTINGS)
    for key, row in plain.items():
        if row["value"] is None:
            assert times[key]["value"] is None
        else:
            assert times[key]["value"] == pytest.approx(row["value"], rel=1e-12)
