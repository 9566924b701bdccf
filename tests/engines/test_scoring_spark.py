"""The Spark engine: the local engine's rows, whatever the layout, the joins, and whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from adjudge.engines.output import read_result, read_success
from adjudge.engines.registry import score_pairs
from adjudge.engines.spark.layout import COLUMNS
from adjudge.engines.spark.session import SparkFailed, reason
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.spark.worker import WorkerModel, scorer_of, with_items
from adjudge.engines.task import Task
from adjudge.errors import BadArtifact, BadConfig, BadTable
from adjudge.jobs.score import ScoreConfig, score
from adjudge.scoring.open_model import open_model
from adjudge.scoring.rows import REASON, SCORES_SCHEMA, UNKNOWN_ITEM, UNKNOWN_KEYPHRASE
from adjudge.text.pairs import NO_ITEM, NO_KEYPHRASE, NO_TITLE
from planted import planted

WHEN = datetime(2026, 11, 22, 6, tzinfo=UTC)


def laid(*rows: tuple[str | None, int | None, str | None, str | None]) -> pa.Table:
    """Rows of layout.COLUMNS from (item_id, row, keyphrase, title)."""
    ids, numbers, keyphrases, titles = (list(column) for column in zip(*rows, strict=True))
    none = pa.nulls(len(rows), pa.string())
    columns = [
        *(pa.array(ids, pa.string()), pa.array(numbers, pa.int64()), pa.array(keyphrases, pa.string())),
        *(pa.array(titles, pa.string()), none, none),
    ]
    return pa.table(columns, names=list(COLUMNS))


def test_items_reach_the_pairs_behind_them() -> None:
    first, last = with_items(
        laid(
            (None, 7, "k", None),
            ("a", None, None, "Title A"),
            ("a", 3, "k", None),
            ("b", 1, "k", None),
            ("c", None, None, "Title C"),
            ("c", 5, "k", None),
        ),
        None,
    )
    assert first["row"].to_pylist() == [7, 3, 1, 5]
    assert first["title"].to_pylist() == [None, "Title A", None, "Title C"]
    assert first[REASON].to_pylist() == [None, None, UNKNOWN_ITEM, None]
    second, last = with_items(laid(("c", 9, "k", None), ("d", 2, "k", None)), last)
    assert second["title"].to_pylist() == ["Title C", None], "an item's pairs may go on in the next batch"
    assert second[REASON].to_pylist() == [None, UNKNOWN_ITEM]
    assert last is not None
    assert last["item_id"].to_pylist() == ["c"]
    with pytest.raises(BadTable, match="id 'c' stands in two rows"):
        with_items(laid(("c", None, None, "Other"), ("c", 1, "k", None)), last)
    with pytest.raises(BadTable, match="id 'x'"):
        with_items(laid(("x", None, None, "A"), ("x", None, None, "B")), None)


def test_a_workers_error_is_told_in_one_line() -> None:
    head = "[PYTHON_EXCEPTION] thrown: Traceback (most recent call last):"
    said = f"{head}\n  File x\nMemoryError: no room\n SQLSTATE: 38000"
    assert reason(said) == "MemoryError: no room"
    assert reason("[PATH_NOT_FOUND] no such path\nmore") == "[PATH_NOT_FOUND] no such path"
    assert reason("") == "no message"


def test_settings_are_checked() -> None:
    with pytest.raises(BadConfig):
        SparkSettings(layout="sorted")
    with pytest.raises(BadConfig):
        SparkSettings(broadcast_rows=-1)
    with pytest.raises(BadConfig):
        SparkSettings(least_parts=0)


def hard_rows() -> pa.Table:
    """Planted pairs, out of order, with everything that must not break a run."""
    rows = planted(240, seed=8).select(["item_id", "keyphrase", "title", "category"]).to_pylist()
    rows[2]["title"], rows[5]["keyphrase"], rows[6]["title"], rows[9]["item_id"] = None, " ", "", None
    rows[11]["title"], rows[12]["title"], rows[13]["category"] = "x" * 10_000, "\U0001f525", None
    rows[15] = dict(rows[14])
    order = np.random.default_rng(5).permutation(len(rows))
    return pa.Table.from_pylist([rows[at] for at in order])


def both(config: ScoreConfig) -> tuple[pa.Table, pa.Table, Any]:
    """The scores of the local engine and of Spark as tables, and what Spark said."""
    asked = replace(config, scored_at="2026-11-22T06:00:00Z", run_id="r")
    here = score(replace(asked, out=config.out.with_name("local.parquet")))
    there = score(replace(asked, engine="spark"))
    assert (here.rows, here.kept, here.unscored, here.reasons) == (
        there.rows,
        there.kept,
        there.unscored,
        there.reasons,
    )
    one, other = pq.read_table(here.out), pa.concat_tables(map(pq.read_table, read_result(there.out)[1]))
    assert other.schema.equals(one.schema, check_metadata=True)
    return one, other, there


def same(one: pa.Table, other: pa.Table) -> None:
    for name in SCORES_SCHEMA.names:
        if name != "score":
            assert other[name].equals(one[name]), name
    a, b = (table["score"].to_numpy(zero_copy_only=False) for table in (one, other))
    np.testing.assert_allclose(a, b, atol=1e-6)


def by_key(table: pa.Table) -> pa.Table:
    return table.sort_by([("item_id", "ascending"), ("keyphrase", "ascending"), ("score", "ascending")])


def test_one_file_is_the_local_engines(spark: object, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(hard_rows(), tmp_path / "in.parquet")
    one, other, done = both(
        ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "out.parquet", part_rows=40)
    )
    same(one, other)
    assert set(done.reasons) == {NO_TITLE, NO_KEYPHRASE, NO_ITEM}
    aside = [pq.read_table(tmp_path / f"{name}.unscored.parquet") for name in ("local", "out")]
    assert aside[0].equals(aside[1])
    assert len(aside[0]) == 4
    left = sorted(path.name for path in tmp_path.glob("out*"))
    assert left == ["out.parquet", "out.parquet.settings.json", "out.unscored.parquet"]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_holds_whole_items_by_part(spark: object, artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = hard_rows()
    for number, first in enumerate((0, 100, 140)):
        pq.write_table(rows.slice(first, (100, 40, 100)[number]), tmp_path / "in" / f"{number}.parquet")
    one, other, done = both(ScoreConfig(artifact, tmp_path / "in", tmp_path / "out", part_rows=40))
    same(by_key(one), by_key(other))
    success = read_success(done.out)
    assert success.engine == "spark"
    assert len(success.files) == 6
    homes: dict[str, set[str]] = {}
    for name in success.files:
        part = pq.read_table(done.out / name)
        filled = part["item_id"].drop_null()
        assert filled.equals(pc.take(filled, pc.array_sort_indices(filled))), "sorted by item"
        for item in filled.to_pylist():
            homes.setdefault(item, set()).add(name)
    assert all(len(parts) == 1 for parts in homes.values())
    aside = pa.concat_tables(map(pq.read_table, sorted((done.out / "_unscored").glob("*.parquet"))))
    known = rows.take(aside["row"])
    assert known["item_id"].equals(aside["item_id"]), "row numbers run over all files in their order"
    assert known["keyphrase"].equals(aside["keyphrase"])


@pytest.mark.parametrize(
    ("broadcast_rows", "layout"), [(0, "item"), (1000, "item"), (0, "given"), (9, "category")]
)
def test_texts_join_by_id(
    spark: object, artifact: Path, tmp_path: Path, broadcast_rows: int, layout: str
) -> None:
    rows = planted(120, seed=9).to_pydict()
    texts = sorted(set(rows["keyphrase"]))
    numbers = {text: n for n, text in enumerate(texts)}
    pairs = {
        "item_id": [*rows["item_id"], "nobody", rows["item_id"][0], None, "nobody"],
        "keyphrase_id": [*(numbers[text] for text in rows["keyphrase"]), 0, 9999, 0, 9999],
        "title": ["never read"] * 124,
    }
    items = {"item_id": rows["item_id"], "title": rows["title"], "category": rows["category"]}
    first = np.unique(rows["item_id"], return_index=True)[1]
    pq.write_table(pa.table(pairs), tmp_path / "pairs.parquet")
    pq.write_table(pa.table(items).take(pa.array(first)), tmp_path / "items.parquet")
    known = pa.table({"keyphrase_id": list(numbers.values()), "keyphrase": texts})
    pq.write_table(known, tmp_path / "keyphrases.parquet")
    config = ScoreConfig(
        artifact,
        tmp_path / "pairs.parquet",
        tmp_path / "out.parquet",
        items=tmp_path / "items.parquet",
        keyphrases=tmp_path / "keyphrases.parquet",
        part_rows=30,
        spark=SparkSettings(broadcast_rows=broadcast_rows, layout=layout),
    )
    one, other, done = both(config)
    same(one, other)
    assert done.reasons == {UNKNOWN_ITEM: 1, UNKNOWN_KEYPHRASE: 2, NO_ITEM: 1}
    if broadcast_rows == 1000:
        pq.write_table(pa.concat_tables([known, known.slice(0, 1)]), tmp_path / "keyphrases.parquet")
        with pytest.raises(BadTable, match="stands in two rows"):
            score(replace(config, engine="spark"))
        pq.write_table(known, tmp_path / "keyphrases.parquet")
        pq.write_table(pa.concat_tables([pa.table(items)] * 2), tmp_path / "items.parquet")
        with pytest.raises(SparkFailed, match="stands in two rows"):
            score(replace(config, engine="spark"))


def test_a_category_stays_together(spark: object, artifact: Path, tmp_path: Path) -> None:
    rows = planted(240, seed=3).select(["item_id", "keyphrase", "title", "category"])
    small = pa.array(["Boats" if number % 12 == 0 else "Shoes" for number in range(240)])
    rows = rows.set_column(
        3, "category", pc.if_else(pa.array([n % 40 == 1 for n in range(240)]), None, small)
    )
    rows = rows.set_column(0, "item_id", pa.array([f"i{number % 60}" for number in range(240)]))
    pq.write_table(rows, tmp_path / "in.parquet")
    settings = SparkSettings(layout="category", least_parts=6)
    config = ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "out", part_rows=40, spark=settings)
    one, other, done = both(config)
    same(by_key(one), by_key(other))
    boats = set(rows.filter(pc.equal(rows["category"], "Boats"))["item_id"].to_pylist())
    parts = [pq.read_table(file) for file in read_result(done.out)[1]]
    shoes = rows.filter(pc.equal(rows["category"], "Shoes"))
    whole = {
        number
        for number, part in enumerate(parts)
        if set(part["item_id"].to_pylist()) & (boats - set(shoes["item_id"].to_pylist()))
    }
    assert len(whole) == 1, "20 rows of one category are one part"
    assert len(parts) > 2, "200 rows of the other are several"


@pytest.mark.parametrize("out", ["out.parquet", "out"])
def test_pairs_as_they_lie(
    spark: object, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (tmp_path / "in").mkdir()
    for number, first in enumerate((0, 100)):
        pq.write_table(hard_rows().slice(first, (100, 140)[number]), tmp_path / "in" / f"{number}.parquet")
    monkeypatch.chdir(tmp_path)
    settings = SparkSettings(layout="given", ship=True)
    one, other, done = both(ScoreConfig(artifact, Path("in"), Path(out), part_rows=40, spark=settings))
    same(one, other)
    assert done.out == Path(out)
    assert done.unscored_path == Path("out.unscored.parquet" if out != "out" else "out/_unscored")
    assert done.unscored_path.exists()
    if out == "out":
        assert read_success(done.out).engine == "spark"


def test_broken_utf8_and_numbered_items(spark: object, artifact: Path, tmp_path: Path) -> None:
    raw = [b"Acme red shoe", b"Acme \xff shoe", b"Blue bag"]
    offsets = np.cumsum([0, *map(len, raw)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(raw))]
    title = pa.Array.from_buffers(pa.string(), 3, buffers)
    rows = pa.table({"item_id": [3, 2, 1], "keyphrase": ["red shoe", "shoe", "bag"], "title": title})
    pq.write_table(rows, tmp_path / "in.parquet")
    one, other, done = both(ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "out.parquet"))
    same(one, other)
    assert done.unscored == 1
    assert other["item_id"].to_pylist() == ["3", "2", "1"]


def test_no_rows(spark: object, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(hard_rows().slice(0, 0), tmp_path / "in.parquet")
    for out in ("out.parquet", "out"):
        one, other, done = both(ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / out))
        assert (len(one), len(other), done.rows) == (0, 0, 0)


@dataclass(frozen=True)
class Failing:
    """A real scorer that gives up at one item while a file is there."""

    inner: Any
    item: str
    while_there: Path

    @property
    def version(self) -> str:
        return self.inner.version

    @property
    def threshold(self) -> float | None:
        return self.inner.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        if self.while_there.exists() and self.item in pairs["item_id"].to_pylist():
            raise MemoryError("no room for one more")
        return self.inner.score(pairs)


def failing(make: Callable[..., Any], item: str, flag: Path, workers: int) -> Failing:
    return Failing(make(workers=workers), item, flag)


def test_a_failed_run_goes_on_from_its_parts(spark: Any, artifact: Path, tmp_path: Path) -> None:
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    pq.write_table(hard_rows(), tmp_path / "in.parquet")
    opener = partial(open_model, artifact=artifact, batch_tokens=2048)
    plain = Task(opener, tmp_path / "in.parquet", tmp_path / "whole", WHEN, part_rows=40)
    whole = score_pairs("spark", plain)
    names = read_success(whole.out).files
    last = pq.read_table(whole.out / names[-1])["item_id"][0].as_py()
    flag = tmp_path / "fail"
    flag.touch()
    # Spark begins buckets in their order: when the last one fails, others are finished.
    task = replace(plain, load=partial(failing, opener, last, flag), out=tmp_path / "out")
    with pytest.raises(SparkFailed, match=r"no room for one more.*--resume"):
        score_pairs("spark", task)
    assert not task.out.exists()
    finished = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ".out.run").glob("part-*.parquet")}
    assert finished
    flag.unlink()
    done = score_pairs("spark", replace(task, resume=True, scored_at=datetime(2027, 1, 1, tzinfo=UTC)))
    assert (done.rows, done.scored_at) == (240, WHEN), "the first run's time holds"
    for name, written in finished.items():
        assert (done.out / name).stat().st_mtime_ns == written, "finished parts are not scored again"
    assert read_success(done.out).files == names
    for name in names:
        assert (done.out / name).read_bytes() == (whole.out / name).read_bytes()
    flag.touch()
    with pytest.raises(SparkFailed):
        score_pairs("spark", replace(task, out=tmp_path / "third"))
    with pytest.raises(BadConfig, match="--resume: the killed run of .* had another buckets"):
        score_pairs("spark", replace(task, out=tmp_path / "third", part_rows=60, resume=True))


def test_executors_must_hold_the_same_model(artifact: Path) -> None:
    opener = partial(open_model, artifact=artifact, batch_tokens=2048)
    held = scorer_of(WorkerModel(opener, None, opener(workers=1).version))
    assert scorer_of(WorkerModel(opener, None, held.version)) is held, "opened once a process"
    with pytest.raises(BadArtifact, match=f"holds model {held.version}, the run is of 0123"):
        scorer_of(WorkerModel(opener, None, "0123"))


def test_the_artifact_can_be_shipped(spark: object, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(hard_rows(), tmp_path / "in.parquet")
    config = ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "out.parquet", engine="spark")
    done = score(replace(config, spark=SparkSettings(ship=True)))
    assert done.rows == 240, "shipped by Spark, opened from where Spark put it"


RUN = """
import sys
from pathlib import Path
from adjudge.jobs.score import ScoreConfig, score
from adjudge.engines.spark.settings import SparkSettings
artifact, pairs, out, resume = sys.argv[1:5]
conf = SparkSettings(master=sys.argv[5], ship=sys.argv[5] != "local[1]", driver_memory="1g",
    conf={"spark.executor.memory": "1g"})
score(ScoreConfig(Path(artifact), Path(pairs), Path(out), engine="spark", part_rows=600,
    resume=resume == "resume", scored_at="2026-11-22T06:00:00Z", spark=conf))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(needs_spark: None, artifact: Path, tmp_path: Path) -> None:
    rows = pa.concat_tables([hard_rows()] * 40)
    pq.write_table(rows, tmp_path / "in.parquet")
    out, command = tmp_path / "out.parquet", [sys.executable, "-c", RUN, str(artifact)]
    asked = [*command, str(tmp_path / "in.parquet"), str(out)]
    running = subprocess.Popen([*asked, "fresh", "local[1]"], start_new_session=True)
    deadline = time.time() + 300
    while not list((tmp_path / ".out.parquet.run" / ".run").glob("[0-9]*.json")):
        assert time.time() < deadline
        assert running.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not out.exists()
    subprocess.run([*asked, "resume", "local[1]"], check=True, timeout=300)
    config = ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "local.parquet", run_id="r")
    same_time = replace(config, scored_at="2026-11-22T06:00:00Z")
    same(pq.read_table(score(same_time).out), pq.read_table(out))


@pytest.mark.slow
def test_executors_of_their_own(needs_spark: None, artifact: Path, tmp_path: Path) -> None:
    pq.write_table(hard_rows(), tmp_path / "in.parquet")
    asked = [str(artifact), str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet")]
    cluster = [sys.executable, "-c", RUN, *asked, "fresh", "local-cluster[2,1,1024]"]
    subprocess.run(cluster, check=True, timeout=300)
    here = ScoreConfig(artifact, tmp_path / "in.parquet", tmp_path / "local.parquet")
    done = score(replace(here, scored_at="2026-11-22T06:00:00Z"))
    same(pq.read_table(done.out), pq.read_table(tmp_path / "out.parquet"))


@pytest.mark.slow
def test_spark_submit(needs_spark: None, artifact: Path, tmp_path: Path) -> None:
    import adjudge

    pq.write_table(hard_rows(), tmp_path / "in.parquet")
    main = Path(adjudge.__file__).with_name("__main__.py")
    submit = Path(sys.executable).with_name("spark-submit")
    asked = ["score", "--artifact", str(artifact), "--pairs", str(tmp_path / "in.parquet")]
    told = [*asked, "--out", str(tmp_path / "out"), "--engine", "spark"]
    done = subprocess.run(
        [str(submit), "--master", "local[2]", str(main), *told],
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert read_success(tmp_path / "out").rows == 240
