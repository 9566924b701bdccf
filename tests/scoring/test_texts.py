"""Texts by id: every id finds its own texts, whatever the order, the hash and the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadTable
from adjudge.scoring import texts
from adjudge.scoring.texts import HASHES, TextJoin, TextStore, build_store

ids = st.text(max_size=6)


def built(folder: Path, rows: dict[str | None, str | None]) -> TextStore:
    folder.mkdir(parents=True, exist_ok=True)
    items = pa.table(
        {"item_id": pa.array(list(rows), pa.string()), "title": pa.array(list(rows.values()), pa.string())}
    )
    pq.write_table(items, folder / "items.parquet", row_group_size=5)
    build_store([folder / "items.parquet"], "item_id", ("title", "category"), folder / "store")
    return TextStore(folder / "store")


@settings(max_examples=40, deadline=None)
@given(rows=st.dictionaries(ids, st.none() | ids, max_size=20), asked=st.lists(st.none() | ids, max_size=20))
def test_every_id_finds_its_texts(
    rows: dict[str | None, str | None], asked: list[str | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = built(tmp_path_factory.mktemp("texts"), rows)
    asked = [*asked, *list(rows)[::-1]]
    found = store.rows_of(pa.array(asked, pa.string()))
    assert [at < 0 for at in found] == [key is None or key not in rows for key in asked]
    titles = store.take("title", found).cast(pa.string()).to_pylist()
    assert titles == [rows.get(key) for key in asked]
    assert store.take("category", found).null_count == len(asked)


def test_equal_hashes_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hash of three values, every id has many namesakes."""
    monkeypatch.setattr(texts, "SORTED", texts.SORTED.replace("hash(id)", "hash(id) % 3"))
    monkeypatch.setattr(texts, "HASHED", texts.HASHED.replace("hash(id)", "hash(id) % 3"))
    rows = {f"i{number}": f"title {number}" for number in range(200)}
    store = built(tmp_path, dict(rows))
    assert len(np.unique(np.fromfile(tmp_path / "store" / HASHES, np.uint64))) == 3
    asked = [f"i{number}" for number in range(250)]
    found = store.take("title", store.rows_of(pa.array(asked))).cast(pa.string()).to_pylist()
    assert found == [rows.get(key) for key in asked]


def test_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BATCH", 2048)
    rows = {f"i{number}": f"title {number}" for number in range(10_000)}
    store = built(tmp_path, dict(rows))
    assert len(store.table.starts) > 4
    asked = [f"i{number}" for number in np.random.default_rng(0).integers(0, 12_000, 5000)]
    assert store.take("title", store.rows_of(pa.array(asked))).cast(pa.string()).to_pylist() == [
        rows.get(key) for key in asked
    ]


def test_integer_ids_and_texts_that_are_not_utf8(tmp_path: Path) -> None:
    raw = pa.array([b"fine", b"br\xffken"], pa.binary())
    titles = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    pq.write_table(pa.table({"item_id": [1, 22], "title": titles}), tmp_path / "items.parquet")
    wanted = ("title", "category")
    assert build_store([tmp_path / "items.parquet"], "item_id", wanted, tmp_path / "store") == 2
    joined = TextJoin(items=tmp_path / "store").texts(
        pa.table({"item_id": [22, 1, 3], "keyphrase": ["k"] * 3})
    )
    assert joined["title"].cast(pa.binary()).to_pylist() == [b"br\xffken", b"fine", None]
    assert joined["reason"].to_pylist() == [None, None, "unknown item"]


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    items = pa.table({"item_id": ["a", "b", "a"], "title": ["x", "y", "z"]})
    pq.write_table(items, tmp_path / "items.parquet")
    with pytest.raises(BadTable, match="id 'a' stands in two rows"):
        build_store([tmp_path / "items.parquet"], "item_id", ("title",), tmp_path / "store")
    (tmp_path / "items.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="cannot be read as a table by item_id"):
        build_store([tmp_path / "items.parquet"], "item_id", ("title",), tmp_path / "store2")
