"""Files that are broken as files: lines that are no rows, bytes that are no text, ends that are missing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.intake import lines, reading
from adjudge.intake.intake import Intake, take_in

HEADER = b"item_id,keyphrase,impressions,clicks\n"


def rows_of(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return pq.read_table(path).to_pylist()


def bring(tmp_path: Path, name: str, data: bytes, share: float = 1.0) -> Intake:
    source = tmp_path / name
    source.write_bytes(data)
    return take_in(source, tables.CLICKS, tmp_path / "out.parquet", max_bad_share=share)


def pairs(result: Intake) -> list[str]:
    return [row["item_id"] for row in rows_of(result.out)]


def test_csv_lines_that_are_no_rows_cost_only_themselves(tmp_path: Path) -> None:
    data = HEADER + (
        b"a,one,2,1\n"
        b"b,bad \xff byte,2,1\n"
        b"c,too,many,2,1\n"
        b"d,few\n"
        b'e,"never closed,2,1\n'
        b"f,lives,2,1\n"
        b"\n"
        b'g,"closed"badly,2,1\n'
        b'h,"two\nlines, one value",2,1\n'
        b'i,"said ""hi""",2,1\n'
        b'j,12" wheel,2,1\n'
        b"k,last,2,1"
    )
    result = bring(tmp_path, "in.csv", data)
    found = [(row["row_number"], row["reason"], row["raw"]) for row in rows_of(result.quarantine)]
    assert found == [
        (2, "broken UTF-8", "b,bad \\xff byte,2,1"),
        (3, "malformed CSV: wrong number of fields", "c,too,many,2,1"),
        (4, "malformed CSV: wrong number of fields", "d,few"),
        (5, "malformed CSV: broken quotes", 'e,"never closed,2,1'),
        (7, "malformed CSV: broken quotes", 'g,"closed"badly,2,1'),
    ]
    assert pairs(result) == ["a", "f", "h", "i", "j", "k"]
    assert [row["keyphrase"] for row in rows_of(result.out)][2:5] == [
        "two\nlines, one value",
        'said "hi"',
        '12" wheel',
    ]
    assert result.rows == 11


def test_an_open_quote_does_not_swallow_the_rest_of_the_file(tmp_path: Path) -> None:
    body = b"".join(b"i%d,k%d,2,1\n" % (n, n) for n in range(20_000))
    result = bring(tmp_path, "in.csv", HEADER + b'x,"open,2,1\n' + body, share=0.001)
    assert (result.rows, result.kept, result.reasons) == (20_001, 20_000, {"malformed CSV: broken quotes": 1})


def test_a_csv_of_one_column_has_no_rows_in_its_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_bytes(b"keyphrase\nlamp\n\nlamp\nshoe\n")
    result = take_in(tmp_path / "k.csv", tables.KEYPHRASES, tmp_path / "out.parquet", max_bad_share=1)
    assert [row["keyphrase"] for row in rows_of(result.out)] == ["lamp", "shoe"]
    assert [row["row_number"] for row in rows_of(result.quarantine)] == [2]


def test_json_lines_keep_their_numbers_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK", 100)
    good = [b'{"item_id":"i%d","keyphrase":"k","impressions":2,"clicks":1}' % n for n in range(60)]
    good[10], good[20], good[30] = b"", b"{", b'{"item_id":"\xff"}'
    good[40] += b'\n{"item_id":"long","keyphrase":"' + b"k" * 500 + b'","impressions":2,"clicks":1}'
    result = bring(tmp_path, "in.jsonl", b"\r\n".join(good))
    found = [(row["row_number"], row["reason"], row["raw"]) for row in rows_of(result.quarantine)]
    assert found == [(21, "malformed JSON", "{"), (31, "broken UTF-8", '{"item_id":"\\xff"}')]
    numbers = [n for n in range(60) if n not in (10, 20, 30)]
    assert pairs(result) == [f"i{n}" for n in numbers[:38]] + ["long"] + [f"i{n}" for n in numbers[38:]]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 100)
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    with pytest.raises(BadTable, match="a line of more than .* MiB; a table has one row per line"):
        bring(tmp_path, "in.jsonl", b'{"item_id": "' + b"x" * 5000)


def test_rows_keep_their_order_over_many_row_groups(tmp_path: Path) -> None:
    """300,000 rows of a CSV and of the Parquet made from it; a repeated key at the end makes the write
    sort."""
    ids = [n * 7919 % 300_007 for n in range(300_000)]
    body = b"".join(b"i%d,some phrase,2,1\n" % n for n in [*ids, ids[0]])
    result = bring(tmp_path, "in.csv", HEADER + body)
    expected = [f"i{n}" for n in ids]
    assert pairs(result) == expected
    again = take_in(result.out, tables.CLICKS, tmp_path / "again.parquet")
    assert pairs(again) == expected
    assert [row["row_number"] for row in rows_of(result.quarantine)] == [300_001]


def test_line_ends_may_be_mixed_and_a_byte_order_mark_is_no_name(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n") + b"a,k,2,1\nb,k,2,1\r\n"
    assert pairs(bring(tmp_path, "in.csv", data)) == ["a", "b"]


@pytest.mark.parametrize("mark", [b"\t", b";", b"|"])
def test_other_delimiters_are_found_in_the_header(tmp_path: Path, mark: bytes) -> None:
    data = (HEADER + b"a,red shoe,2,1\n").replace(b",", mark)
    assert pairs(bring(tmp_path, "in.tsv", data)) == ["a"]


def test_json_lines_that_are_no_objects(tmp_path: Path) -> None:
    good = json.dumps({"item_id": "a", "keyphrase": "k", "impressions": 2, "clicks": 1}).encode()
    data = b"\n".join(
        [good, b'{"item_id": "b", "keyph', b"[1, 2]", b"", b'"text"', good.replace(b'"k"', b'"\xff"'), good]
    )
    result = bring(tmp_path, "in.ndjson", data)
    found = [(row["row_number"], row["reason"], row["raw"]) for row in rows_of(result.quarantine)]
    assert found == [
        (2, "malformed JSON", '{"item_id": "b", "keyph'),
        (3, "malformed JSON", "[1, 2]"),
        (5, "malformed JSON", '"text"'),
        (6, "broken UTF-8", good.decode().replace('"k"', '"\\xff"')),
        (7, "duplicate key (item_id, keyphrase, position)", good.decode()),
    ]
    assert pairs(result) == ["a"]


def test_nested_json_is_reached_by_a_dotted_name(tmp_path: Path) -> None:
    line = {"item": {"id": 7}, "keyphrase": "k", "impressions": 2, "clicks.all": 1}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    names = {"item_id": "item.id", "clicks": "clicks.all"}
    result = take_in(tmp_path / "in.jsonl", tables.CLICKS, tmp_path / "out.parquet", names)
    assert (rows_of(result.out)[0]["item_id"], rows_of(result.out)[0]["clicks"]) == ("7", 1)


def parquet_bytes(tmp_path: Path) -> bytes:
    count = 50_000
    table = pa.table(
        {
            "item_id": [f"i{n * 7919 % 99991}" for n in range(count)],
            "keyphrase": ["k"] * count,
            "impressions": [2] * count,
            "clicks": [1] * count,
        }
    )
    pq.write_table(table, tmp_path / "whole.parquet", row_group_size=5000)
    return (tmp_path / "whole.parquet").read_bytes()


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    data = parquet_bytes(tmp_path)
    with pytest.raises(
        BadTable,
        match=r"in\.parquet cannot be read to its end.*truncated or corrupt.*Copy or export it again",
    ):
        bring(tmp_path, "in.parquet", data[: len(data) // 2])
    assert not (tmp_path / "out.parquet").exists()


def test_parquet_with_damaged_pages_is_refused(tmp_path: Path) -> None:
    data = bytearray(parquet_bytes(tmp_path))
    data[2000:6000] = bytes(4000)
    with pytest.raises(BadTable, match="cannot be read to its end"):
        bring(tmp_path, "in.parquet", bytes(data))
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz"])
def test_a_gzip_cut_short_is_refused(tmp_path: Path, ending: str) -> None:
    if ending == "csv.gz":
        plain = HEADER + b"".join(b"i%d,k,2,1\n" % n for n in range(30_000))
    else:
        plain = b"".join(
            b'{"item_id":"i%d","keyphrase":"k","impressions":2,"clicks":1}\n' % n for n in range(30_000)
        )
    packed = gzip.compress(plain)
    for data in (packed[: len(packed) // 2], packed[:-4], packed[:500] + b"\0" * 300 + packed[800:]):
        with pytest.raises(BadTable, match="damaged gzip file.*cut short.*gzip -t"):
            bring(tmp_path, f"in.{ending}", data)
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("in.csv", b"", r"in\.csv is empty \(0 bytes\)"),
        ("in.csv", HEADER, "in.csv has no rows; table clicks needs at least one"),
        ("in.csv", b"\n" + HEADER, "no header line"),
        ("in.csv", HEADER.decode().encode("utf-16"), "is UTF-16; allowed is UTF-8.*iconv"),
        ("in.csv", b"item_id,item_id,keyphrase,impressions,clicks\na,a,k,1,1\n", "names item_id twice"),
        ("in.jsonl", b"\n\n", "in.jsonl has no rows"),
        (
            "in.jsonl",
            b'{"keyphrase": "k", "impressions": 1, "clicks": 1}\n',
            "needs column item_id; seen: clicks",
        ),
        ("in.xlsx", b"PK", r"ends in \.xlsx; allowed are \.parquet"),
        ("in.parquet", b"", "is empty"),
    ],
)
def test_files_with_nothing_to_read(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(BadTable, match=message):
        bring(tmp_path, name, data)


def test_parquet_without_rows(tmp_path: Path) -> None:
    empty = pa.table({name: pa.array([], pa.string()) for name in tables.CLICKS.required})
    pq.write_table(empty, tmp_path / "none.parquet")
    with pytest.raises(BadTable, match="has no rows"):
        take_in(tmp_path / "none.parquet", tables.CLICKS, tmp_path / "out.parquet")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="does not exist"):
        take_in(tmp_path / "absent.csv", tables.CLICKS, tmp_path / "out.parquet")
    with pytest.raises(BadTable, match="is a folder"):
        take_in(tmp_path, tables.CLICKS, tmp_path / "out.parquet")


FIELD = st.text(st.sampled_from('ab "\n,é'), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=6))
def test_both_csv_readers_agree_on_well_formed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[tuple[str, str]]
) -> None:
    """The fast reader and the careful one give the same rows where nothing is broken."""
    quoted = ['"' + text.replace('"', '""') + '"' for pair in values for text in pair]
    body = "".join(f"{quoted[2 * n]},{quoted[2 * n + 1]},{n + 5},1\n" for n in range(len(values)))
    data = HEADER + body.encode()
    answers = []
    for fast in (True, False):
        with monkeypatch.context() as patch:
            if not fast:
                patch.setattr(reading, "_fast_csv", lambda *_: False)
            try:
                result = bring(tmp_path, "in.csv", data)
                answers.append((rows_of(result.out), result.reasons))
            except BadTable as error:
                answers.append(([], {str(error): 1}))
    assert answers[0] == answers[1]


def test_parquet_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    """A binary column is read as text, its broken rows quarantined; a text column that lies is refused as
    corrupt."""
    rest = {"keyphrase": ["k", "k"], "impressions": [2, 2], "clicks": [1, 1]}
    values = [b"a", b"\xff\xfe"]
    pq.write_table(pa.table({"item_id": pa.array(values, pa.binary()), **rest}), tmp_path / "in.parquet")
    result = take_in(tmp_path / "in.parquet", tables.CLICKS, tmp_path / "out.parquet", max_bad_share=1)
    found = [(row["row_number"], row["reason"]) for row in rows_of(result.quarantine)]
    assert (pairs(result), found) == (["a"], [(2, "item_id is not of type string")])
    lying = pa.array(values, pa.binary()).view(pa.string())
    pq.write_table(pa.table({"item_id": lying, **rest}), tmp_path / "in.parquet")
    with pytest.raises(BadTable, match="cannot be read to its end"):
        take_in(tmp_path / "in.parquet", tables.CLICKS, tmp_path / "other.parquet", max_bad_share=1)
