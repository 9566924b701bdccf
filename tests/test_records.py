"""Scales and tables: the ground floor's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjudge import records, tables
from adjudge.errors import BadConfig, BadTable


def test_a_scale_orders_its_grades_and_makes_them_binary() -> None:
    assert [records.FOUR.index(g) for g in ("bad", "fair", "good", "excellent")] == [0, 1, 2, 3]
    assert [records.FOUR.relevant(g) for g in records.FOUR.grades] == [False, False, True, True]
    assert records.ORDINAL3.relevant_grades == ("moderate", "high")
    with pytest.raises(BadConfig, match="grade 'god' is not on scale four.*did you mean good"):
        records.FOUR.index("god")
    with pytest.raises(BadConfig, match="scale 'fuor' is unknown.*did you mean four"):
        records.scale("fuor")


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda t: t.name)
def test_every_table_is_well_formed(table: tables.Table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    for column in table.columns:
        assert column.type in tables.TYPES
        assert column.meaning
        assert column.low is None or column.high is None or column.low <= column.high
    for check in table.checks:
        assert any(name in check.bad_when for name in table.names)


def test_the_annotation_grades_are_the_scale_s() -> None:
    assert records.FOUR.grades == tables.FOUR_GRADES


def test_missing_columns_name_the_mapping_to_write() -> None:
    with pytest.raises(BadTable) as caught:
        tables.CLICKS.check_columns(["item", "keyphrase", "impressions", "clicks"], "log.csv")
    assert "log.csv: table clicks needs column item_id" in str(caught.value)
    assert "did you mean item?" in str(caught.value)
    assert "adjudge import table clicks FILE --map item_id=YOUR_NAME" in str(caught.value)


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda t: t.name)
def test_only_what_a_logs_folder_holds_is_to_be_imported(table: tables.Table) -> None:
    with pytest.raises(BadTable) as caught:
        table.check_columns(table.required[:-1], "file.parquet")
    told, last = str(caught.value), table.required[-1]
    assert ("adjudge import table" in told) == (table.name in tables.LOGS)
    assert (f"Rename yours, or add it: {last} is " in told) == (table.name not in tables.LOGS)


def test_a_logs_folder_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").touch()
    assert tables.log_path(tmp_path, "items") == tmp_path / "items.parquet"
    with pytest.raises(BadTable, match=r"holds no clicks_later.parquet \(it holds: items\)"):
        tables.log_path(tmp_path, "clicks_later")
    with pytest.raises(BadTable, match="table 'click' is unknown.*did you mean clicks"):
        tables.log_path(tmp_path, "click")


def test_a_reader_may_need_some_columns_only() -> None:
    shape = tables.ITEMS.only("item_id", "category")
    assert (shape.name, shape.names) == ("items", ("item_id", "category"))
    shape.check_columns(["item_id"], "items.parquet")
    with pytest.raises(BadTable, match="table items needs column item_id"):
        shape.check_columns(["category"], "items.parquet")
    assert "title" in tables.ITEMS.names, "the table itself stays as it is"
