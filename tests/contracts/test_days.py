"""A full run of day 2 equals a full run of day 1 plus the diff: the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.jobs.diff import Diff, DiffConfig, diff
from adjudge.jobs.merge import MergeConfig, ServedConfig, merge, served
from adjudge.jobs.score import ScoreConfig, score
from adjudge.served.settings import ServedSettings
from planted import BRANDS, COLOURS, KINDS

SMALL = ServedSettings(buckets=2, threads=1, memory="200MB")
DAY1, DAY2 = "2026-11-01T06:00:00Z", "2026-11-02T06:00:00Z"
Title = tuple[str, str | None]


@dataclass(frozen=True)
class Day:
    """items: title and category by id; pairs may name items that there are not; listed: the keyphrases
    table."""

    items: dict[str, Title]
    pairs: frozenset[tuple[str, str]]
    listed: frozenset[str]

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        items = [{"item_id": key, "title": t, "category": c} for key, (t, c) in sorted(self.items.items())]
        text = pa.string()
        schema = pa.schema([("item_id", text), ("title", text), ("category", text)])
        pq.write_table(pa.Table.from_pylist(items, schema), folder / "items.parquet")
        pairs = [{"item_id": item, "keyphrase": phrase} for item, phrase in sorted(self.pairs)]
        schema = pa.schema([("item_id", text), ("keyphrase", text)])
        pq.write_table(pa.Table.from_pylist(pairs, schema), folder / "pairs.parquet")
        phrases = pa.table({"keyphrase": pa.array(sorted(self.listed), text)})
        pq.write_table(phrases, folder / "keyphrases.parquet")
        return folder


def full(artifact: Path, day: Path, table: Path, at: str) -> None:
    out = day / "full.parquet"
    items, pairs = day / "items.parquet", day / "pairs.parquet"
    score(ScoreConfig(artifact, pairs, out, items=items, scored_at=at, run_id=f"full-{at}"))
    merge(MergeConfig(table, out, full=True, publish=True, settings=SMALL))


def step(artifact: Path, before: Path, after: Path, table: Path, at: str) -> Diff:
    told = diff(DiffConfig(before, after, after / "diff", at=at))
    out = after / "diff" / "scores.parquet"
    score(ScoreConfig(artifact, after / "diff" / "pairs.parquet", out, scored_at=at, run_id=f"diff-{at}"))
    gone = after / "diff" / "deleted.parquet"
    merge(MergeConfig(table, out, deleted=gone, publish=True, settings=SMALL))
    return told


def buckets(table: Path) -> list[Path]:
    return list(served(ServedConfig(table)).files)


def content(table: Path) -> pa.Table:
    rows = pa.concat_tables(pq.read_table(path) for path in buckets(table))
    return rows.drop_columns(["scored_at"]).sort_by([("item_id", "ascending"), ("keyphrase", "ascending")])


def check(artifact: Path, days: tuple[Day, Day], home: Path) -> Diff:
    """Both ways to day 2; at one time the very files are equal, at two times all but `scored_at`."""
    one, two = (day.write(home / name) for day, name in zip(days, ("one", "two"), strict=True))
    full(artifact, one, home / "stepped", DAY1)
    told = step(artifact, one, two, home / "stepped", DAY1)
    full(artifact, two, home / "anew", DAY1)
    for stepped, anew in zip(buckets(home / "stepped"), buckets(home / "anew"), strict=True):
        assert stepped.read_bytes() == anew.read_bytes()
    assert len(content(home / "anew")) == len(days[1].pairs) == told.after
    return told


ids = st.sampled_from(["a", "b", "c", "d", "e"])
phrases = st.sampled_from(["red shoe", "blue lamp", "tent", "🔥"])
titles = st.tuples(st.sampled_from(["red shoe new", "blue tent", ""]), st.sampled_from(["Shoes", None]))
days = st.builds(
    Day,
    st.dictionaries(ids, titles, max_size=5),
    st.frozensets(st.tuples(ids, phrases), max_size=12),
    st.frozensets(phrases),
)


@settings(max_examples=12, deadline=None)
@given(both=st.tuples(days, days))
def test_any_two_days(both: tuple[Day, Day], overlap: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    told = check(overlap, both, tmp_path_factory.mktemp("days"))
    one, two = both
    assert told.lost == len(one.pairs - two.pairs)
    assert told.new == len(two.pairs - one.pairs)
    moved = {pair for pair in one.pairs & two.pairs if one.items.get(pair[0]) != two.items.get(pair[0])}
    changed = {
        p for p in moved if (one.items.get(p[0]) or (None, None)) != (two.items.get(p[0]) or (None, None))
    }
    assert told.revised == len(changed)


def catalogue() -> tuple[Day, Day]:
    """40 items and some of every change: revised titles and categories, new and deleted items and
    keyphrases."""
    names = [
        f"{brand} {colour} {kind}" for brand in BRANDS[:2] for colour in COLOURS[:4] for kind in KINDS[:5]
    ]
    items: dict[str, Title] = {f"i{number}": (name, "Things") for number, name in enumerate(names)}
    asked = [f"{colour} {kind}" for colour in COLOURS[:3] for kind in KINDS[:4]]
    pairs = {(item, phrase) for n, item in enumerate(items) for m, phrase in enumerate(asked) if (n + m) % 3}
    one = Day(items, frozenset(pairs), frozenset(asked))
    later: dict[str, Title] = {
        **items,
        "i3": ("zenith green sofa", "Things"),
        "i4": (items["i4"][0], None),
        "new": ("nova tent", None),
    }
    del later["i7"]
    moved = {(item, phrase) for item, phrase in pairs if item != "i7" and phrase != asked[2]}
    moved |= {("new", asked[0]), ("i9", "quite new"), ("nobody", asked[1])}
    moved -= {("i9", asked[1]), ("i10", asked[1])}
    return one, Day(later, frozenset(moved), frozenset({*asked, "quite new"} - {asked[2]}))


@pytest.mark.parametrize("model", ["artifact", "split_artifact_folder"])
def test_a_catalogue_and_a_student(model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    told = check(request.getfixturevalue(model), catalogue(), tmp_path)
    assert min(told.new, told.revised, told.lost) > 0
    gone = pq.read_table(tmp_path / "two" / "diff" / "deleted.parquet").to_pylist()
    kinds: dict[Any, int] = {}
    for row in gone:
        kind = (row["item_id"] is not None, row["keyphrase"] is not None)
        kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds[True, False] == 1, "item i7 is one line"
    assert kinds[False, True] == 1, "the keyphrase that left is one line"
    assert kinds[True, True] == len(gone) - 2 > 0


def test_at_two_times_rows_say_when_they_were_scored(artifact: Path, tmp_path: Path) -> None:
    one, two = (day.write(tmp_path / name) for day, name in zip(catalogue(), ("one", "two"), strict=True))
    full(artifact, one, tmp_path / "stepped", DAY1)
    told = step(artifact, one, two, tmp_path / "stepped", DAY2)
    full(artifact, two, tmp_path / "anew", DAY2)
    assert content(tmp_path / "stepped").equals(content(tmp_path / "anew"))
    times = pa.concat_tables(pq.read_table(path) for path in buckets(tmp_path / "stepped"))[
        "scored_at"
    ].to_pylist()
    assert sum(time.day == 2 for time in times) == told.new + told.revised
    assert sum(time.day == 1 for time in times) == told.unchanged
