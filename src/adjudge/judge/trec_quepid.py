"""TREC qrels and Quepid ratings of a judgments table, for `adjudge export`: every id is checked."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adjudge import tables
from adjudge.errors import BadConfig, BadTable, did_you_mean
from adjudge.records import Scale
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file, write_text
from adjudge.storage.views import create_view
from adjudge.text.blank import blank_sql

FORMATS = ("qrels", "quepid")
IDS = ("escape", "refuse")
SAFE = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What an escaped id keeps as it is, beside letters and digits: all of ASCII but blanks and `%`."""
CHUNK = 8_192
_ROWS = "SELECT keyphrase, item_id, grade, status FROM judged"
_TWICE = "SELECT item_id, keyphrase FROM judged GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
_UNKNOWN = "SELECT DISTINCT grade FROM judged WHERE grade IS NOT NULL ORDER BY 1"
_EMPTY = f"SELECT count(*) FROM judged WHERE {blank_sql('item_id')} OR {blank_sql('keyphrase')}"


@dataclass(frozen=True)
class ExportWritten:
    """rows written; unscored: left out; queries: distinct keyphrases; escaped: rows whose item id was
    escaped."""

    rows: int
    unscored: int
    queries: int
    escaped: int = 0


def grade_numbers(scale: Scale, wanted: Mapping[str, int] | None = None) -> dict[str, int]:
    """The number that each grade becomes: its step on the scale (worst 0), or what is given, which must rise.

    >>> from adjudge.records import FOUR
    >>> grade_numbers(FOUR)
    {'bad': 0, 'fair': 1, 'good': 2, 'excellent': 3}
    """
    steps = {grade: step for step, grade in enumerate(scale.grades)}
    if not wanted:
        return steps
    for grade in wanted:
        if grade not in steps:
            raise BadConfig(
                f"grades names {grade!r}: allowed are {', '.join(steps)}{did_you_mean(grade, steps)}"
            )
    missing = [grade for grade in steps if grade not in wanted]
    if missing:
        raise BadConfig(f"grades gives no number for {', '.join(missing)}: name each grade of {scale.name}")
    chosen = {grade: wanted[grade] for grade in steps}
    falls = [
        grade for grade, after in zip(steps, list(steps)[1:], strict=False) if chosen[after] < chosen[grade]
    ]
    if falls:
        raise BadConfig(f"grades are {chosen}: a better grade may not have a smaller number than {falls[0]}")
    return chosen


def escaped(item_id: str) -> str:
    """An id without blanks, each blank, `%` and letter beyond ASCII as %XX of its UTF-8;
    `urllib.parse.unquote` undoes it.

    >>> escaped("b c%"), escaped("v1|110-2")
    ('b%20c%25', 'v1|110-2')
    """
    return quote(item_id, safe=SAFE)


@contextmanager
def _opened(judgments: Path, judge: str | None, numbers: Mapping[str, int]) -> Iterator[Any]:
    """A DuckDB connection whose view `judged` is one judge's rows, checked."""
    import duckdb

    with in_memory(f"{judgments} cannot be read as a judgments table: {{}}", memory="2GB") as db:
        create_view(db, "judgments", tables.JUDGMENTS, judgments)
        table = db.view("judgments")
        name = duckdb.ConstantExpression(_judge(table, judgments, judge))
        table.filter(duckdb.ColumnExpression("judge") == name).create_view("judged")
        _check(db, judgments, numbers)
        yield db


def _judge(table: Any, judgments: Path, judge: str | None) -> str:
    judges = sorted(row[0] for row in table.unique("judge").fetchall() if row[0] is not None)
    if not judges:
        raise BadTable(f"{judgments} holds no judgment: judge pairs with: adjudge judge")
    if judge is None and len(judges) > 1:
        raise BadConfig(f"{judgments} holds judges {', '.join(judges)}: say which one with --judge NAME")
    if judge is not None and judge not in judges:
        raise BadConfig(
            f"judge {judge!r} is not in {judgments}: allowed are "
            f"{', '.join(judges)}{did_you_mean(judge, judges)}"
        )
    return judge or str(judges[0])


def _check(db: Any, judgments: Path, wanted: Mapping[str, int]) -> None:
    """Grades of another scale, pairs that occur twice and empty ids are refused."""
    for (grade,) in db.execute(_UNKNOWN).fetchall():
        if grade not in wanted:
            raise BadConfig(
                f"{judgments}: grade {grade!r} is not on the scale: allowed are {', '.join(wanted)}"
                f"{did_you_mean(grade, wanted)}; name its scale with --scale"
            )
    twice = db.execute(_TWICE).fetchone()
    if twice is not None:
        raise BadTable(
            f"{judgments}: the pair {twice[0]!r}, {twice[1]!r} occurs twice, allowed is once per judge: "
            "bring it in with: adjudge import table"
        )
    empty = db.execute(_EMPTY).fetchone()[0]
    if empty:
        raise BadTable(f"{judgments}: {empty:,} rows have an empty item_id or keyphrase; fill or drop them")


def _rows(db: Any, wanted: Mapping[str, int]) -> Iterator[tuple[str, str, int | None]]:
    """(keyphrase, item_id, number) in the table's order; None if unscored."""
    cursor = db.execute(_ROWS)
    while rows := cursor.fetchmany(CHUNK):
        for keyphrase, item_id, grade, status in rows:
            scored = grade is not None and status == "scored"
            yield keyphrase, item_id, wanted[grade] if scored else None


def write_qrels(
    judgments: Path, wanted: Mapping[str, int], out: Path, judge: str | None = None, ids: str = "escape"
) -> ExportWritten:
    """TREC qrels, `topic 0 document grade`. wanted: the grades' `numbers`. Raises BadTable, BadConfig.

    Topics are numbered from 1 in order of first appearance, as keyphrases hold blanks; `out` + `.topics.tsv`
    says which is which, with backslash, tab and line break as \\\\, \\t, \\n. Blanks in item ids, which the
    format cannot hold, are `escaped` or refused.
    """
    topics: dict[str, int] = {}
    rows = unscored = changed = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        _opened(judgments, judge, wanted) as db,
        fresh_file(out) as part,
        part.open("w", encoding="utf-8") as qrels,
    ):
        for keyphrase, item_id, number in _rows(db, wanted):
            if number is None:
                unscored += 1
                continue
            name = escaped(item_id)
            if name != item_id:
                if ids == "refuse":
                    raise BadTable(
                        f"{judgments}: item_id {item_id!r} has a blank, a % or letters beyond ASCII, which "
                        "TREC qrels cannot hold safely; rename it, or let ids be escaped with --set "
                        "ids=escape"
                    )
                changed += 1
            topic = topics.setdefault(keyphrase, len(topics) + 1)
            qrels.write(f"{topic} 0 {name} {number}\n")
            rows += 1
    names = (f"{number}\t{_line(keyphrase)}\n" for keyphrase, number in topics.items())
    write_text(out.with_name(out.name + ".topics.tsv"), "".join(names))
    return ExportWritten(rows, unscored, len(topics), changed)


def _line(text: str) -> str:
    """A text on one line of a TSV file, reversibly."""
    for character, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, written)
    return text


def write_quepid(
    judgments: Path, wanted: Mapping[str, int], out: Path, judge: str | None = None
) -> ExportWritten:
    """Quepid's ratings file: CSV in UTF-8, header `query,docid,rating`. wanted: the grades' `numbers`."""
    queries: set[str] = set()
    rows = unscored = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        _opened(judgments, judge, wanted) as db,
        fresh_file(out) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(("query", "docid", "rating"))
        for row in _rows(db, wanted):
            if row[2] is None:
                unscored += 1
                continue
            writer.writerow(row)
            queries.add(row[0])
            rows += 1
    return ExportWritten(rows, unscored, len(queries))
