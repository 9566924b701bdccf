"""Look-up by sorted hashes: every key finds its own row, whatever collides; every row gives its own value."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.storage.lookup import ArrowRows, find, map_numbers


@given(
    keys=st.lists(st.integers(0, 60), unique=True),
    wanted=st.lists(st.integers(0, 60)),
    buckets=st.integers(1, 9),
)
def test_every_key_finds_its_own_position_whatever_collides(
    keys: list[int], wanted: list[int], buckets: int
) -> None:
    """With 1 to 9 hashes for up to 61 keys, nearly all keys share theirs with others."""
    keys.sort(key=lambda key: key % buckets)
    hashes = np.array([key % buckets for key in keys], np.uint64)

    def equal(positions: np.ndarray, places: np.ndarray) -> np.ndarray:
        return np.array([keys[p] == wanted[w] for p, w in zip(positions, places, strict=True)], bool)

    found = find(hashes, np.array([key % buckets for key in wanted], np.uint64), equal)
    assert found.tolist() == [keys.index(key) if key in keys else -1 for key in wanted]


def test_equality_is_asked_once_unless_hashes_collide() -> None:
    hashes = np.arange(0, 2000, 2, dtype=np.uint64)
    asked: list[int] = []

    def equal(positions: np.ndarray, places: np.ndarray) -> np.ndarray:
        asked.append(len(places))
        return np.ones(len(places), bool)

    assert find(hashes, np.array([7, 2, 1998, 5000, 0], np.uint64), equal).tolist() == [-1, 1, 999, -1, 0]
    assert asked == [3]


def test_the_largest_hashes_are_found_and_the_end_is_not_overrun() -> None:
    top = np.iinfo(np.uint64).max
    hashes = np.array([1, top, top], np.uint64)
    found = find(hashes, np.array([top, top], np.uint64), lambda at, places: (at == 2) & (places == 0))
    assert found.tolist() == [2, -1]
    assert find(hashes[:0], hashes, lambda at, places: at >= 0).tolist() == [-1, -1, -1]


def test_numbers_are_mapped_and_an_empty_file_is_an_empty_array(tmp_path: Path) -> None:
    np.array([3, 1, 2], np.uint64).tofile(tmp_path / "some.bin")
    (tmp_path / "none.bin").touch()
    numbers = map_numbers(tmp_path / "some.bin", np.uint64)
    assert isinstance(numbers, np.memmap)
    assert numbers.tolist() == [3, 1, 2]
    assert map_numbers(tmp_path / "none.bin", np.int64).tolist() == []


@pytest.fixture
def words() -> list[str | None]:
    return [None if number % 11 == 3 else f"text {number}" for number in range(500)]


@pytest.fixture
def rows(tmp_path: Path, words: list[str | None]) -> ArrowRows:
    """500 rows in batches of 1 to 40 rows, one of them empty."""
    schema = pa.schema([("text", pa.large_string()), ("row", pa.int64())])
    cuts = sorted({0, *np.random.default_rng(5).integers(0, 500, 24).tolist(), 500})
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch([pa.array([], kind.type) for kind in schema], schema=schema))
        for begin, end in pairwise(cuts):
            numbers = pa.array(range(begin, end), pa.int64())
            writer.write_batch(
                pa.record_batch([pa.array(words[begin:end], pa.large_string()), numbers], schema=schema)
            )
    return ArrowRows(tmp_path / "rows.arrow")


@pytest.mark.parametrize("count", [0, 1, 40, 99, 200, 3000])
def test_rows_are_taken_in_the_order_asked_for(rows: ArrowRows, words: list[str | None], count: int) -> None:
    """Few rows are sliced and many are taken batch by batch: both give the same."""
    wanted = np.random.default_rng(count).integers(-1, 500, count)
    assert rows.take("text", wanted).to_pylist() == [words[at] if at >= 0 else None for at in wanted]
    assert rows.take("row", wanted).to_pylist() == [int(at) if at >= 0 else None for at in wanted]
    assert rows.take("text", wanted).type == pa.large_string()


def test_single_values(rows: ArrowRows, words: list[str | None]) -> None:
    assert len(rows) == 500
    assert [rows.value("text", row).as_py() for row in range(500)] == words


def test_a_file_without_batches(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.binary())])
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, schema):
        pass
    rows = ArrowRows(tmp_path / "rows.arrow")
    assert len(rows) == 0
    assert rows.take("text", np.array([], np.int64)).to_pylist() == []
    assert rows.take("text", np.array([-1, -1])).to_pylist() == [None, None]
