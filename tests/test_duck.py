"""DuckDB within a stated memory: what goes wrong is told in our words."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig, BadTable
from adjudge.storage.duck import bounded, check_memory, open_log


@pytest.mark.parametrize("value", ["4GB", "4gb", "512 MiB", "1.5G", "60%"])
def test_what_duckdb_reads_is_taken(value: str, tmp_path: Path) -> None:
    check_memory("ServedSettings", "memory", value)
    with bounded(tmp_path / "spill", value, "{}"):
        pass


@pytest.mark.parametrize("value", ["lots", "", "2 apples", "-1GB", "2"])
def test_a_size_that_duckdb_would_not_read_is_refused(value: str) -> None:
    with pytest.raises(BadConfig, match=r"ServedSettings\.memory is .*write for example 4GB"):
        check_memory("ServedSettings", "memory", value)


def test_more_than_the_memory_goes_to_the_spill_folder_and_comes_back_whole(tmp_path: Path) -> None:
    with bounded(tmp_path / "spill", "60MB", "{}", threads=1) as db:
        db.execute(
            "CREATE TABLE wide AS SELECT range AS n, repeat('x', 200) || range AS text FROM range(400000)"
        )
        assert any((tmp_path / "spill").iterdir()), "80 MB do not fit 60"
        few = "SELECT count(DISTINCT text) FROM wide WHERE n % 400 = 0"
        assert db.sql(few).fetchall() == [(1000,)]


def test_too_little_memory_and_unreadable_tables_are_told_apart(tmp_path: Path) -> None:
    with (
        pytest.raises(BadConfig, match="1KB of memory is too small.*raise the setting, or lower x"),
        bounded(tmp_path / "spill", "1KB", "{}", ", or lower x") as db,
    ):
        db.execute("CREATE TABLE numbers AS SELECT * FROM range(100000)")
    (tmp_path / "bad.parquet").write_text("no Parquet")
    with (
        pytest.raises(BadTable, match=r"^a day: .*bad\.parquet.*\. Bring it in again$") as caught,
        bounded(tmp_path / "spill", "1GB", "a day: {}. Bring it in again") as db,
    ):
        db.read_parquet(str(tmp_path / "bad.parquet"))
    assert "\n" not in str(caught.value)


def test_an_opened_table_has_all_columns_of_its_contract(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": ["i"], "title": ["red shoe"]}), tmp_path / "items.parquet")
    with bounded(tmp_path / "spill", "1GB", "{}") as db:
        open_log(db, tmp_path, "items")
        assert db.sql("SELECT item_id, title, category, price FROM items_file").fetchall() == [
            ("i", "red shoe", None, None)
        ]
        pq.write_table(pa.table({"title": ["red shoe"]}), tmp_path / "items.parquet")
        with pytest.raises(BadTable, match="needs column item_id"):
            open_log(db, tmp_path, "items")
