"""Bounded DuckDB connections: what goes wrong is told in our words."""

import tempfile
from pathlib import Path

import pytest

from adjudge.errors import BadConfig, BadTable
from adjudge.storage.duck import bounded, check_memory, in_memory


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


def test_a_message_may_hold_braces(tmp_path: Path) -> None:
    with (
        pytest.raises(BadTable, match=r"^IO Error.*of /data/\{day\}\.parquet$"),
        bounded(tmp_path / "spill", "1GB", "{} of /data/{day}.parquet") as db,
    ):
        db.read_parquet(str(tmp_path / "none.parquet"))


def test_in_memory_work_is_bounded_in_utc_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with in_memory(memory="60MB", threads=1) as db:
        facts = db.sql("SELECT current_setting('memory_limit'), current_setting('TimeZone')").fetchall()
        assert facts == [("57.2 MiB", "UTC")]
        db.execute(
            "CREATE TABLE wide AS SELECT range AS n, repeat('x', 200) || range AS text FROM range(400000)"
        )
        assert list(tmp_path.glob("adjudge-*/*")), (
            "80 MB do not fit 60: the rest lies in the temporary folder"
        )
    assert not list(tmp_path.iterdir())


def test_in_memory_says_what_the_caller_wants_said() -> None:
    with (
        pytest.raises(
            BadTable, match=r"^a table cannot be read: Catalog Error.*Bring it in with: adjudge import table$"
        ),
        in_memory() as db,
    ):
        db.sql("FROM nowhere")
    with pytest.raises(BadTable, match=r"^p\.parquet cannot be read as pairs: Catalog Error"):  # noqa: SIM117
        with in_memory("p.parquet cannot be read as pairs: {}") as db:
            db.sql("FROM nowhere")
