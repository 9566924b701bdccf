"""The results folder: exact columns, nulls for what is missing, and every metric stated."""

from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadTable
from adjudge.scorecard import results
from adjudge.scorecard.definitions import KINDS, metric, metric_definitions
from adjudge.scorecard.measure import OF_ALL, OF_KEPT


def meta(**other: object) -> dict:
    return {**dict.fromkeys(results.META), **other}


def test_a_folder_holds_every_table_and_the_keys_of_meta(tmp_path: Path) -> None:
    card = results.rows("scorecard", [{"model": "m", "metric": "auc", "value": 0.5, "support": 3}])
    results.write(tmp_path / "new" / "out", {"scorecard": card}, meta(title="Größe"))
    folder = tmp_path / "new" / "out"
    assert {path.name for path in folder.iterdir()} == {
        "meta.json",
        *(f"{n}.parquet" for n in results.SCHEMAS),
    }
    for name, schema in results.SCHEMAS.items():
        table = pq.read_table(folder / f"{name}.parquet")
        assert table.schema.equals(schema)
        assert table.num_rows == (1 if name == "scorecard" else 0)
    assert json.loads((folder / "meta.json").read_text(encoding="utf-8"))["title"] == "Größe"


def test_a_key_left_out_is_null() -> None:
    (row,) = results.rows("agreement", [{"source_a": "a", "pairs": 3}]).to_pylist()
    assert row == {"source_a": "a", "source_b": None, "pairs": 3, "agree": None, "kappa": None}


def test_other_columns_and_keys_are_refused(tmp_path: Path) -> None:
    curves = results.rows("curves", [])
    with pytest.raises(
        BadTable, match="results table scorecard has columns .*retention.*; allowed: .*segment_by"
    ):
        results.write(tmp_path, {"scorecard": curves}, meta())
    with pytest.raises(BadTable, match="meta.json has keys .*; allowed and needed: "):
        results.write(tmp_path, {}, {"title": "x"})
    with pytest.raises(BadTable, match="meta.json has keys"):
        results.write(tmp_path, {}, meta(more=1))


def test_a_number_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.write(tmp_path, {}, meta(seconds=float("nan")))
    assert not (tmp_path / "meta.json").exists()


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    rows = results.rows("sources", [{"recipe": "r", "rows": 1}])
    results.write(tmp_path, {"sources": rows}, meta(title="one"))
    results.write(tmp_path, {}, meta(title="two"))
    assert pq.read_metadata(tmp_path / "sources.parquet").num_rows == 0
    assert json.loads((tmp_path / "meta.json").read_text())["title"] == "two"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_every_measured_metric_is_stated_once() -> None:
    definitions = metric_definitions()
    measured = {*OF_ALL, *OF_KEPT, "threshold", "auc", "log_loss", "ece"}
    assert measured == definitions.keys()
    for name, stated in definitions.items():
        assert stated.name == name
        assert stated.kind in KINDS
        assert stated.label[0].isupper()
        assert len(stated.definition) > 20
    assert {m.name for m in definitions.values() if m.higher_is_better is False} == {"log_loss", "ece"}
    neutral = {"threshold", "keyphrases_kept", "keyphrases_kept_item_mean", "keyphrases_per_item"}
    assert {m.name for m in definitions.values() if m.higher_is_better is None} == neutral


def test_a_ranking_metric_states_itself() -> None:
    stated = metric("nDCG@10")
    assert (stated.label, stated.unit, stated.kind, stated.higher_is_better) == (
        "nDCG@10",
        "score",
        "difference",
        True,
    )
    assert stated.definition.startswith("nDCG@10 (ir-measures)")
    assert metric("auc") is metric_definitions()["auc"]


@pytest.mark.parametrize("name", ["card", "disagreements", "threshold"])
def test_worked_examples_in_the_docstrings(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"adjudge.scorecard.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
