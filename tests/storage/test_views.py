"""A Parquet file as a view of a stated shape: typed columns, absent optional ones as nulls, errors in our
words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.storage.duck import in_memory
from adjudge.storage.views import ROW_NUMBER, SQL_TYPES, create_view, open_log


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with in_memory() as connection:
        yield connection


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("shape", tables.TABLES.values(), ids=lambda shape: shape.name)
def test_every_shape_opens_without_a_file_and_with_its_required_columns_alone(
    shape: tables.Table, db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    types = [
        SQL_TYPES[column.type].replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for column in shape.columns
    ]
    assert create_view(db, "none", shape, None) == frozenset()
    file = write(tmp_path / "bare.parquet", **{name: pa.nulls(2, pa.string()) for name in shape.required})
    assert create_view(db, "bare", shape, file) == set(shape.required)
    for view, rows in (("none", 0), ("bare", 2)):
        relation = db.view(view)
        assert tuple(relation.columns) == shape.names
        assert list(map(str, relation.types)) == types
        assert len(relation) == rows


def test_other_types_become_the_shapes_and_other_columns_are_left_out(
    db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "c.parquet", item_id=[7], keyphrase=["k"], impressions=[3.0], clicks=["2"], price_list=[1]
    )
    assert create_view(db, "clicks", tables.CLICKS, file) >= {"price_list", "clicks"}
    assert db.sql("FROM clicks").fetchall() == [("7", "k", None, 3, 2, None, None)]


def test_more_optional_columns_and_row_numbers_may_be_asked_for(
    db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    pair = {"item_id": ["a", "b"], "keyphrase": ["k", "k"]}
    file = write(tmp_path / "p.parquet", **pair, expected=pa.array([1, None], pa.int8()))
    create_view(db, "p", tables.PAIRS, file, {"expected": "DOUBLE", "mass": "DOUBLE"}, row_numbers=True)
    assert db.sql("FROM p").fetchall() == [("a", "k", None, 1.0, None, 0), ("b", "k", None, None, None, 1)]
    create_view(db, "p", tables.PAIRS, None, {"expected": "DOUBLE"}, row_numbers=True)
    assert db.view("p").columns == ["item_id", "keyphrase", "adopted", "expected", ROW_NUMBER]


def test_a_folder_and_several_files_are_one_table(db: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    first = write(tmp_path / "1.parquet", item_id=["a"], keyphrase=["k"])
    second = write(tmp_path / "2.parquet", adopted=[True], keyphrase=["k"], item_id=["b"])
    for source in (tmp_path, [first, second]):
        assert create_view(db, "p", tables.PAIRS, source) == set(tables.PAIRS.names)
        assert db.sql("FROM p ORDER BY item_id").fetchall() == [("a", "k", None), ("b", "k", True)]


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5"), (float("nan"), "nan"), ("two", "'two'"), (1e30, "1e\\+30")]
)
def test_what_is_no_whole_number_is_refused_and_not_rounded(
    value: Any, shown: str, db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = write(tmp_path / "c.parquet", item_id=["i"], keyphrase=["k"], impressions=[value], clicks=[0])
    said = f"impressions is {shown}; allowed are whole numbers of 0 or more.*adjudge import table clicks"
    with pytest.raises(BadTable, match=said):
        create_view(db, "clicks", tables.CLICKS, file)


@pytest.mark.parametrize(("impressions", "position"), [(-1, 1), (None, 1), (1, 0)])
def test_strict_views_check_bounds_and_nulls(
    impressions: int | None, position: int, db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "c.parquet",
        item_id=["i", "j"],
        keyphrase=["k", "k"],
        position=[position, None],
        impressions=pa.array([impressions, 5], pa.int32()),
        clicks=[0, 0],
    )
    create_view(db, "clicks", tables.CLICKS, file)
    assert len(db.view("clicks")) == 2
    with pytest.raises(BadTable, match="(impressions|position) is (-1|None|0); allowed are whole numbers"):
        create_view(db, "clicks", tables.CLICKS, file, strict=True)


def test_files_that_cannot_be_used_are_named_with_the_next_step(
    db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(
        BadTable, match=r"none\.parquet does not exist: name a Parquet file with the columns of table pairs"
    ):
        create_view(db, "p", tables.PAIRS, tmp_path / "none.parquet")
    with pytest.raises(BadTable, match="holds no Parquet file"):
        create_view(db, "p", tables.PAIRS, tmp_path)
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(
        BadTable, match=r"cannot be read as Parquet: Invalid Input Error: [^\n]*text\.parquet[^\n]*$"
    ):
        create_view(db, "p", tables.PAIRS, tmp_path)
    file = write(tmp_path / "short.parquet", item_id=["i"])
    with pytest.raises(BadTable, match=r"short\.parquet: table pairs needs column keyphrase; seen: item_id"):
        create_view(db, "p", tables.PAIRS, file)


def test_a_table_of_a_logs_folder_is_opened_by_its_name(
    db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write(tmp_path / "items.parquet", item_id=["i"], title=["red shoe"])
    assert open_log(db, tmp_path, "items") == path
    assert db.sql("SELECT item_id, title, category, price FROM items_file").fetchall() == [
        ("i", "red shoe", None, None)
    ]
    write(path, title=["red shoe"])
    with pytest.raises(BadTable, match="needs column item_id"):
        open_log(db, tmp_path, "items")
    with pytest.raises(
        BadTable, match="holds no clicks.parquet .it holds: items.*adjudge import table clicks"
    ):
        open_log(db, tmp_path, "clicks")
