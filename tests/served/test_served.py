"""Full and diff: latest wins, deletions, run ids, what is refused, what is rewritten, and publish."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjudge.engines.output import Success, read_result, write_success
from adjudge.errors import BadConfig, BadTable
from adjudge.served import table as tables
from adjudge.served.merge import MergeResult, merge
from adjudge.served.publish import publish
from adjudge.served.settings import MergeConfig, ServedSettings
from adjudge.served.table import served
from served_days import Day, as_dict, expected, held

SMALL = ServedSettings(buckets=4, threads=1, memory="200MB")
PAIRS = [(f"i{item}", f"k{phrase}") for item in range(6) for phrase in range(3)]
FULL = Day("full", 0, {pair: number / 20 for number, pair in enumerate(PAIRS)}, full=True)


def put(table: Path, day: Day, **more: object) -> MergeResult:
    scores, gone = day.write(table.parent / "runs")
    return merge(
        MergeConfig(table, scores, deleted=gone, full=day.full, publish=True, settings=SMALL, **more)
    )  # type: ignore[arg-type]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    put(tmp_path / "served", FULL)
    return tmp_path / "served"


def test_a_full_run_is_served(table: Path) -> None:
    rows = held(table)
    assert as_dict(rows) == expected([FULL])
    assert rows["kept"].to_pylist() == [score >= 0.5 for score in rows["score"].to_pylist()]
    about, files = served(table)
    assert (about.rows, about.buckets, len(files)) == (18, 4, 4)
    for file in files:
        keys = [(row["item_id"], row["keyphrase"]) for row in pq.read_table(file).to_pylist()]
        assert keys == sorted(keys)


def test_latest_wins_and_deletions_by_hand(table: Path) -> None:
    day = Day("d1", 24, {("i0", "k0"): 0.9, ("new", "k9"): 0.1, ("i1", "k1"): None})
    day.gone = [("i2", None), (None, "k2"), ("i3", "k0"), ("i0", "k0"), ("nobody", None)]
    done = put(table, day)
    found = as_dict(held(table))
    assert found[("i0", "k0")] == (0.9, 24), "deleted and scored by one run: it is there"
    assert found[("new", "k9")] == (0.1, 24)
    assert found[("i1", "k1")] == (None, 24), "unscored is a row, too"
    assert not [key for key in found if key[0] == "i2" or key[1] == "k2"]
    assert ("i3", "k0") not in found
    assert ("i3", "k1") in found
    assert (done.rows, done.deletions, done.before, done.version.rows) == (3, 5, 18, len(found))


days = st.lists(
    st.builds(
        lambda scores, gone, full: Day("", 0, scores, gone, full=full),
        st.dictionaries(st.sampled_from(PAIRS), st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]), max_size=6),
        st.lists(st.sampled_from([("i0", None), ("i1", None), (None, "k0"), *PAIRS[:4]]), max_size=3),
        st.booleans() if False else st.just(False),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=days, order=st.randoms(use_true_random=False))
def test_runs_in_any_order_give_the_latest_word(
    runs: list[Day], order: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.mktemp("any") / "served"
    for number, day in enumerate(runs, start=1):
        day.name, day.hour = f"d{number}", number
    shuffled = list(runs)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for day in [FULL, *shuffled]:
        put(table, day)
    assert as_dict(held(table)) == expected([FULL, *runs])


@pytest.mark.parametrize("late", list(itertools.permutations(range(3))))
def test_a_full_run_keeps_what_was_scored_while_it_ran(tmp_path: Path, late: tuple[int, ...]) -> None:
    near = Day("near", 30, {("i0", "k0"): 0.99}, [("i1", None)])
    old = Day("old", 10, {("i0", "k1"): 0.98, ("i9", "k9"): 0.5})
    full = Day("full2", 20, dict.fromkeys(PAIRS[:9], 0.4), full=True)
    table = tmp_path / "served"
    put(table, FULL)
    for number in late:
        day = (near, old, full)[number]
        if day is old and late.index(2) < late.index(1):
            with pytest.raises(BadConfig, match="allowed here is 2026-11-01T20:00"):
                put(table, day)
        else:
            put(table, day)
    assert as_dict(held(table)) == expected([FULL, old, full, near])


def test_the_same_run_again_is_no_change(table: Path) -> None:
    day = Day("d1", 5, {("i0", "k0"): 0.7, ("i1", "k0"): 0.6}, [("i5", None)])
    first = put(table, day)
    before = sorted((table / "versions").rglob("*"))
    again = put(table, day)
    assert (first.again, again.again) == (False, True)
    assert again.version == first.version
    assert sorted((table / "versions").rglob("*")) == before
    day.scores = dict(reversed(day.scores.items()))
    assert put(table, day).again, "the order of rows is no content"
    day.scores = {("i0", "k0"): 0.7, ("i1", "k0"): 0.61}
    with pytest.raises(BadConfig, match="run d1 was merged before with other content"):
        put(table, day)
    assert put(table, day, run_id="d1b").again is False


def test_another_model_needs_a_full_run(table: Path) -> None:
    other = Day("d1", 5, {("i0", "k0"): 0.7}, model="bbbbbbbbbbbb", threshold=0.1)
    with pytest.raises(BadConfig, match="holds model aaaaaaaaaaaa.*Run a full"):
        put(table, other)
    forced = put(table, other, force=True)
    assert forced.version.model_version == "bbbbbbbbbbbb"
    rows = held(table).to_pylist()
    assert {row["model_version"] for row in rows} == {"aaaaaaaaaaaa", "bbbbbbbbbbbb"}
    assert [row["kept"] for row in rows if row["model_version"] == "aaaaaaaaaaaa"] == [
        row["score"] >= 0.5 for row in rows if row["model_version"] == "aaaaaaaaaaaa"
    ], "a threshold is of its own model"
    full = Day("f2", 6, {("i0", "k0"): 0.2}, model="bbbbbbbbbbbb", threshold=0.1, full=True)
    put(table, full)
    assert [row["kept"] for row in held(table).to_pylist()] == [True]


def test_a_new_threshold_decides_all_rows_anew(table: Path) -> None:
    done = put(table, Day("d1", 5, {("i0", "k0"): 0.7}, threshold=0.3))
    assert done.touched == 4
    assert all(row["kept"] == (row["score"] >= 0.3) for row in held(table).to_pylist())
    put(table, Day("late", 4, {("i0", "k1"): 0.4}, threshold=0.6))
    assert all(row["kept"] == (row["score"] >= 0.3) for row in held(table).to_pylist())
    put(table, Day("none", 6, {}, threshold=None))
    assert held(table)["kept"].null_count == 18


def test_only_touched_buckets_are_written(table: Path) -> None:
    before = {path.name: path.stat().st_ino for path in served(table)[1]}
    done = put(table, Day("d1", 5, {("i0", "k0"): 0.7}))
    after = {path.name: path.stat().st_ino for path in served(table)[1]}
    assert (done.touched, sum(before[name] != after[name] for name in before)) == (1, 1)
    assert done.bytes_written > 0 < done.bytes_linked
    done = put(table, Day("d2", 6, {}, [(None, "nowhere")]))
    assert done.touched == 0, "no bucket holds that keyphrase"
    done = put(table, Day("d3", 7, {}, [(None, "k0")]))
    assert done.touched == sum(rows > 0 for rows in served(table)[0].bucket_rows)


def test_doubles_within_a_run_do_not_depend_on_order(tmp_path: Path) -> None:
    rows = [("i0", "k0", 0.2), ("i0", "k0", None), ("i0", "k0", 0.4)]
    for number, mixed in enumerate(itertools.permutations(rows)):
        table = tmp_path / str(number) / "served"
        done = put(table, Day("full", 0, {}, rows=list(mixed), full=True))
        assert (done.rows, done.doubles, done.version.rows) == (3, 2, 1)
        assert as_dict(held(table)) == {("i0", "k0"): (0.4, 0)}


def test_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    rows = [("i0", "k0", 0.2), (None, "k0", None), ("i0", None, None)]
    done = put(tmp_path / "served", Day("full", 0, {}, rows=rows, full=True))  # type: ignore[arg-type]
    assert (done.rows, done.without_key, done.version.rows) == (1, 2, 1)


def test_merge_builds_aside_until_publish(table: Path) -> None:
    scores, _ = Day("d1", 5, {("i0", "k0"): 0.7}).write(table.parent / "runs")
    done = merge(MergeConfig(table, scores, settings=SMALL))
    assert (done.published, served(table)[0].number, done.version.number) == (False, 1, 2)
    scores, _ = Day("d2", 6, {("i0", "k1"): 0.8}).write(table.parent / "runs")
    merge(MergeConfig(table, scores, settings=SMALL))
    put_out = publish(table)
    assert (put_out.before, put_out.version.number) == (1, 3)
    assert as_dict(held(table))[("i0", "k0")] == (0.7, 5), "merges build on the newest version, served or not"
    back = publish(table, 1)
    assert (back.before, as_dict(held(table))) == (3, expected([FULL]))
    put(table, Day("d3", 7, {("i0", "k2"): 0.6}))
    assert as_dict(held(table))[("i0", "k0")] == (0.0, 0), "after a step back, merges build on what is served"
    assert publish(table).before == served(table)[0].number


def test_old_versions_go_and_recent_ones_stay(table: Path) -> None:
    for hour in range(1, 6):
        put(table, Day(f"d{hour}", hour, {("i0", "k0"): hour / 10}))
    assert tables.numbers(table) == [4, 5, 6]
    assert [path.name for path in (table / "versions").iterdir() if not path.name.startswith("0")] == []


def test_publish_leaves_the_versions_that_readers_may_hold(table: Path) -> None:
    """Merges that were never served do not push out what was."""
    hour = 0

    def merged(times: int) -> int:
        nonlocal hour
        for _ in range(times):
            hour += 1
            scores, _ = Day(f"d{hour}", hour, {("i0", "k0"): hour / 100}).write(table.parent / "runs")
            last = merge(MergeConfig(table, scores, settings=SMALL))
        return last.version.number

    _, first = served(table)
    assert merged(4) == 5
    assert publish(table).removed == (2, 3, 4)
    assert all(path.exists() for path in first), "a reader of version 1 has two publishes to finish"
    assert merged(3) == 8
    assert publish(table).removed == (6, 7)
    assert all(path.exists() for path in first)
    assert publish(table).removed == (), "again is no change"
    merged(1)
    assert publish(table).removed == (1,)
    assert tables.numbers(table) == [5, 8, 9]
    assert tables.pointer(table) == tables.Pointer(9, 9, (5, 8))


def test_what_cannot_be_merged_is_refused_in_one_line(tmp_path: Path, table: Path) -> None:
    def fails(match: str, ask: MergeConfig, error: type[Exception] = BadTable) -> None:
        with pytest.raises(error, match=match) as caught:
            merge(ask)
        assert "\n" not in str(caught.value)

    scores, _ = Day("d1", 5, {("i0", "k0"): 0.7}).write(tmp_path / "runs")
    fails("a diff needs one.*--full", MergeConfig(tmp_path / "new", scores), BadConfig)
    pq.write_table(pq.read_table(scores).replace_schema_metadata(), tmp_path / "bare.parquet")
    fails("does not say which run wrote it", MergeConfig(table, tmp_path / "bare.parquet"))
    fails("cannot be read as Parquet", MergeConfig(table, tmp_path / "nothing.parquet"))
    (tmp_path / "parts").mkdir()
    fails("holds no finished run", MergeConfig(table, tmp_path / "parts"))
    empty = pq.read_table(scores).select(["score"])
    pq.write_table(empty, tmp_path / "odd.parquet")
    fails(
        "neither item_id nor keyphrase",
        MergeConfig(table, scores, deleted=tmp_path / "odd.parquet", settings=SMALL),
    )
    _, gone = Day("d2", 5, {}, [(None, None)]).write(tmp_path / "runs")
    fails("1 rows name neither", MergeConfig(table, scores, deleted=gone, settings=SMALL))
    (table / "served.json").write_text("{")
    fails("served.json cannot be read", MergeConfig(table, scores))
    assert read_result(scores)[0].run_id == "d1"


@pytest.mark.parametrize("buckets", [0, 4])
def test_a_damaged_part_is_told(tmp_path: Path, buckets: int) -> None:
    """Both where its rows are counted to find the buckets, and where it is read."""
    parts = tmp_path / "parts"
    scores, _ = FULL.write(parts)
    write_success(parts, Success(read_result(scores)[0], "local", 18, 9, 0, {}, (scores.name,)))
    scores.write_bytes(scores.read_bytes()[:-40])
    asked = ServedSettings(buckets=buckets, threads=1, memory="200MB")
    with pytest.raises(BadTable, match="cannot be read") as caught:
        merge(MergeConfig(tmp_path / "served", parts, full=True, settings=asked))
    assert scores.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_of_another_duckdb_needs_a_full_run(table: Path) -> None:
    path = table / "versions" / "000001" / "version.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "probe": "1"}))
    with pytest.raises(BadConfig, match="another DuckDB"):
        put(table, Day("d1", 5, {("i0", "k0"): 0.7}))
    put(table, Day("f2", 6, {("i0", "k0"): 0.7}, full=True))
    assert as_dict(held(table)) == {("i0", "k0"): (0.7, 6)}


def test_a_folder_that_is_no_table_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "served" / "versions" / "2024"
    other.mkdir(parents=True)
    with pytest.raises(BadConfig, match="holds 2024, which is no version"):
        put(tmp_path / "served", FULL)
    assert other.exists()
