"""What changed between two days, by hand."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.diff import DiffConfig, diff
from adjudge.jobs.score import ScoreConfig, score

AT = "2026-11-02T06:00:00+00:00"


def day(
    folder: Path,
    items: list[tuple[str, str, str | None]],
    asked: list[tuple[str | None, str]],
    **more: pa.Table,
) -> Path:
    folder.mkdir()
    columns = list(zip(*items, strict=True)) or [(), (), ()]
    texts = [pa.array(column, pa.string()) for column in columns]
    pq.write_table(
        pa.table(dict(zip(("item_id", "title", "category"), texts, strict=True))), folder / "items.parquet"
    )
    keys = [pa.array([pair[place] for pair in asked], pa.string()) for place in (0, 1)]
    pq.write_table(pa.table({"item_id": keys[0], "keyphrase": keys[1]}), folder / "pairs.parquet")
    for name, table in more.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def phrases(*words: str) -> pa.Table:
    return pa.table({"keyphrase": list(words)})


def rows(path: Path) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def test_by_hand(tmp_path: Path) -> None:
    before = day(
        tmp_path / "before",
        [("a", "shoe", "S"), ("b", "lamp", None), ("c", "tent", "T"), ("gone", "old", "O")],
        [
            ("a", "k1"),
            ("a", "k2"),
            ("b", "k1"),
            ("b", "k3"),
            ("c", "k1"),
            ("gone", "k1"),
            ("ghost", "k1"),
            ("c", "k9"),
        ],
        keyphrases=phrases("k1", "k2", "k3", "k9"),
    )
    after = day(
        tmp_path / "after",
        [("a", "shoe", "S"), ("b", "lamp", "L"), ("c", "tent red", "T"), ("d", "sofa", None)],
        [
            ("a", "k1"),
            ("b", "k1"),
            ("c", "k1"),
            ("c", "k1"),
            ("d", "k1"),
            ("ghost", "k1"),
            (None, "k1"),
            ("a", "k3"),
        ],
        keyphrases=phrases("k1", "k2", "k3"),
    )
    done = diff(DiffConfig(before, after, tmp_path / "out", at=AT))
    assert rows(tmp_path / "out" / "pairs.parquet") == [
        ("a", "k3", "shoe", "S", "new"),
        ("b", "k1", "lamp", "L", "revised"),
        ("c", "k1", "tent red", "T", "revised"),
        ("d", "k1", "sofa", None, "new"),
    ]
    gone = [row[:2] for row in rows(tmp_path / "out" / "deleted.parquet")]
    assert sorted(gone, key=str) == [("a", "k2"), ("b", "k3"), ("gone", None), (None, "k9")]
    times = pq.read_table(tmp_path / "out" / "deleted.parquet")["deleted_at"].to_pylist()
    assert {time.isoformat() for time in times} == {AT}
    assert (done.after, done.new, done.revised, done.unchanged) == (6, 2, 2, 2)
    assert (done.lost, done.deletions, done.without_key) == (4, 4, 1)
    assert (tmp_path / "out" / "settings.json").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_keyphrases_by_id(tmp_path: Path) -> None:
    """A keyphrase that changes its text under one id is another keyphrase."""

    def pairs(*numbers: int) -> pa.Table:
        return pa.table({"item_id": ["a"] * len(numbers), "keyphrase_id": list(numbers)})

    listed = pa.table({"keyphrase_id": [1, 2], "keyphrase": ["red", "blue"]})
    before = day(tmp_path / "before", [("a", "shoe", None)], [], keyphrases=listed, pairs=pairs(1, 2, 77))
    changed = pa.table({"keyphrase_id": [1, 2], "keyphrase": ["red", "green"]})
    after = day(tmp_path / "after", [("a", "shoe", None)], [], keyphrases=changed, pairs=pairs(1, 2, 77))
    done = diff(DiffConfig(before, after, tmp_path / "out", at=AT))
    assert rows(tmp_path / "out" / "pairs.parquet") == [("a", "green", "shoe", None, "new")]
    assert [row[:2] for row in rows(tmp_path / "out" / "deleted.parquet")] == [(None, "blue")]
    assert (done.after, done.without_key) == (2, 1)


def test_without_a_keyphrases_table_pairs_are_deleted_one_by_one(tmp_path: Path) -> None:
    before = day(tmp_path / "before", [("a", "shoe", None)], [("a", "x"), ("a", "y")])
    after = day(tmp_path / "after", [("a", "shoe", None)], [("a", "x")])
    diff(DiffConfig(before, after, tmp_path / "out", at=AT))
    assert [row[:2] for row in rows(tmp_path / "out" / "deleted.parquet")] == [("a", "y")]


def broken(*values: bytes) -> pa.Array:
    """Texts as bytes, whatever they hold."""
    return pa.array(values, pa.binary()).cast(pa.string(), safe=False)


def test_texts_that_are_not_utf8_do_not_stop_the_day(tmp_path: Path, overlap: Path) -> None:
    """They go to `score` as they are, which sets them aside; deletions name keys as `score` wrote them."""

    def given(name: str, titles: list[bytes], phrases: list[bytes]) -> Path:
        ids = [b"a", b"b\xff", b"c"]
        pairs = pa.table({"item_id": broken(*ids[: len(phrases)]), "keyphrase": broken(*phrases)})
        folder = day(tmp_path / name, [], [], pairs=pairs)
        items = pa.table({"item_id": broken(*ids), "title": broken(*titles)})
        pq.write_table(items, folder / "items.parquet")
        return folder

    before = given("before", [b"x", b"x", b"x"], [b"k", b"k\xfe", b"k"])
    after = given("after", [b"red \xff", b"x", b"x"], [b"k", b"new"])
    done = diff(DiffConfig(before, after, tmp_path / "out", at=AT))
    assert (done.after, done.new, done.revised, done.lost, done.without_key) == (2, 1, 1, 2, 0)
    gone = [row[:2] for row in rows(tmp_path / "out" / "deleted.parquet")]
    assert sorted(gone, key=str) == [("b\ufffd", "k\ufffd"), ("c", None)]
    made = pq.read_table(tmp_path / "out" / "pairs.parquet")
    assert [value.as_buffer().to_pybytes() for value in made["title"]] == [b"red \xff", b"x"]
    scored = score(ScoreConfig(overlap, tmp_path / "out" / "pairs.parquet", tmp_path / "scores.parquet"))
    assert scored.reasons == {"title is not UTF-8": 1, "item_id is not UTF-8": 1}
    assert pq.read_table(scored.out)["item_id"].to_pylist() == ["a", "b\ufffd"]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    before = day(tmp_path / "before", [("a", "shoe", None)], [("a", "x")])
    with pytest.raises(BadConfig, match="are both"):
        DiffConfig(before, before, tmp_path / "out")
    with pytest.raises(BadConfig, match="at is 'today'"):
        DiffConfig(before, tmp_path / "after", tmp_path / "out", at="today")
    with pytest.raises(BadTable, match="holds no items.parquet"):
        diff(DiffConfig(before, tmp_path / "after", tmp_path / "out"))
    with pytest.raises(BadConfig, match="items.parquet is a file; allowed is a folder"):
        diff(DiffConfig(before, tmp_path / "after", before / "items.parquet"))
    (before / "items.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="items.parquet cannot be read as Parquet"):
        diff(DiffConfig(before, tmp_path / "after", tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before"]
