"""The pairs to score: each once, of all tables, with its text, in the split asked for."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.config import load
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.pairs import PairsConfig, pairs
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    def write(name: str, **columns: list[object]) -> None:
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")

    write("items", item_id=["b", "a"], title=["Blue lamp", "Red sofa"], category=["lamps", None])
    write("pairs", item_id=["b", "a"], keyphrase=["lamp", "sofa"])
    write(
        "clicks",
        item_id=["b", "a", "z"],
        keyphrase=["lamp", "couch", "lamp"],
        impressions=[1, 1, 1],
        clicks=[0, 1, 1],
    )
    return tmp_path


def test_every_pair_stands_once_with_its_text(logs: Path) -> None:
    done = pairs(PairsConfig(logs, logs / "out" / "to_score.parquet"))
    rows = pq.read_table(done.out).to_pylist()
    assert [(r["item_id"], r["keyphrase"], r["title"], r["category"]) for r in rows] == [
        ("a", "couch", "Red sofa", None),
        ("a", "sofa", "Red sofa", None),
        ("b", "lamp", "Blue lamp", "lamps"),
        ("z", "lamp", None, None),
    ]
    assert (done.rows, done.without_item) == (4, 1)


def test_only_the_split_asked_for_is_written(logs: Path) -> None:
    splits = RecipeSettings(shares=(0.5, 0.25, 0.25), seed=3)
    sql = split_sql(splits)
    with duckdb.connect() as db:
        found = db.sql("SELECT * FROM (VALUES ('a', ''), ('b', ''), ('z', '')) AS ids(item_id, keyphrase)")
        home = dict(found.project(f"item_id, ({sql})").fetchall())
    assert len(set(home.values())) > 1, "a seed that tells the items apart"
    for split in set(home.values()):
        done = pairs(PairsConfig(logs, logs / "one.parquet", split, splits))
        assert {home[r["item_id"]] for r in pq.read_table(done.out).to_pylist()} == {split}


def test_an_empty_split_is_refused(logs: Path) -> None:
    with pytest.raises(BadTable, match="holds no pair in split dev: check the split settings"):
        pairs(PairsConfig(logs, logs / "one.parquet", "dev", RecipeSettings(shares=(1.0, 0.0, 0.0))))


def test_a_broken_table_is_one_clear_error(logs: Path) -> None:
    (logs / "items.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(BadTable, match="cannot be read.*adjudge import"):
        pairs(PairsConfig(logs, logs / "one.parquet"))
    assert not list(logs.glob("*one.parquet*"))


def test_the_settings_are_saved_and_repeat_the_run(logs: Path) -> None:
    config = PairsConfig(logs, logs / "one.parquet", "train", RecipeSettings(seed=5))
    done = pairs(config)
    saved = load(PairsConfig, logs / "one.parquet.settings.json")
    assert saved == config
    assert pairs(saved) == done


def test_more_pairs_than_memory_are_sorted_on_disk_and_nothing_is_left(logs: Path) -> None:
    rows = 300_000
    ids = [f"i{n * 7919 % rows:06d}" for n in range(rows)]
    phrases = [f"{'words ' * 12}{n % 1000}" for n in range(rows)]
    pq.write_table(pa.table({"item_id": ids, "keyphrase": phrases}), logs / "pairs.parquet")
    done = pairs(
        PairsConfig(logs, logs / "one.parquet", splits=RecipeSettings(memory_limit="80MB", threads=1))
    )
    written = pq.read_table(done.out, columns=["item_id"])["item_id"].to_pylist()
    assert (len(written), written) == (rows + 3, sorted(written))
    assert not list(logs.glob(".one*"))
    with pytest.raises(BadConfig, match="1KB of memory is too small for this"):
        pairs(PairsConfig(logs, logs / "one.parquet", splits=RecipeSettings(memory_limit="1KB")))
    assert not list(logs.glob(".one*"))


def test_out_may_not_be_a_table_of_the_logs(logs: Path) -> None:
    with pytest.raises(BadConfig, match=r"out is .*clicks\.parquet, which is PairsConfig\.logs too"):
        PairsConfig(logs, logs / "clicks.parquet")
    with pytest.raises(BadConfig, match=r"PairsConfig\.split is 'tset': allowed are train, dev, test"):
        PairsConfig(logs, logs / "one.parquet", "tset")
