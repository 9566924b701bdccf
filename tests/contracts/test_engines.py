"""Laws of every engine: the golden pairs, the order of the rows, and rows that break things elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.engines.output import read_result, read_success
from adjudge.engines.stamp import Stamp
from adjudge.manifest import read_any
from adjudge.scoring.check import TOLERANCE
from adjudge.scoring.rows import SCORES_SCHEMA, UNKNOWN_ITEM, UNKNOWN_KEYPHRASE
from adjudge.text.pairs import NO_ITEM, NO_KEYPHRASE, NO_TITLE
from engines import AT, ENGINES, rows_of, run, unscored_of

pytestmark = pytest.mark.parametrize("engine", ENGINES)
Engine = dict[str, Any]


def by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["item_id"] or "", row["keyphrase"] or "", row["score"] or 0))


@pytest.mark.parametrize("model", ["artifact", "split_artifact_folder"])
@pytest.mark.parametrize("shape", ["one.parquet", "folder"])
def test_golden_pairs(
    engine: Engine, model: str, request: pytest.FixtureRequest, tmp_path: Path, shape: str
) -> None:
    artifact: Path = request.getfixturevalue(model)
    golden = pq.read_table(artifact / "golden.parquet")
    done = run(engine, artifact, golden, tmp_path / shape, run_id="golden")
    about = read_any(artifact)
    stamp, files = read_result(done.out)
    assert stamp == Stamp("golden", about["model_version"], about["threshold"], "2026-11-22T06:00:00.000000Z")
    assert all(pq.read_schema(file).equals(SCORES_SCHEMA) for file in files)
    rows = rows_of(done.out)
    asked = golden.to_pylist()
    if shape == "folder":
        rows, asked = by_key(rows), by_key(asked)
        success = read_success(done.out)
        assert (success.rows, success.kept, success.engine) == (len(golden), done.kept, engine["engine"])
    assert [(r["item_id"], r["keyphrase"]) for r in rows] == [(r["item_id"], r["keyphrase"]) for r in asked]
    gaps = np.abs(np.array([r["score"] for r in rows]) - np.array([r["score"] for r in asked]))
    assert gaps.max() < TOLERANCE
    assert [r["kept"] for r in rows] == [r["score"] >= about["threshold"] for r in rows]
    assert {r["model_version"] for r in rows} == {about["model_version"]}
    assert {r["scored_at"].isoformat() for r in rows} == {AT.replace("Z", "+00:00")}


def broken() -> pa.Array:
    raw = [b"acme red shoe", b"ac\xffme red shoe"]
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(raw))]
    )


ITEMS = pa.table(
    {
        "item_id": ["plain", "empty", "blank", "none", "long", "emoji", "nocat", "good-utf8", "bad-utf8"],
        "title": pa.concat_arrays(
            [
                pa.array(
                    ["acme red shoe", "", "  ", None, "word " * 2000, "🔥👨‍👩‍👧 shoe", "acme red shoe"],
                    pa.string(),
                ),
                broken(),
            ]
        ),
        "category": ["Shoes", "Shoes", "Shoes", "Shoes", "Shoes", "👟", None, "Shoes", "Shoes"],
    }
)
NASTY = [
    ("plain", "red shoe", None),
    ("nobody", "red shoe", UNKNOWN_ITEM),
    ("empty", "red shoe", NO_TITLE),
    ("long", "red shoe", None),
    ("plain", "red shoe", None),
    ("emoji", "🔥", None),
    ("nocat", "red shoe", None),
    ("blank", "red shoe", NO_TITLE),
    ("none", "red shoe", NO_TITLE),
    ("plain", "", NO_KEYPHRASE),
    ("plain", None, NO_KEYPHRASE),
    (None, "red shoe", NO_ITEM),
    ("good-utf8", "red [SEP] shoe", None),
    ("bad-utf8", "red shoe", "title is not UTF-8"),
    ("plain", "a" * 5000, None),
]


def expect(rows: list[dict[str, Any]], aside: list[dict[str, Any]]) -> None:
    keys = [(item, phrase) for item, phrase, _ in NASTY]
    assert [(r["item_id"], r["keyphrase"]) for r in rows] == keys, "no row is dropped, none moves"
    assert [r["score"] is None for r in rows] == [why is not None for *_, why in NASTY]
    assert [r["kept"] is None for r in rows] == [r["score"] is None for r in rows]
    assert rows[0]["score"] == rows[4]["score"], "a pair that stands twice has one score, twice"
    told = [(number, why) for number, (*_, why) in enumerate(NASTY) if why]
    assert [(r["row"], r["reason"]) for r in aside] == told


def test_nasty_rows_joined_by_id(engine: Engine, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(ITEMS, tmp_path / "items.parquet")
    pairs = pa.table({"item_id": [row[0] for row in NASTY], "keyphrase": [row[1] for row in NASTY]})
    done = run(engine, artifact, pairs, tmp_path / "out.parquet", items=tmp_path / "items.parquet")
    expect(rows_of(done.out), unscored_of(done))
    assert (done.rows, done.unscored, done.reasons[NO_TITLE]) == (len(NASTY), 8, 3)


def test_nasty_rows_with_their_texts(engine: Engine, artifact: Path, tmp_path: Path) -> None:
    """The same rows and scores as joined by id, but for an item that no table can lack."""
    texts = {row["item_id"]: number for number, row in enumerate(ITEMS.select(["item_id"]).to_pylist())}
    known = [row for row in NASTY if row[0] != "nobody"]
    at = pa.array([texts.get(item) for item, *_ in known], pa.int64())
    pairs = pa.table(
        {
            "item_id": [row[0] for row in known],
            "keyphrase": [row[1] for row in known],
            "title": ITEMS["title"].combine_chunks().take(at),
            "category": ITEMS["category"].combine_chunks().take(at),
        }
    )
    pq.write_table(ITEMS, tmp_path / "items.parquet")
    plain = run(engine, artifact, pairs, tmp_path / "plain.parquet")
    joined = run(
        engine,
        artifact,
        pairs.select(["item_id", "keyphrase"]),
        tmp_path / "joined.parquet",
        items=tmp_path / "items.parquet",
    )
    assert rows_of(plain.out) == rows_of(joined.out)
    assert unscored_of(plain) == unscored_of(joined)


def test_keyphrases_by_id(engine: Engine, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(ITEMS, tmp_path / "items.parquet")
    phrases = pa.table({"keyphrase_id": [7, 8, 9], "keyphrase": ["red shoe", "blue lamp", None]})
    pq.write_table(phrases, tmp_path / "keyphrases.parquet")
    pairs = pa.table(
        {"item_id": ["plain", "plain", "long", "nobody", "plain"], "keyphrase_id": [8, 7, 99, 1, 9]}
    )
    where = {"items": tmp_path / "items.parquet", "keyphrases": tmp_path / "keyphrases.parquet"}
    done = run(engine, artifact, pairs, tmp_path / "out.parquet", **where)
    rows = rows_of(done.out)
    assert [row["keyphrase"] for row in rows] == ["blue lamp", "red shoe", None, None, None]
    assert [row["reason"] for row in unscored_of(done)] == [
        UNKNOWN_KEYPHRASE,
        UNKNOWN_KEYPHRASE,
        NO_KEYPHRASE,
    ]
    texts = pa.table(
        {
            "item_id": ["plain"] * 2,
            "keyphrase": ["blue lamp", "red shoe"],
            "title": ["acme red shoe"] * 2,
            "category": ["Shoes"] * 2,
        }
    )
    same = rows_of(run(engine, artifact, texts, tmp_path / "texts.parquet").out)
    assert [row["score"] for row in rows[:2]] == [row["score"] for row in same]
