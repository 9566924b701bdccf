"""Files and folders appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.files import fresh_parquet, move_in

SCHEMA = pa.schema([("row", pa.int64())])
ROWS = pa.table([[1, 2]], schema=SCHEMA)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    with fresh_parquet(tmp_path / "a.parquet", SCHEMA, "7") as writer:
        writer.write_table(ROWS)
        assert names(tmp_path) == [".a.parquet.7"]
    assert names(tmp_path) == ["a.parquet"]
    assert pq.read_table(tmp_path / "a.parquet") == ROWS


def test_a_failed_block_leaves_the_old_file(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    with pytest.raises(KeyError), fresh_parquet(tmp_path / "a.parquet", SCHEMA):
        raise KeyError
    assert names(tmp_path) == ["a.parquet"]
    assert pq.read_table(tmp_path / "a.parquet") == ROWS


@pytest.mark.parametrize("empty", [True, False])
def test_a_file_without_rows(tmp_path: Path, empty: bool) -> None:
    with fresh_parquet(tmp_path / "a.parquet", SCHEMA, empty=empty):
        pass
    assert names(tmp_path) == (["a.parquet"] if empty else [])


@pytest.mark.parametrize("before", [False, True])
def test_a_folder_is_swapped_in(tmp_path: Path, before: bool) -> None:
    out, fresh = tmp_path / "deep" / "out", tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "new").touch()
    if before:
        out.mkdir(parents=True)
        (out / "old").touch()
    move_in(fresh, out)
    assert names(out) == ["new"]
    assert names(out.parent) == ["out"]
    assert not fresh.exists()
