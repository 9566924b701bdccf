"""Laws of every engine: a folder's files may differ in columns and types, and be called what they like."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.config import from_dict
from adjudge.engines.task import ScoreResult
from adjudge.jobs.score import ScoreConfig, score
from engines import AT, ENGINES, rows_of, unscored_of
from planted import planted

pytestmark = pytest.mark.parametrize("engine", ENGINES)
Engine = dict[str, Any]
PIECE = 30


def run(engine: Engine, artifact: Path, pairs: Path, out: Path, **more: Any) -> ScoreResult:
    values = {"artifact": artifact, "pairs": pairs, "out": out, "scored_at": AT, **engine, **more}
    return score(from_dict(ScoreConfig, values))


def texts(rows: int = 5 * PIECE) -> dict[str, list[Any]]:
    """Columns of to_score; item ids are numbers as texts."""
    found = planted(rows, seed=21).select(["item_id", "keyphrase", "title", "category"]).to_pydict()
    found["item_id"] = [item.removeprefix("i") for item in found["item_id"]]
    return found


def numbers(ids: list[str], kind: pa.DataType) -> pa.Array:
    return pa.array([int(one) for one in ids], kind)


def variants(columns: dict[str, list[Any]]) -> list[tuple[str, pa.Table]]:
    """The same rows, cut into files of one name and shape each."""

    def piece(at: int) -> dict[str, Any]:
        return {name: values[at * PIECE : (at + 1) * PIECE] for name, values in columns.items()}

    plain, few, typed, nulls, odd = (piece(at) for at in range(5))
    few.pop("category")
    typed["item_id"] = numbers(typed["item_id"], pa.int32()).dictionary_encode()
    typed["title"] = pa.array(typed["title"], pa.large_string())
    nulls["item_id"] = numbers(nulls["item_id"], pa.uint64())
    nulls["category"] = pa.nulls(PIECE)
    odd["Title"] = ["not this one"] * PIECE
    odd["seen"] = pa.array([datetime(2026, 1, 1)] * PIECE, pa.timestamp("ns"))
    names = ["a.parquet", "b [1]%20.parquet", "c+d.parquet", "e{f,g}*?.parquet", "h#é.parquet"]
    return list(zip(names, map(pa.table, (plain, few, typed, nulls, odd)), strict=True))


def expected(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What the files of `variants` say, as one table."""
    category = list(columns["category"])
    for piece in (1, 3):
        category[piece * PIECE : (piece + 1) * PIECE] = [None] * PIECE
    return {**columns, "category": category}


def written(folder: Path, tables: list[tuple[str, pa.Table]]) -> Path:
    folder.mkdir()
    for name, table in tables:
        pq.write_table(table, folder / name)
    return folder


def test_files_that_differ(engine: Engine, artifact: Path, tmp_path: Path) -> None:
    columns = texts()
    columns["title"][PIECE + 7] = columns["title"][3] = " "
    folder = written(tmp_path / "in", variants(columns))
    done = run(engine, artifact, folder, tmp_path / "out.parquet")
    pq.write_table(pa.table(expected(columns)), tmp_path / "one.parquet")
    whole = run({"engine": "local"}, artifact, tmp_path / "one.parquet", tmp_path / "whole.parquet")
    same(rows_of(done.out), rows_of(whole.out))
    assert [row["row"] for row in unscored_of(done)] == [3, PIECE + 7]
    pq.write_table(pa.table(columns), tmp_path / "all.parquet")
    other = run({"engine": "local"}, artifact, tmp_path / "all.parquet", tmp_path / "other.parquet")
    gaps = [a["score"] != b["score"] for a, b in zip(rows_of(whole.out), rows_of(other.out), strict=True)]
    assert any(gaps), "this model reads the category, or nothing was tried here"


def test_tables_whose_files_differ(engine: Engine, artifact: Path, tmp_path: Path) -> None:
    columns = texts()
    names = ["item_id", "title", "category"]
    seen: set[str] = set()
    tables = []
    for name, table in variants(columns):
        once = [not (str(one) in seen or seen.add(str(one))) for one in table["item_id"].to_pylist()]
        tables.append((name, table.filter(pa.array(once)).drop_columns(["keyphrase"])))
    phrases = sorted(set(columns["keyphrase"]))
    ids = [str(number) for number in range(len(phrases))]
    known = [
        ("k*.parquet", pa.table({"keyphrase_id": ids[::2], "keyphrase": phrases[::2]})),
        (
            "k1.parquet",
            pa.table({"keyphrase_id": numbers(ids[1::2], pa.int64()), "keyphrase": phrases[1::2]}),
        ),
    ]
    pairs = {
        "item_id": columns["item_id"],
        "keyphrase_id": [phrases.index(one) for one in columns["keyphrase"]],
    }
    pq.write_table(pa.table(pairs), tmp_path / "pairs.parquet")
    done = run(
        engine,
        artifact,
        tmp_path / "pairs.parquet",
        tmp_path / "out.parquet",
        items=written(tmp_path / "items", tables),
        keyphrases=written(tmp_path / "keyphrases", known),
    )
    assert done.unscored == 0
    homes: dict[str, dict[str, Any]] = {}
    for row in pa.table(expected(columns)).to_pylist():
        homes.setdefault(row["item_id"], {name: row[name] for name in names})
    spelled = [
        {**homes[item], "keyphrase": phrase}
        for item, phrase in zip(columns["item_id"], columns["keyphrase"], strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(spelled), tmp_path / "one.parquet")
    whole = run({"engine": "local"}, artifact, tmp_path / "one.parquet", tmp_path / "whole.parquet")
    same(rows_of(done.out), rows_of(whole.out))


def same(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    keys = ("item_id", "keyphrase")
    assert [[row[key] for key in keys] for row in rows] == [[row[key] for key in keys] for row in others]
    for one, other in zip(rows, others, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)


def test_a_name_is_no_pattern(engine: Engine, overlap: Path, tmp_path: Path) -> None:
    """Nor is that of a folder on the way, of the input or the output."""
    home = tmp_path / "we[ir]d {a,b} 1%20"
    home.mkdir()
    for name, rows in (("a[1].parquet", 40), ("a1.parquet", 50)):
        pq.write_table(pa.table(texts(rows)), home / name)
    for out in ("out[1].parquet", "out*"):
        done = run(engine, overlap, home / "a[1].parquet", home / out)
        assert len(rows_of(done.out)) == 40
