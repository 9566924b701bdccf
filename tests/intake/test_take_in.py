"""Every kind of bad row, in every format: it is quarantined with its number and reason, the others live."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import tables
from adjudge.errors import BadConfig, BadTable
from adjudge.intake.intake import Intake, take_in
from adjudge.tables import Table

GOOD = {"item_id": "i1", "keyphrase": "red shoe", "position": 1, "impressions": 10, "clicks": 2}
CLICK_COLUMNS = ("item_id", "keyphrase", "position", "impressions", "clicks", "sales", "revenue")


def rows_of(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return pq.read_table(path).to_pylist()


def bad_rows(result: Intake) -> list[tuple[int, str]]:
    return [(row["row_number"], row["reason"]) for row in rows_of(result.quarantine)]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names)]
    lines += [",".join("" if row.get(name) is None else str(row[name]) for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        mixed = len({type(value) for value in values if value is not None}) > 1
        columns[name] = [None if value is None else str(value) for value in values] if mixed else values
    pq.write_table(pa.table(columns), path)
    return path


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


@pytest.fixture(params=sorted(WRITERS))
def bring(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Write rows in one format and take them in; every share of bad rows is allowed unless said otherwise."""

    def go(rows: list[dict[str, Any]], table: Table = tables.CLICKS, **options: Any) -> Intake:
        source = WRITERS[request.param](tmp_path / f"in.{request.param}", rows)
        return take_in(source, table, tmp_path / "out.parquet", **{"max_bad_share": 1.0, **options})

    return go


CASES = [
    ({"item_id": None}, "item_id is null"),
    ({"item_id": "   "}, "item_id is blank"),
    ({"keyphrase": None}, "keyphrase is null"),
    ({"keyphrase": "\t"}, "keyphrase is blank"),
    ({"impressions": None}, "impressions is null"),
    ({"clicks": "three"}, "clicks is not of type int64"),
    ({"clicks": "2.5"}, "clicks is not of type int64"),
    ({"clicks": "99999999999999999999"}, "clicks is not of type int64"),
    ({"clicks": -1}, "clicks is below 0"),
    ({"impressions": -10}, "impressions is below 0"),
    ({"position": 0}, "position is below 1"),
    ({"clicks": 11}, "clicks exceed impressions"),
    ({"clicks": 0, "sales": 1}, "sales without a click"),
    ({"revenue": 5.0, "sales": 0}, "revenue without a sale"),
    ({"revenue": -0.5, "sales": 1}, "revenue is below 0"),
    ({"revenue": "NaN", "sales": 1}, "revenue is not finite"),
    ({"revenue": "inf", "sales": 1}, "revenue is not finite"),
    ({"revenue": "free", "sales": 1}, "revenue is not of type float64"),
]


@pytest.mark.parametrize(
    ("change", "reason"), CASES, ids=[f"{reason}-{i}" for i, (_, reason) in enumerate(CASES)]
)
def test_bad_click_row_is_quarantined_and_the_rest_lives(
    bring: Any, change: dict[str, Any], reason: str
) -> None:
    bad = {**GOOD, "item_id": "i2", "sales": 0, "revenue": 0.0, **change}
    last = {**GOOD, "item_id": "i3", "sales": 1, "revenue": 9.5}
    result = bring([{**GOOD, "sales": 0, "revenue": 0.0}, bad, last])
    assert bad_rows(result) == [(2, reason)]
    assert (result.rows, result.kept, result.quarantined, result.reasons) == (3, 2, 1, {reason: 1})
    kept = rows_of(result.out)
    assert [row["item_id"] for row in kept] == ["i1", "i3"]
    assert kept[1] == {**last}
    raw = json.loads(rows_of(result.quarantine)[0]["raw"])
    assert {name: str(raw[name]) for name in raw} == {name: str(raw[name]) for name in bad} or raw[
        "item_id"
    ] in (None, "   ", "i2")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_float_that_is_not_finite_in_parquet(tmp_path: Path, value: float) -> None:
    rows = [{"item_id": "a", "title": "t", "price": 1.5}, {"item_id": "b", "title": "t", "price": value}]
    result = take_in(
        write_parquet(tmp_path / "in.parquet", rows),
        tables.ITEMS,
        tmp_path / "items.parquet",
        max_bad_share=1,
    )
    assert bad_rows(result) == [(2, "price is not finite")]


def test_above_the_range_and_unknown_words(bring: Any) -> None:
    good = {"item_id": "a", "keyphrase": "k", "judge": "llm", "grade": "relevant", "status": "scored"}
    rows = [
        {**good, "probability": 0.5},
        {**good, "item_id": "b", "probability": 1.5},
        {**good, "item_id": "c", "probability": 0.5, "status": "maybe"},
        {**good, "item_id": "d", "probability": None, "grade": None},
        {**good, "item_id": "e", "probability": None, "status": "unscored"},
    ]
    result = bring(rows, tables.JUDGMENTS)
    assert bad_rows(result) == [
        (2, "probability is above 1"),
        (3, "status is not one of scored, unscored"),
        (4, "scored without a grade"),
        (5, "unscored with a grade"),
    ]


def test_unknown_grades_and_another_scale(bring: Any) -> None:
    rows = [
        {"item_id": "a", "keyphrase": "k", "annotator": "x", "grade": "good"},
        {"item_id": "b", "keyphrase": "k", "annotator": "x", "grade": "Good"},
        {"item_id": "c", "keyphrase": "k", "annotator": "x", "grade": "high"},
    ]
    wrong = "grade is not one of bad, fair, good, excellent"
    assert bad_rows(bring(rows, tables.ANNOTATIONS)) == [(2, wrong), (3, wrong)]
    other = bring(rows, tables.ANNOTATIONS, grades=("irrelevant", "moderate", "high"))
    assert [row["grade"] for row in rows_of(other.out)] == ["high"]


def test_the_first_of_two_equal_keys_is_kept_and_a_null_position_is_a_value(bring: Any) -> None:
    rows = [
        {**GOOD, "clicks": 99},  # bad: does not count as the first of its key
        {**GOOD, "clicks": 1},
        {**GOOD, "clicks": 2},
        {**GOOD, "position": None, "clicks": 3},
        {**GOOD, "position": None, "clicks": 4},
        {**GOOD, "position": 2, "clicks": 5},
    ]
    result = bring(rows)
    again = "duplicate key (item_id, keyphrase, position)"
    assert bad_rows(result) == [(1, "clicks exceed impressions"), (3, again), (5, again)]
    assert [(row["position"], row["clicks"]) for row in rows_of(result.out)] == [(1, 1), (None, 3), (2, 5)]


def test_columns_order_types_and_absent_optional_ones(bring: Any) -> None:
    rows = [{"clicks": 1, "impressions": 2, "sku": "b", "extra": "x", "keyphrase": "k"} for _ in range(1)]
    result = bring(rows, columns={"item_id": "sku"})
    assert result.quarantine is None
    schema = pq.read_schema(result.out)
    assert tuple(schema.names) == CLICK_COLUMNS
    kinds = [str(schema.field(name).type) for name in CLICK_COLUMNS]
    assert kinds == ["string", "string", "int64", "int64", "int64", "int64", "double"]
    assert rows_of(result.out) == [
        {
            "item_id": "b",
            "keyphrase": "k",
            "position": None,
            "impressions": 2,
            "clicks": 1,
            "sales": None,
            "revenue": None,
        }
    ]


def test_rows_keep_their_order(bring: Any) -> None:
    rows = [{**GOOD, "item_id": f"i{(n * 7919) % 5003}"} for n in range(5003)] + [{**GOOD, "item_id": "i0"}]
    result = bring(rows)
    assert [row["item_id"] for row in rows_of(result.out)] == [row["item_id"] for row in rows[:-1]]
    assert bad_rows(result) == [(5004, "duplicate key (item_id, keyphrase, position)")]


def test_past_the_allowed_share_one_clear_error_and_no_output(bring: Any, tmp_path: Path) -> None:
    rows = [{**GOOD, "item_id": f"i{n}"} for n in range(97)]
    rows += [{**GOOD, "item_id": "x", "clicks": 11}, {**GOOD, "item_id": None}, {**GOOD, "item_id": "i0"}]
    (tmp_path / "out.parquet").write_bytes(b"an older result")
    with pytest.raises(BadTable) as caught:
        bring(rows, max_bad_share=0.02)
    message = str(caught.value)
    for part in (
        "3 of 100 rows are bad (3.00%), allowed is 2.00%",
        "clicks exceed impressions: 1",
        "item_id is null: 1",
        "duplicate key (item_id, keyphrase, position): 1",
        str(tmp_path / "quarantine" / "out.parquet"),
        "--max-bad-share 0.03",
    ):
        assert part in message
    assert (tmp_path / "out.parquet").read_bytes() == b"an older result"
    assert [row["row_number"] for row in rows_of(tmp_path / "quarantine" / "out.parquet")] == [98, 99, 100]
    assert bring(rows, max_bad_share=0.03).kept == 97


def test_a_file_without_one_good_row_is_refused_at_any_share(bring: Any, tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="2 of 2 rows are bad.*no good row is left"):
        bring([{**GOOD, "clicks": 11}, {**GOOD, "clicks": 12}])
    assert not (tmp_path / "out.parquet").exists()


def test_a_clean_file_leaves_no_older_quarantine_behind(bring: Any, tmp_path: Path) -> None:
    bring([GOOD, {**GOOD, "clicks": 11}])
    assert (tmp_path / "quarantine" / "out.parquet").exists()
    assert bring([GOOD]).quarantine is None
    assert not (tmp_path / "quarantine" / "out.parquet").exists()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_missing_column_names_the_mapping(bring: Any) -> None:
    with pytest.raises(BadTable, match=r"table clicks needs column item_id; seen: .*--map item_id=YOUR_NAME"):
        bring([{"itemid": "a", "keyphrase": "k", "impressions": 1, "clicks": 1}])


def test_mapping_to_a_column_the_file_lacks(bring: Any) -> None:
    with pytest.raises(
        BadTable, match="column 'skuu', mapped to item_id, is not in the file.*did you mean sku"
    ):
        bring([{"sku": "a", "keyphrase": "k", "impressions": 1, "clicks": 1}], columns={"item_id": "skuu"})


def test_mapping_of_a_column_the_table_lacks(bring: Any) -> None:
    with pytest.raises(
        BadTable, match="'item' , which|'item', which table clicks does not have.*did you mean item_id"
    ):
        bring([GOOD], columns={"item": "sku"})


def test_hostile_column_names_are_only_names(bring: Any) -> None:
    name = 'x"; DROP TABLE bad; --'
    rows = [{name: "a", "keyphrase": "k", "impressions": 1, "clicks": 1}]
    assert rows_of(bring(rows, columns={"item_id": name}).out)[0]["item_id"] == "a"


def test_share_outside_its_range(bring: Any) -> None:
    with pytest.raises(BadConfig, match="max_bad_share is 2: allowed is 0 to 1"):
        bring([GOOD], max_bad_share=2)


def test_parquet_with_other_types_is_cast_or_quarantined(tmp_path: Path) -> None:
    table = pa.table(
        {
            "item_id": pa.array([101.0, 102.0, 103.0, 104.0]),
            "keyphrase": pa.array(["k"] * 4).dictionary_encode(),
            "impressions": pa.array(["3", "4 ", "x", "5"]),
            "clicks": pa.array([1.0, 2.0, 3.0, 1.5]),
            "sales": pa.array([True, False, False, False]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    result = take_in(tmp_path / "in.parquet", tables.CLICKS, tmp_path / "out.parquet", max_bad_share=1)
    assert bad_rows(result) == [(3, "impressions is not of type int64"), (4, "clicks is not of type int64")]
    kept = [(row["item_id"], row["impressions"], row["clicks"], row["sales"]) for row in rows_of(result.out)]
    assert kept == [("101", 3, 1, 1), ("102", 4, 2, 0)]


def test_booleans_from_words_numbers_and_nonsense(tmp_path: Path) -> None:
    values = ["true", "0", "maybe", None]
    table = pa.table({"item_id": list("abcd"), "keyphrase": ["k"] * 4, "passed": values})
    pq.write_table(table, tmp_path / "in.parquet")
    result = take_in(tmp_path / "in.parquet", tables.SEARCH, tmp_path / "s.parquet", max_bad_share=1)
    assert bad_rows(result) == [(3, "passed is not of type bool"), (4, "passed is null")]
    pq.write_table(table.set_column(2, "passed", pa.array([0, 1, 2, None])), tmp_path / "in.parquet")
    result = take_in(tmp_path / "in.parquet", tables.SEARCH, tmp_path / "s.parquet", max_bad_share=1)
    assert bad_rows(result) == [(3, "passed is not of type bool"), (4, "passed is null")]
    assert [row["passed"] for row in rows_of(result.out)] == [False, True]


def test_gzip_reads_like_plain(tmp_path: Path) -> None:
    for ending, writer in (("csv", write_csv), ("jsonl", write_jsonl)):
        plain = writer(tmp_path / f"p.{ending}", [GOOD, {**GOOD, "item_id": "i2", "clicks": 11}])
        packed = tmp_path / f"p.{ending}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        result = take_in(packed, tables.CLICKS, tmp_path / "out.parquet", max_bad_share=1)
        assert (result.kept, bad_rows(result)) == (1, [(2, "clicks exceed impressions")])
