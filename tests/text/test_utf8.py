"""UTF-8 repair: Python's `replace` is the reference, for bytes and for Arrow columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadTable
from adjudge.storage.duck import in_memory
from adjudge.storage.text_columns import BATCH, as_bytes, columns_of, readable, write_texts
from adjudge.text.utf8 import decode, is_whole, repair

BYTES = st.one_of(st.none(), st.text(max_size=4).map(str.encode), st.binary(max_size=5))


def unchecked(values: list[bytes | None]) -> pa.Array:
    """A string column of any bytes, as a Parquet file may hold it."""
    raw = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(raw), raw.buffers(), raw.null_count)


def reference(value: bytes | None) -> tuple[str | None, bool]:
    if value is None:
        return None, False
    text = value.decode("utf-8", "replace")
    return text, text.encode() != value


@given(values=st.lists(BYTES, max_size=8))
def test_columns_are_repaired_as_python_does(values: list[bytes | None]) -> None:
    texts, broken = repair(unchecked(values))
    assert list(zip(texts.to_pylist(), broken.to_pylist(), strict=True)) == [
        reference(value) for value in values
    ]
    assert is_whole(texts)
    assert is_whole(unchecked(values)) == (True not in broken.to_pylist())
    assert [decode(value) for value in values if value is not None] == [
        None if reference(value)[1] else value.decode() for value in values if value is not None
    ]


def test_a_whole_column_is_given_back_as_it_is() -> None:
    column = pa.array(["a", None, "é\N{REPLACEMENT CHARACTER}"])
    texts, broken = repair(column)
    assert texts is column
    assert broken.to_pylist() == [False, False, False]


def test_slices_are_repaired_row_by_row() -> None:
    column = unchecked([b"a", b"b\xff", None, b"\xe9", b"c"]).slice(1, 3)
    assert repair(column)[0].to_pylist() == ["b\ufffd", None, "\ufffd"]
    assert repair(column)[1].to_pylist() == [True, False, True]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three batches; every seventh title is not UTF-8."""
    rows = 2 * BATCH + 5
    titles = unchecked([b"t\xff" if n % 7 == 0 else b"t%d" % n for n in range(rows)])
    table = pa.table({"row": range(rows), "title": titles, "id": pa.array(range(rows), pa.int32())})
    pq.write_table(table, tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def test_text_columns_reach_duckdb_and_come_back(file: Path, tmp_path: Path) -> None:
    assert columns_of(file) == ["row", "title", "id"]
    rows = 2 * BATCH + 5
    with in_memory() as db:
        db.register("texts", readable(file, ("title", "id", "absent")))
        facts = db.sql("SELECT count(*), count(absent), min(id), typeof(min(id)) FROM texts").fetchall()
        assert facts == [(rows - len(range(0, rows, 7)), 0, "1", "VARCHAR")]
        for repaired in (False, True):
            db.register("raw", as_bytes(file, ("title", "id")))
            relation = db.sql("SELECT title, CAST(1 AS BIGINT) AS n FROM raw")
            write_texts(relation, tmp_path / "out.parquet", repaired=repaired)
            written = pq.read_table(tmp_path / "out.parquet")
            assert written.schema.field("title").type == pa.string()
            raw = written["title"].combine_chunks().cast(pa.binary()).to_pylist()
            assert raw[:2] == [b"t\xef\xbf\xbd" if repaired else b"t\xff", b"t1"]
            assert len(raw) == rows


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    for read in (columns_of, lambda path: as_bytes(path, ("a",)), lambda path: readable(path, ("a",))):
        with pytest.raises(BadTable, match=r"cannot be read as Parquet: .*adjudge import table"):
            read(tmp_path / "in.parquet")
