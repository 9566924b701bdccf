"""Labels, money, counts and notes of the job `cascade`, on tables small enough to count by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cascade_tables import write_judge, write_people

from adjudge.cascade.region import Region
from adjudge.cascade.settings import CascadeSettings
from adjudge.config import from_dict, load, options, to_dict
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.cascade.cascade import cascade
from adjudge.jobs.cascade.config import CascadeConfig
from adjudge.jobs.cascade.result import NOT_ASKED, CascadeResult, _finite
from adjudge.stats.sampling import Sampling

PAIRS = 400
FEW = CascadeSettings(target=0.8, block=5, sampling=Sampling(replicates=50))
SURE = ~np.isin(np.arange(PAIRS) % 8, (0, 5))
"""The cheap judge is sure of three pairs in four, and right on those alone; the strong one is always right.
"""
TRUTH = np.arange(PAIRS) % 2 > 0


@pytest.fixture
def config(tmp_path: Path) -> CascadeConfig:
    """People graded the first 300 pairs; the cheap judge costs 0.5 per pair, the strong one 2."""
    says = np.where(SURE, TRUTH, ~TRUTH)
    strength = np.where(SURE, 0.9, 0.6)
    cheap = write_judge(
        tmp_path / "cheap.parquet",
        "cheap",
        says,
        probability=np.where(says, strength, 1 - strength),
        cost=[0.5] * PAIRS,
    )
    strong = write_judge(tmp_path / "strong.parquet", "strong", TRUTH, cost=[2.0] * PAIRS)
    people = write_people(tmp_path / "people.parquet", [["good" if t else "bad"] for t in TRUTH[:300]])
    return CascadeConfig(cheap, strong, tmp_path / "out", human=people, cascade=FEW)


def document(config: CascadeConfig) -> dict[str, Any]:
    return json.loads((config.out / "cascade.json").read_text())


def test_counts_by_hand(config: CascadeConfig) -> None:
    """300 of 400 answers stand; all of them are right, and so are the strong judge's on the rest."""
    result = cascade(config)
    assert (result.verdict, result.against) == ("validated", "people")
    assert result.region.least == pytest.approx((0.9, 0.9))
    assert result.counts == {
        "pairs": 400,
        "unscored by the cheap judge": 0,
        "cheap judge answers": 300,
        "left for the strong judge": 100,
        "labelled": 300,
        "labelled, scored by both": 300,
    }
    assert result.strong_share == 0.25
    assert (result.first.value, result.second.value) == (1.0, 1.0)
    assert result.first.pairs + result.second.pairs == 225
    assert (result.written.by_cheap, result.written.by_strong, result.written.unscored) == (300, 100, 0)
    grades = pq.read_table(config.out / "judgments.parquet")["grade"].to_pylist()
    assert grades == ["relevant" if truth else "irrelevant" for truth in TRUTH]


def test_money_by_hand(config: CascadeConfig) -> None:
    """400 pairs at 0.5, a hundred of them at 2 more: 400 in all, against 800 for the strong judge alone."""
    result = cascade(config)
    assert (result.money.strong_each, result.money.all_strong) == (2.0, 800.0)
    assert (result.money.cascade, result.money.saved) == (400.0, 400.0)
    assert result.written.cost == pytest.approx(400.0)
    spent = {(row["kind"], row["against"]): row["money"] for row in document(config)["curve"]}
    assert spent["all strong", "labels"] == 800.0
    assert spent["all cheap", "labels"] == 200.0
    [chosen] = [row for row in document(config)["curve"] if row["chosen"] and row["against"] == "labels"]
    assert (chosen["kind"], chosen["money"]) == ("cascade", 400.0)
    [blind] = [
        row
        for row in document(config)["curve"]
        if (row["kind"], row["against"], row["place"]) == ("random", "labels", chosen["place"])
    ]
    assert blind["money"] == 200.0


def test_a_judge_without_costs_counts_as_free_or_makes_money_unknown(config: CascadeConfig) -> None:
    bare = pq.read_table(config.cheap).drop(["cost"])
    pq.write_table(bare, config.cheap)
    result = cascade(config)
    assert result.money.cascade == 200.0
    assert "cheap names no cost: it is counted as free." in result.notes
    pq.write_table(pq.read_table(config.strong).drop(["cost"]), config.strong)
    result = cascade(config)
    assert result.money.cascade is None
    assert not any("counted as free" in note for note in result.notes)
    assert {row["money"] for row in document(config)["curve"]} == {None}


def test_pairs_that_the_cheap_judge_did_not_score_go_to_the_strong_one(config: CascadeConfig) -> None:
    table = pq.read_table(config.cheap)
    status = ["unscored" if n < 8 else "scored" for n in range(PAIRS)]
    columns = {name: table[name] for name in table.column_names} | {"status": status}
    columns["grade"] = [None if n < 8 else grade for n, grade in enumerate(table["grade"].to_pylist())]
    columns["probability"] = [None if n < 8 else p for n, p in enumerate(table["probability"].to_pylist())]
    pq.write_table(pa.table(columns), config.cheap)
    result = cascade(config)
    assert result.counts["unscored by the cheap judge"] == 8
    assert result.counts["labelled"] == 292
    assert result.counts["cheap judge answers"] == 294
    by = pq.read_table(config.out / "judgments.parquet")["answered_by"].to_pylist()
    assert by[:8] == ["strong"] * 8


def test_labels_by_rule(config: CascadeConfig, tmp_path: Path) -> None:
    """Of 300 pairs with three annotators, 100 get two votes of three: a majority, not unanimity."""
    votes = []
    for n, truth in enumerate(TRUTH[:300]):
        right, wrong = ("good", "bad") if truth else ("bad", "good")
        votes.append([right, right, wrong if n % 3 == 0 else right])
    people = write_people(tmp_path / "three.parquet", votes)
    unanimous = cascade(replace(config, human=people))
    assert unanimous.counts["labelled"] == 200
    assert any("Pairs on which people disagree have no label" in note for note in unanimous.notes)
    majority = cascade(replace(config, human=people, cascade=replace(FEW, rule="majority")))
    assert majority.counts["labelled"] == 300
    assert not any("disagree" in note for note in majority.notes)
    with pytest.raises(NotEnoughData, match="^0 pairs have a label"):
        cascade(replace(config, human=people, cascade=replace(FEW, min_annotators=4)))


def test_the_strong_judges_own_answers_are_labels_on_a_sample(config: CascadeConfig) -> None:
    alone = replace(config, human=None, cascade=replace(FEW, sample=200))
    result = cascade(alone)
    assert (result.against, result.counts["labelled"]) == ("strong judge", 200)
    assert result.verdict == "validated"
    assert result.notes[0].startswith("No human labels: agreement is with strong's own answers.")
    assert json.loads((config.out / "region.json").read_text())["against"] == "strong judge"
    again = cascade(replace(alone, out=config.out.with_name("again")))
    assert again.second == result.second


def test_a_saved_region_is_used_without_labels_and_checked_with_them(config: CascadeConfig) -> None:
    cascade(config)
    region = config.out / "region.json"
    used = cascade(replace(config, human=None, region=region, out=config.out.with_name("used")))
    assert (used.verdict, used.exit_code, used.second) == ("frozen", 0, None)
    assert used.reason == "a region of an earlier run, used as it is and not checked here"
    assert used.counts["labelled"] == used.counts["labelled, scored by both"] == 0
    assert used.points == ()
    assert used.money.saved == 400.0
    checked = cascade(replace(config, region=region, out=config.out.with_name("checked")))
    assert (checked.verdict, checked.second.value, checked.second.pairs) == ("frozen", 1.0, 225)


def test_a_saved_region_whose_answers_got_worse_is_refused(config: CascadeConfig, tmp_path: Path) -> None:
    """People now say the opposite: nothing stands, nothing is written, exit code 1."""
    cascade(config)
    opposite = [["bad" if truth else "good"] for truth in TRUTH[:300]]
    people = write_people(tmp_path / "opposite.parquet", opposite)
    out = config.out.with_name("worse")
    worse = cascade(replace(config, human=people, region=config.out / "region.json", out=out))
    assert (worse.verdict, worse.exit_code, worse.written) == ("not validated", 1, None)
    assert not (out / "judgments.parquet").exists()
    assert json.loads((out / "region.json").read_text())["validated"] is False


def test_another_share_of_standing_answers_is_noted(config: CascadeConfig) -> None:
    """A tenth more or less is not worth a note: 75 % stand here."""
    cascade(config)
    region = config.out / "region.json"
    saved = json.loads(region.read_text())
    out = config.out.with_name("noted")
    for share, noted in ((0.75, False), (0.66, False), (0.64, True), (0.86, True), (None, False)):
        region.write_text(json.dumps({**saved, "share": share}))
        result = cascade(replace(config, human=None, region=region, out=out))
        assert any("75% of the answers stand" in note for note in result.notes) == noted, share


def test_scales_that_differ_are_noted(config: CascadeConfig, tmp_path: Path) -> None:
    assert any("use different scales" in note for note in cascade(config).notes)
    people = write_people(
        tmp_path / "binary.parquet", [["relevant" if truth else "irrelevant"] for truth in TRUTH[:300]]
    )
    same = cascade(replace(config, human=people, human_scale="binary"))
    assert not any("different scales" in note for note in same.notes)
    assert same.second.value == 1.0


def test_a_judge_without_probabilities_stands_or_falls_by_grade(config: CascadeConfig) -> None:
    """Right on three of four, whatever the grade: 0.6 is shown for both, 0.8 for none."""
    pq.write_table(pq.read_table(config.cheap).drop(["probability"]), config.cheap)
    low = cascade(replace(config, cascade=replace(FEW, target=0.6)))
    assert low.region.least == (0.0, 0.0)
    assert low.words == "irrelevant always; relevant always"
    assert any("gives no probabilities" in note for note in low.notes)
    high = cascade(config)
    assert (high.verdict, high.words) == ("not validated", "irrelevant never; relevant never")
    assert high.reason.startswith("no part of cheap's answers agrees with people so far above 0.8")


def test_no_verdict_at_all_is_refused(config: CascadeConfig) -> None:
    write_judge(Path(config.cheap), "cheap", TRUTH, status=["unscored"] * PAIRS)
    with pytest.raises((NotEnoughData, BadTable), match="cheap"):
        cascade(config)


def test_what_is_saved_repeats_the_run(config: CascadeConfig) -> None:
    """settings.json of the folder; cascade.json names them too, and the region's thresholds by grade."""
    first = cascade(config)
    saved = load(CascadeConfig, config.out / "settings.json")
    assert saved == config
    written = document(config)
    assert from_dict(CascadeConfig, written["settings"]) == config
    assert written["least"] == dict(zip(("irrelevant", "relevant"), first.region.least, strict=True))
    assert (written["verdict"], written["exit_code"], written["target"]) == ("validated", 0, 0.8)
    assert cascade(saved) == first


def test_settings_of_an_earlier_version_open(config: CascadeConfig) -> None:
    """As cascade.json holds them: every field, in this order."""
    names = (
        *("cheap", "strong", "out", "pairs", "human", "scale", "human_scale", "cheap_judge", "strong_judge"),
        *("name", "log", "cheap_settings", "strong_settings", "region", "dry_run", "validate_only"),
        *("cascade", "seed", "simulated"),
    )
    assert tuple(to_dict(config)) == names
    assert all(option.help or option.group for option in options(CascadeConfig))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"scale": "ternary"}, "CascadeConfig.scale is 'ternary': allowed are"),
        ({"human_scale": "five"}, "CascadeConfig.human_scale is 'five': allowed are"),
        ({"strong": "openai:x"}, "strong is 'openai:x', a judge to be asked: name the pairs with --pairs"),
        ({"seed": "1"}, r"CascadeConfig.seed is '1' \(str\): allowed is int"),
    ],
)
def test_settings_that_are_refused(config: CascadeConfig, values: dict[str, Any], match: str) -> None:
    with pytest.raises(BadConfig, match=match):
        replace(config, **values)


def test_numbers_that_are_not_finite_become_null() -> None:
    values = {"a": float("nan"), "b": [float("inf"), 1.5, {"c": (float("-inf"), "text", None, 2)}]}
    assert _finite(values) == {"a": None, "b": [None, 1.5, {"c": [None, "text", None, 2]}]}


@pytest.mark.parametrize(
    ("verdict", "code"), [("validated", 0), ("frozen", 0), (NOT_ASKED, 0), ("not validated", 1)]
)
def test_only_a_region_that_is_not_validated_fails(verdict: str, code: int) -> None:
    result = CascadeResult(Path(), verdict, "", "cheap", "strong", "people", "binary", Region((None, None)))
    assert (result.exit_code, result.rest, result.points) == (code, None, ())
