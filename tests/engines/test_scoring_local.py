"""Parquet in, Parquet out: the fixed contract of `adjudge score`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.engines.registry import score_pairs
from adjudge.engines.task import Task
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.score import ScoreConfig, score
from adjudge.scoring.open_model import open_model
from adjudge.student import artifact as artifacts
from adjudge.text.pairs import NO_ITEM, NO_KEYPHRASE, NO_TITLE
from planted import planted

COLUMNS = ["item_id", "keyphrase", "score", "kept", "model_version", "scored_at"]


def to_score(rows: int = 300) -> pa.Table:
    return planted(rows, seed=8).select(["item_id", "keyphrase", "title", "category"])


def write(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def test_the_contract(artifact: Path, tmp_path: Path) -> None:
    rows = to_score()
    shuffled = rows.select(["title", "keyphrase", "category", "item_id"]).append_column("x", pa.nulls(300))
    pairs = write(tmp_path / "in.parquet", shuffled)
    done = score(ScoreConfig(artifact, pairs, tmp_path / "deep" / "out.parquet", workers=2, chunk=64))
    out = pq.read_table(done.out)
    assert out.column_names == COLUMNS
    assert out["item_id"].equals(rows["item_id"])
    assert out["keyphrase"].equals(rows["keyphrase"])
    assert np.abs(out["score"].to_numpy() - open_model(artifact).score(rows)).max() < 1e-6
    manifest = artifacts.read(artifact)
    assert out["kept"].to_pylist() == (out["score"].to_numpy() >= manifest.threshold).tolist()
    assert set(out["model_version"].to_pylist()) == {manifest.model_version}
    assert (done.rows, done.unscored, done.unscored_path) == (300, 0, None)
    assert 0 < done.kept == sum(out["kept"].to_pylist()) < 300
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "out.parquet",
        "out.parquet.settings.json",
    ]


def test_unscorable_rows_keep_their_place_and_have_reasons(artifact: Path, tmp_path: Path) -> None:
    rows = to_score(10).to_pylist()
    rows[2]["title"], rows[5]["keyphrase"], rows[6]["title"], rows[9]["item_id"] = None, " ", "", None
    table = pa.Table.from_pylist(rows)
    done = score(
        ScoreConfig(artifact, write(tmp_path / "in.parquet", table), tmp_path / "out.parquet", chunk=4)
    )
    out = pq.read_table(done.out)
    assert out["item_id"].to_pylist() == table["item_id"].to_pylist()
    missing = [row for row, value in enumerate(out["score"].to_pylist()) if value is None]
    assert missing == [2, 5, 6, 9]
    assert [out["kept"][row].as_py() for row in missing] == [None] * 4
    assert done.unscored == 4
    aside = pq.read_table(tmp_path / "out.unscored.parquet").to_pylist()
    assert [(row["row"], row["reason"]) for row in aside] == [
        (2, NO_TITLE),
        (5, NO_KEYPHRASE),
        (6, NO_TITLE),
        (9, NO_ITEM),
    ]
    write(tmp_path / "in.parquet", to_score(10))
    score(ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "out.parquet"))
    assert not (tmp_path / "out.unscored.parquet").exists(), "an older run's file is not left lying"


def test_broken_utf8_is_set_aside(artifact: Path, tmp_path: Path) -> None:
    def raw(*values: bytes) -> pa.Array:
        offsets = np.cumsum([0, *map(len, values)]).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(values))]
        return pa.Array.from_buffers(pa.string(), len(values), buffers)

    table = pa.table(
        {
            "item_id": ["1", "2"],
            "keyphrase": ["red shoe", "red shoe"],
            "title": raw(b"acme shoe", b"ac\xffme"),
        }
    )
    done = score(ScoreConfig(artifact, write(tmp_path / "in.parquet", table), tmp_path / "out.parquet"))
    assert [value is None for value in pq.read_table(done.out)["score"].to_pylist()] == [False, True]
    assert pq.read_table(tmp_path / "out.unscored.parquet")["reason"].to_pylist() == ["title is not UTF-8"]


def test_other_string_types_and_integer_ids_are_read(artifact: Path, tmp_path: Path) -> None:
    rows = to_score(40)
    plain = score(ScoreConfig(artifact, write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")).out
    other = pa.table(
        {
            "item_id": pa.array(range(40)),
            "keyphrase": rows["keyphrase"].cast(pa.large_string()),
            "title": rows["title"].combine_chunks().dictionary_encode(),
            "category": rows["category"].cast(pa.string_view()),
        }
    )
    done = score(ScoreConfig(artifact, write(tmp_path / "other.parquet", other), tmp_path / "b.parquet"))
    out = pq.read_table(done.out)
    assert out["item_id"].to_pylist() == [str(number) for number in range(40)]
    assert out["score"].equals(pq.read_table(plain)["score"])


def test_no_rows_give_no_rows(artifact: Path, tmp_path: Path) -> None:
    pairs = write(tmp_path / "in.parquet", to_score(5).slice(0, 0))
    done = score(ScoreConfig(artifact, pairs, tmp_path / "out.parquet"))
    assert pq.read_table(done.out).column_names == COLUMNS
    assert done.rows == 0


def test_without_a_threshold_kept_is_null(artifact: Path, tmp_path: Path) -> None:
    class Unset:
        version, threshold = "0" * 12, None

        def score(self, pairs: pa.Table) -> np.ndarray:
            return open_model(artifact).score(pairs)

    pairs = write(tmp_path / "in.parquet", to_score(20))
    done = score_pairs("local", Task(lambda workers: Unset(), pairs, tmp_path / "out.parquet"))
    assert pq.read_table(done.out)["kept"].null_count == 20
    assert (done.kept, done.threshold) == (0, None)


def test_a_run_that_breaks_leaves_the_old_output(artifact: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"yesterday")

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    pairs = write(tmp_path / "in.parquet", to_score(50))
    with pytest.raises(KeyboardInterrupt):
        score(ScoreConfig(artifact, pairs, out, chunk=10), stop)
    assert out.read_bytes() == b"yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_bad_inputs_are_refused_in_one_line(artifact: Path, tmp_path: Path) -> None:
    rows = to_score(2000)
    pairs, out = tmp_path / "in.parquet", tmp_path / "out.parquet"

    def fails(match: str, error: type[Exception] = BadTable) -> None:
        with pytest.raises(error, match=match) as caught:
            score(ScoreConfig(artifact, pairs, out))
        assert not out.exists()
        assert "\n" not in str(caught.value)

    fails("in.parquet cannot be read as Parquet")
    write(pairs, rows.drop_columns(["title"]))
    fails("table to_score needs column title; seen: item_id, keyphrase, category")
    write(pairs, rows.set_column(2, "title", pa.array(np.arange(2000))))
    fails("column title is int64; allowed is string")
    write(pairs, rows)
    shutil.copy(pairs, tmp_path / "whole.parquet")
    content = bytearray(pairs.read_bytes())
    content[200:2000] = bytes(1800)
    pairs.write_bytes(bytes(content))
    fails("breaks off or is damaged|cannot be read as Parquet")
    pairs = out = tmp_path / "whole.parquet"
    with pytest.raises(BadConfig, match="is or holds an input"):
        score(ScoreConfig(artifact, pairs, out))
