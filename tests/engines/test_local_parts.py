"""How the local engine cuts, reads and groups its input."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.engines.local.layout import plan, read
from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.output import read_result, read_success
from adjudge.engines.registry import score_pairs
from adjudge.engines.task import Task, input_files, now
from adjudge.errors import BadConfig, BadTable
from adjudge.scoring.rows import REASON, score_rows


class Lengths:
    """Scores a pair by the lengths of its texts, and remembers what it was asked."""

    version, threshold = "0" * 12, 0.5

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def score(self, pairs: pa.Table) -> np.ndarray:
        self.asked.append(pairs["item_id"].to_pylist())
        texts = zip(pairs["title"].to_pylist(), pairs["keyphrase"].to_pylist(), strict=True)
        return np.array(
            [np.nan if not title else len(title) / (len(title) + len(phrase)) for title, phrase in texts]
        )


def lengths(workers: int) -> Lengths:
    return Lengths()


def table(rows: int, first: int = 0) -> pa.Table:
    numbers = range(first, first + rows)
    return pa.table(
        {
            "item_id": [f"i{number % 7}" for number in numbers],
            "keyphrase": [f"k{number}" for number in numbers],
            "title": [None if number % 11 == 5 else "t" * (1 + number % 7) for number in numbers],
        }
    )


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    part_rows=st.integers(1, 50),
    chunk=st.integers(1, 30),
)
def test_parts_are_the_rows_in_order(
    groups: list[int], part_rows: int, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("parts") / "in.parquet"
    whole = table(sum(groups))
    with pq.ParquetWriter(path, whole.schema) as writer:
        first = 0
        for rows in groups:
            writer.write_table(whole.slice(first, rows))
            first += rows
    parts = plan([pq.ParquetFile(path)], [path], part_rows)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert all(0 < part.rows <= part_rows for part in parts)
    read_back = []
    for part in parts:
        assert part.first == sum(len(chunk_) for chunk_ in read_back)
        chunks = list(read(part, ("item_id", "keyphrase", "title", "category"), chunk))
        assert all(len(held) == chunk for held in chunks[:-1])
        read_back += chunks
    assert pa.concat_tables(read_back).equals(whole)


def test_parts_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    with pq.ParquetWriter(path, table(1).schema) as writer:
        for rows in (3, 4, 5, 25):
            writer.write_table(table(rows))
    parts = plan([pq.ParquetFile(path)], [path], 10)
    assert [(part.groups, part.skip, part.rows, part.first) for part in parts] == [
        ((0, 1), 0, 7, 0),
        ((2,), 0, 5, 7),
        ((3,), 0, 8, 12),
        ((3,), 8, 8, 20),
        ((3,), 16, 9, 28),
    ]


def test_an_items_pairs_reach_the_scorer_together() -> None:
    scorer = Lengths()
    rows = table(50)
    done = score_rows(scorer, rows, now())
    (asked,) = scorer.asked
    assert sorted(asked) == sorted(rows["item_id"].to_pylist())
    assert sum(a != b for a, b in pairwise(asked)) == 6, "seven items, six changes"
    assert done.scores["keyphrase"].equals(rows["keyphrase"]), "in the order given"
    by_hand = Lengths().score(rows)
    assert np.array_equal(done.scores["score"].to_numpy(), by_hand, equal_nan=True)
    assert done.unscored["row"].to_pylist() == [5, 16, 27, 38, 49]
    assert done.kept == int((by_hand >= 0.5).sum())


def test_a_row_with_a_reason_is_not_scored() -> None:
    scorer = Lengths()
    rows = table(4).append_column(REASON, pa.array([None, "unknown item", None, None]))
    done = score_rows(scorer, rows, now(), first=100)
    assert len(scorer.asked[0]) == 3
    assert done.unscored.to_pylist() == [
        {"row": 101, "item_id": "i1", "keyphrase": "k1", "reason": "unknown item"}
    ]


def run(pairs: Path, out: Path, **more: object) -> Path:
    task = Task(lengths, pairs, out, scored_at=now(), **more)  # type: ignore[arg-type]
    return score_pairs("local", task).out


def test_a_folder_of_files_is_one_input(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, rows in enumerate((30, 1, 45)):
        pq.write_table(table(rows, 100 * number), tmp_path / "in" / f"{number}.parquet")
    (tmp_path / "in" / "_SUCCESS").touch()
    out = run(tmp_path / "in", tmp_path / "out.parquet", part_rows=20, chunk=7)
    found = pq.read_table(out)
    assert found["keyphrase"].to_pylist() == [f"k{n}" for n in (*range(30), 100, *range(200, 245))]
    aside = pq.read_table(tmp_path / "out.unscored.parquet")
    missing = [row for row, score in enumerate(found["score"].to_pylist()) if score is None]
    assert aside["row"].to_pylist() == missing
    parts = run(tmp_path / "in", tmp_path / "parts", part_rows=20, chunk=7)
    success = read_success(parts)
    assert [pq.read_metadata(file).num_rows for file in read_result(parts)[1]] == [15, 15, 1, 15, 15, 15]
    assert (success.rows, success.unscored, success.reasons) == (
        76,
        len(missing),
        {"title is null or blank": len(missing)},
    )
    together = pa.concat_tables(pq.read_table(file) for file in read_result(parts)[1])
    assert together.drop_columns("scored_at").equals(found.drop_columns("scored_at"))
    assert sorted(path.name for path in parts.iterdir())[:2] == ["_SUCCESS", "_unscored"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    (tmp_path / "none").mkdir()
    with pytest.raises(BadTable, match="holds no .parquet file"):
        input_files(tmp_path / "none")


def test_no_rows_make_a_folder_with_one_empty_part(tmp_path: Path) -> None:
    pq.write_table(table(1).slice(0, 0), tmp_path / "in.parquet")
    _, (only,) = read_result(run(tmp_path / "in.parquet", tmp_path / "out"))
    assert pq.read_metadata(only).num_rows == 0


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    pq.write_table(table(40), tmp_path / "in.parquet")
    run(tmp_path / "in.parquet", tmp_path / "out", part_rows=10)
    pq.write_table(table(10), tmp_path / "in.parquet")
    out = run(tmp_path / "in.parquet", tmp_path / "out", part_rows=10)
    assert sorted(path.name for path in out.iterdir()) == ["_SUCCESS", "_unscored", "part-000000.parquet"]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path, workers: int) -> None:
    pq.write_table(table(300), tmp_path / "in.parquet")
    time = now()
    alone = score_pairs(
        "local", Task(lengths, tmp_path / "in.parquet", tmp_path / "a.parquet", time, part_rows=50)
    )
    options = {"local": LocalSettings(inline_up_to_rows=0)}
    task = Task(
        lengths,
        tmp_path / "in.parquet",
        tmp_path / "b.parquet",
        time,
        part_rows=50,
        workers=workers,
        options=options,
    )
    many = score_pairs("local", task)
    assert alone.out.read_bytes() == many.out.read_bytes()
    assert (alone.rows, alone.kept, alone.reasons) == (many.rows, many.kept, many.reasons)


def broken(workers: int) -> Lengths:
    raise BadTable("the model cannot be opened here")


def broken_elsewhere(workers: int) -> Lengths:
    import multiprocessing

    return broken(workers) if multiprocessing.parent_process() else Lengths()


def test_an_error_in_a_process_is_this_runs_error(tmp_path: Path) -> None:
    pq.write_table(table(30), tmp_path / "in.parquet")
    options = {"local": LocalSettings(inline_up_to_rows=0)}
    task = Task(
        broken_elsewhere, tmp_path / "in.parquet", tmp_path / "out", part_rows=10, workers=2, options=options
    )
    with pytest.raises(BadTable, match="cannot be opened here"):
        score_pairs("local", task)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet"]


def test_what_an_engine_cannot_do_is_refused(tmp_path: Path) -> None:
    task = Task(lengths, tmp_path / "in.parquet", tmp_path / "out.parquet")
    with pytest.raises(BadConfig, match="engine is 'lokal': allowed are local, spark; did you mean local"):
        score_pairs("lokal", task)
    with pytest.raises(BadConfig, match="needs a time zone"):
        Task(lengths, tmp_path / "in.parquet", tmp_path / "out.parquet", scored_at=now().replace(tzinfo=None))


def test_the_output_never_takes_the_place_of_anything_else(tmp_path: Path) -> None:
    pairs = tmp_path / "data" / "in.parquet"
    pairs.parent.mkdir()
    pq.write_table(table(3), pairs)
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    (tmp_path / "odd.parquet").mkdir()
    for out in (precious, tmp_path / "file", tmp_path / "odd.parquet"):
        with pytest.raises(BadConfig, match="exists and is no result of"):
            run(pairs, out)
    for out in (pairs.parent, tmp_path):
        with pytest.raises(BadConfig, match="is or holds an input"):
            run(pairs, out)
    assert (precious / "thesis.txt").exists()
    (tmp_path / "empty").mkdir()
    assert read_success(run(pairs, tmp_path / "empty")).rows == 3


def test_an_output_among_the_inputs_is_refused(tmp_path: Path) -> None:
    """The next run would read it as rows of its input."""
    folder, items = tmp_path / "pairs", tmp_path / "items"
    for place in (folder, items):
        place.mkdir()
        pq.write_table(table(3).group_by("item_id").aggregate([("title", "max")]), place / "x.parquet")
    pq.write_table(table(3), folder / "x.parquet")
    single = tmp_path / "out.unscored.parquet"
    pq.write_table(table(3), single)
    (tmp_path / "link").symlink_to(folder)
    asked = [
        (Task(lengths, folder, folder / "s.parquet"), "lies in the folder --pairs"),
        (Task(lengths, folder, tmp_path / "link" / "s.parquet"), "lies in the folder --pairs"),
        (Task(lengths, folder, items / "s.parquet", items=items), "lies in the folder --items"),
        (Task(lengths, folder, items / "s.parquet", keyphrases=items), "lies in the folder --keyphrases"),
        (Task(lengths, single, tmp_path / "out.parquet"), "which is --pairs: choose another name"),
    ]
    for task, told in asked:
        with pytest.raises(BadConfig, match=told):
            score_pairs("local", task)
    assert sorted(path.name for path in folder.iterdir()) == ["x.parquet"]
    assert read_success(run(folder, folder / "s")).rows == 3
    assert read_success(run(folder, folder / "s")).rows == 3, "a folder of parts is no file of the folder"


def test_an_input_that_is_not_there_is_told(tmp_path: Path) -> None:
    pairs, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table(3), pairs)
    for task, name in (
        (Task(lengths, tmp_path / "no.parquet", out), "pairs"),
        (Task(lengths, pairs, out, items=tmp_path / "no.parquet"), "items"),
        (Task(lengths, pairs, out, keyphrases=tmp_path / "no.parquet"), "keyphrases"),
    ):
        with pytest.raises(
            BadTable, match=f"no.parquet cannot be read .* not exist; allowed .* Check --{name}."
        ):
            score_pairs("local", task)
