"""The job `evaluate` on real files: the results folder, what is missing, what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scorecard"))
import logs_world

from adjudge import config as settings_of
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.evaluate import EvaluateConfig, evaluate
from adjudge.jobs.pairs import PairsConfig, pairs
from adjudge.scorecard import results
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.tables import TO_SCORE

OWN = ScorecardSettings(
    retention=0.8, replicates=20, min_support=1, min_clusters=2, ranking_floor=1, examples=3
)


def ten(folder: Path, **other: object) -> EvaluateConfig:
    logs_world.write_ten(folder)
    scores = {"A": str(folder / "A.parquet"), "B": str(folder / "B.parquet")}
    given = {
        "logs": folder,
        "scores": scores,
        "out": folder / "out",
        "production": "B",
        "scorecard": OWN,
        **other,
    }
    return EvaluateConfig(**given)  # type: ignore[arg-type]


def read(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_results_folder_is_as_stated(tmp_path: Path) -> None:
    found = evaluate(ten(tmp_path, title="Ten pairs", seed=3))
    for name, schema in results.SCHEMAS.items():
        assert pq.read_schema(tmp_path / "out" / f"{name}.parquet").equals(schema)
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert set(meta) == set(results.META)
    assert meta["models"]["A"] == {
        "threshold": 0.6, "scored": 9, "unscored": 1, "missing": 0, "version": "a" * 12, "note": None,
    }  # fmt: skip
    assert (meta["counts"]["clicks"], meta["counts"]["sales"], meta["counts"]["recommended"]) == (100, 10, 9)
    assert meta["simulated"] is False
    row = found.table[0]
    assert row.model == "A"
    assert row.changes["keyphrases_kept"] == pytest.approx(-2 / 7)
    assert found.notes[0] == "A: 1 of 10 pairs have no score; they count as not kept"
    cards = read(tmp_path / "out", "scorecard")
    ndcg = [c for c in cards if c["metric"] == "nDCG@10" and c["segment_by"] == "all"]
    assert [c["support"] for c in ndcg] == [10, 10]
    assert settings_of.load(EvaluateConfig, tmp_path / "out" / "settings.json") == ten(
        tmp_path, title="Ten pairs", seed=3
    )


def test_disagreements_and_agreement_read_well(tmp_path: Path) -> None:
    evaluate(ten(tmp_path))
    rows = read(tmp_path / "out", "disagreements")
    by_why = {row["why"]: row for row in rows if row["why"] != "models"}
    blue = by_why["search says relevant, truth says not"]
    assert (blue["item_id"], blue["keyphrase"], blue["title"]) == ("a", "blue phone", "Phone")
    assert blue["sources"] == "search yes; truth no; 5 clicks in 40 impressions"
    assert blue["scores"] == "A 0.700 kept; B 0.100 dropped"
    assert blue["gap"] == pytest.approx(6 / 9 - 0 / 10)  # 6 of 9 scored lower by A, none by B
    (search,) = [
        r
        for r in read(tmp_path / "out", "agreement")
        if {r["source_a"], r["source_b"]} == {"search", "truth"}
    ]
    assert (search["pairs"], search["agree"]) == (9, pytest.approx(8 / 9))


def test_row_order_of_the_logs_changes_nothing(tmp_path: Path) -> None:
    evaluate(ten(tmp_path / "one"))
    turned = ten(tmp_path / "two")
    logs_world.write_ten(tmp_path / "two", [7, 2, 9, 0, 4, 1, 8, 3, 6, 5])
    evaluate(turned)
    for name in results.SCHEMAS:
        assert read(tmp_path / "one" / "out", name) == read(tmp_path / "two" / "out", name)


def test_frozen_thresholds_of_an_earlier_run(tmp_path: Path) -> None:
    first = evaluate(ten(tmp_path))
    again = evaluate(ten(tmp_path, out=tmp_path / "again", thresholds=tmp_path / "out" / "thresholds.json"))
    assert again.thresholds == first.thresholds == {"A": 0.6, "B": 0.2}
    with pytest.raises(BadConfig, match="has no threshold for C: it has A, B"):
        evaluate(
            ten(
                tmp_path,
                scores={"C": str(tmp_path / "A.parquet")},
                production=None,
                thresholds=tmp_path / "out" / "thresholds.json",
            )
        )


def test_missing_pairs_are_counted_named_and_lost(tmp_path: Path) -> None:
    config = ten(tmp_path)
    table = pq.read_table(tmp_path / "A.parquet")
    pq.write_table(table.slice(1), tmp_path / "A.parquet")  # without the red phone and its 40 clicks
    found = evaluate(config)
    assert found.notes[0] == (
        "A: 1 of 10 pairs are not in its scores file, e.g. (a, red phone); they count as not kept and their "
        "clicks as lost"
    )
    assert found.thresholds["A"] is None
    assert any("scored pairs hold 60 of 100 click weight, less than the 80" in note for note in found.notes)


def test_foreign_scores_are_refused(tmp_path: Path) -> None:
    config = ten(tmp_path)
    logs_world.write(
        tmp_path / "A.parquet",
        {"item_id": ["zz"], "keyphrase": ["sofa"], "score": [0.5], "model_version": ["0" * 12]},
    )
    with pytest.raises(
        BadTable, match=r"none of its 1 pairs is in the logs; first there: \(zz, sofa\), first wanted"
    ):
        evaluate(config)


def test_a_pair_scored_twice_is_refused(tmp_path: Path) -> None:
    config = ten(tmp_path)
    table = pq.read_table(tmp_path / "A.parquet")
    import pyarrow as pa

    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), tmp_path / "A.parquet")
    with pytest.raises(BadTable, match=r"1 pairs stand there more than once, e.g. \(a, red phone\)"):
        evaluate(config)


def test_unreadable_scores_say_so(tmp_path: Path) -> None:
    config = ten(tmp_path)
    (tmp_path / "A.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(BadTable, match="cannot be read as a Parquet table of scores"):
        evaluate(config)


def test_labels_alone_still_give_quality(tmp_path: Path) -> None:
    """A labelled set without clicks (ESCI): AUC and nDCG, no threshold, and the notes say why."""
    config = ten(tmp_path, production="B")
    for name in ("clicks", "clicks_later", "search"):
        (tmp_path / f"{name}.parquet").unlink()
    found = evaluate(replace(config, scorecard=replace(OWN, cluster="keyphrase")))
    cards = {
        (c["model"], c["metric"]): c for c in read(tmp_path / "out", "scorecard") if c["segment_by"] == "all"
    }
    assert cards[("B", "auc")]["value"] == pytest.approx(14 / 20)
    assert cards[("A", "keyphrases_kept")]["value"] is None
    assert ("A", "sales_kept") not in cards
    assert "Not measured: the logs hold no clicks, so no threshold can be chosen." in found.notes


def test_split_measures_only_its_pairs(tmp_path: Path) -> None:
    logs = logs_world.random_logs(tmp_path, np.random.default_rng(1), 60)
    scores = {"A": str(logs / "A.parquet")}
    sizes = {
        split: evaluate(
            EvaluateConfig(logs, scores, tmp_path / (split or "all"), split=split, scorecard=OWN)
        ).pairs
        for split in ("train", "dev", "test", None)
    }
    assert sizes[None] == 480
    assert sizes["train"] + sizes["dev"] + sizes["test"] == 480
    assert sizes["train"] % 8 == 0  # whole items


def test_groups_are_a_segmentation(tmp_path: Path) -> None:
    config = ten(tmp_path, groups=tmp_path / "groups.parquet")
    logs_world.write(
        tmp_path / "groups.parquet",
        {"item_id": ["a", "a"], "keyphrase": ["red phone", "phone"], "source": ["web", "app"]},
    )
    evaluate(config)
    cards = read(tmp_path / "out", "scorecard")
    kept = {
        c["segment"]: c["value"]
        for c in cards
        if (c["model"], c["metric"], c["segment_by"]) == ("B", "clicks_kept", "source")
    }
    assert kept == {"(none)": 25 / 30, "app": 1.0, "web": 1.0}


def test_recipes_become_the_tables_of_sources_and_conflicts(tmp_path: Path) -> None:
    from adjudge.jobs.recipe import RecipeConfig, recipe

    logs = logs_world.random_logs(tmp_path, np.random.default_rng(2), 60)
    recipe(RecipeConfig("click+ llm+-", logs, tmp_path / "recipe"))
    scores = {"A": str(logs / "A.parquet")}
    evaluate(
        EvaluateConfig(
            logs, scores, tmp_path / "out", recipes={"click+ llm+-": str(tmp_path / "recipe")}, scorecard=OWN
        )
    )
    rows = read(tmp_path / "out", "sources")
    assert sum(r["rows"] for r in rows) == pq.read_metadata(tmp_path / "recipe" / "training.parquet").num_rows
    assert all(r["positives"] + r["negatives"] == r["rows"] for r in rows)
    assert {r["source"] for r in rows} == {"click", "llm"}
    assert {r["recipe"] for r in read(tmp_path / "out", "conflicts")} <= {"click+ llm+-"}


def test_wanted_pairs_are_the_pairs_measured(tmp_path: Path) -> None:
    logs_world.write_ten(tmp_path)
    assert pairs(PairsConfig(tmp_path, tmp_path / "wanted.parquet")).rows == 10
    assert tuple(pq.read_schema(tmp_path / "wanted.parquet").names) == TO_SCORE.names


def test_config_says_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="scores is empty: give at least one model"):
        EvaluateConfig(tmp_path, {}, tmp_path)
    with pytest.raises(BadConfig, match="production is 'b': allowed are a"):
        EvaluateConfig(tmp_path, {"a": "x"}, tmp_path, production="b")
    with pytest.raises(BadConfig, match="gains is .* rising from bad to excellent"):
        ScorecardSettings(gains=(3, 2, 1, 0))
    with pytest.raises(BadConfig, match="foo.* is unknown to ir-measures"):
        evaluate(ten(tmp_path, scorecard=replace(OWN, ranking=("foo@3",))))
