"""The cascade's judgments table by hand: whose answer stands, what it cost, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import tables
from adjudge.cascade.judgments import NOT_JUDGED, JudgeTable, write_cascade
from adjudge.errors import BadTable

CHEAP = [
    ("i1", "a", "relevant", 0.99, "scored", None, 10, 0.1),
    ("i1", "b", "irrelevant", 0.4, "scored", None, 11, 0.2),
    ("i2", "a", None, None, "unscored", "no verdict", 12, None),
    ("i2", "b", "relevant", 0.6, "scored", None, None, None),
    ("i3", "a", "relevant", 0.55, "scored", None, 14, 0.5),
]
STRONG = [
    ("i1", "a", "irrelevant", 0.1, "scored", None, 100, 1.0),
    ("i1", "b", "relevant", 0.9, "scored", None, 101, 2.0),
    ("i2", "a", "relevant", 0.8, "scored", None, 102, 3.0),
    ("i2", "b", None, None, "unscored", "timeout", 103, 4.0),
]
NAMES = ("item_id", "keyphrase", "grade", "probability", "status", "reason", "tokens", "cost")
TYPES = (*[pa.string()] * 3, pa.float64(), pa.string(), pa.string(), pa.int64(), pa.float64())
KEYS = pa.table(
    {
        "item_id": [row[0] for row in CHEAP],
        "keyphrase": [row[1] for row in CHEAP],
        "row": pa.array(range(5), pa.int64()),
        "inside": [True, False, False, False, False],
    }
)


def judgments(path: Path, rows: list[tuple[Any, ...]], judge: str) -> JudgeTable:
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), TYPES, strict=True)]
    table = pa.table(arrays, names=list(NAMES)).append_column("judge", pa.array([judge] * len(rows)))
    pq.write_table(table, path)
    return JudgeTable(path, judge)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[JudgeTable, JudgeTable]:
    return (
        judgments(tmp_path / "cheap.parquet", CHEAP, "small"),
        judgments(tmp_path / "strong.parquet", STRONG, "large"),
    )


def column(path: Path, name: str) -> list[Any]:
    return pq.read_table(path)[name].to_pylist()


def test_the_table_by_hand(sides: tuple[JudgeTable, JudgeTable], tmp_path: Path) -> None:
    """The first answer stands; the strong judge answers two, fails on one and lacks one."""
    out = tmp_path / "new" / "judgments.parquet"
    written = write_cascade(KEYS, *sides, out, "both")
    tables.JUDGMENTS.check_columns(pq.read_schema(out).names, out)
    assert column(out, "grade") == ["relevant", "relevant", "relevant", None, None]
    assert column(out, "probability") == [0.99, 0.9, 0.8, None, None]
    assert column(out, "status") == ["scored", "scored", "scored", "unscored", "unscored"]
    assert column(out, "reason") == [None, None, None, "timeout", NOT_JUDGED]
    assert column(out, "judge") == ["both"] * 5
    assert column(out, "answered_by") == ["small", "large", "large", None, None]
    assert column(out, "expected") == column(out, "mass") == [None] * 5
    assert (written.pairs, written.scored, written.by_cheap, written.by_strong) == (5, 3, 1, 2)
    assert written.unscored == 2
    assert written.reasons == {"timeout": 1, NOT_JUDGED: 1}


def test_a_pair_costs_what_both_judges_took(sides: tuple[JudgeTable, JudgeTable], tmp_path: Path) -> None:
    """The strong judge's cost of the first pair is not in it; an unknown cost counts as nothing."""
    out = tmp_path / "judgments.parquet"
    written = write_cascade(KEYS, *sides, out, "both")
    assert column(out, "tokens") == [10, 112, 114, 103, 14]
    assert column(out, "cost") == pytest.approx([0.1, 2.2, 3.0, 4.0, 0.5])
    assert written.tokens == 10 + 112 + 114 + 103 + 14
    assert written.cost == pytest.approx(9.8)


def test_the_order_is_that_of_the_keys(sides: tuple[JudgeTable, JudgeTable], tmp_path: Path) -> None:
    backwards = KEYS.set_column(2, "row", pa.array(range(4, -1, -1), pa.int64()))
    out = tmp_path / "judgments.parquet"
    write_cascade(backwards, *sides, out, "both")
    assert column(out, "item_id") == ["i3", "i2", "i2", "i1", "i1"]


def test_rows_of_other_judges_in_a_table_are_left_out(
    sides: tuple[JudgeTable, JudgeTable], tmp_path: Path
) -> None:
    """Both judges in one file: the same cascade."""
    cheap, strong = sides
    alone = tmp_path / "alone.parquet"
    write_cascade(KEYS, cheap, strong, alone, "both")
    mixed = tmp_path / "mixed.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(cheap.path), pq.read_table(strong.path)]), mixed)
    out = tmp_path / "judgments.parquet"
    write_cascade(KEYS, JudgeTable(mixed, "small"), JudgeTable(mixed, "large"), out, "both")
    assert pq.read_table(out) == pq.read_table(alone)


def test_a_table_with_the_required_columns_alone_will_do(tmp_path: Path) -> None:
    named = {"item_id": ["i1"], "keyphrase": ["a"], "judge": ["small"], "status": ["scored"]}
    pq.write_table(pa.table({**named, "grade": ["relevant"]}), tmp_path / "cheap.parquet")
    table = JudgeTable(tmp_path / "cheap.parquet", "small")
    out = tmp_path / "judgments.parquet"
    written = write_cascade(KEYS.slice(0, 1), table, table, out, "both")
    assert (written.by_cheap, written.tokens, written.cost) == (1, 0, None)
    assert column(out, "probability") == column(out, "cost") == [None]
    assert pq.read_schema(out).field("expected").type == pa.float64()
    assert table.spending() == (None, None)


def test_expected_steps_and_mass_come_from_the_judge_that_answers(
    sides: tuple[JudgeTable, JudgeTable], tmp_path: Path
) -> None:
    for side, expected in zip(sides, (0.25, 0.75), strict=True):
        table = pq.read_table(side.path)
        filled = pa.array([expected] * table.num_rows)
        pq.write_table(table.append_column("expected", filled).append_column("mass", filled), side.path)
    out = tmp_path / "judgments.parquet"
    write_cascade(KEYS, *sides, out, "both")
    assert column(out, "expected") == column(out, "mass") == [0.25, 0.75, 0.75, 0.75, None]


def test_spending_is_of_one_judge(sides: tuple[JudgeTable, JudgeTable]) -> None:
    """Total and mean of the costs that are known."""
    total, mean = sides[1].spending()
    assert (total, mean) == (pytest.approx(10.0), pytest.approx(2.5))
    assert JudgeTable(sides[0].path, "small").spending()[0] == pytest.approx(0.8)
    assert JudgeTable(sides[0].path, "nobody").spending() == (None, None)


def test_a_table_that_cannot_be_read_leaves_the_old_one(
    sides: tuple[JudgeTable, JudgeTable], tmp_path: Path
) -> None:
    out = tmp_path / "judgments.parquet"
    write_cascade(KEYS, *sides, out, "both")
    before = out.read_bytes()
    (tmp_path / "broken.parquet").write_text("no Parquet")
    with pytest.raises(BadTable, match=r"broken\.parquet"):
        write_cascade(KEYS, sides[0], JudgeTable(tmp_path / "broken.parquet", "large"), out, "both")
    assert out.read_bytes() == before
    pq.write_table(pq.read_table(sides[1].path).drop(["status"]), tmp_path / "short.parquet")
    with pytest.raises(BadTable, match="status"):
        write_cascade(KEYS, sides[0], JudgeTable(tmp_path / "short.parquet", "large"), out, "both")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
