"""Crash-safe logging of answers: the write-ahead file beside the log against SQLite's own WAL, one commit per
answer.

    python bench/judge_log.py [--answers 20000] [--rounds 5]

Both promise the same: an answer survives a `kill -9` from the moment `put` returns. One JSON object per line:
microseconds of processor time and of wall time per answer in the asking thread, and wall time until all is
committed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from adjudge.judge.log import PUT_ANSWER, PUT_VERDICT, LogEntry, LogRecord, VerdictLog
from adjudge.judge.log import _connect as connect
from adjudge.judge.log import _row as row_of
from adjudge.judge.verdict import Verdict
from adjudge.llm.contract import Answer


def records(number: int) -> list[LogRecord]:
    tops = tuple((word, -0.1 * n) for n, word in enumerate(("yes", " yes", "no", "the")))
    answer = Answer("yes", "stop", (("yes", tops),), 320, 1, "stub@")
    entry = LogEntry(Verdict("relevant", None, 0.83, 0.83, 0.97), 1, 321, 0.0001)
    return [LogRecord(n.to_bytes(16, "big"), entry, answer) for n in range(number)]


def write_ahead(home: Path, rows: list[LogRecord]) -> tuple[float, float, float]:
    with VerdictLog(home / "ours.sqlite", {"model": "m"}) as log:
        began, spent = time.perf_counter(), time.thread_time()
        for record in rows:
            log.put(record)
        asked, cpu = time.perf_counter() - began, time.thread_time() - spent
        log.flush()
        return asked, cpu, time.perf_counter() - began


def sqlite_wal(home: Path, rows: list[LogRecord]) -> tuple[float, float, float]:
    with VerdictLog(home / "wal.sqlite", {"model": "m"}):
        pass  # makes the tables
    connection: sqlite3.Connection = connect(home / "wal.sqlite")
    one = [PUT_ANSWER.format(rows="(?, ?, ?, ?, ?)"), PUT_VERDICT.format(rows=f"({', '.join('?' * 10)})")]
    began, spent = time.perf_counter(), time.thread_time()
    for record in rows:
        row = row_of(record)
        with connection:
            connection.execute(one[0], (1, row[0], row[6], row[9], row[10]))
            connection.execute(one[1], (1, *row[:9]))
    wall, cpu = time.perf_counter() - began, time.thread_time() - spent
    connection.close()
    return wall, cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = records(options.answers)
    medians: dict[str, Any] = {}
    for name, work in (("write-ahead file", write_ahead), ("SQLite WAL, a commit per answer", sqlite_wal)):
        figures = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as home:
                figures.append([seconds / len(rows) * 1e6 for seconds in work(Path(home), rows)])
        wall, cpu, whole = (round(statistics.median(column), 1) for column in zip(*figures, strict=True))
        medians[name] = wall
        print(json.dumps({"what": name, "wall_us": wall, "cpu_us": cpu, "until_committed_us": whole}))
    ours, theirs = medians.values()
    print(json.dumps({"what": "ratio of wall time", "sqlite_over_file": round(theirs / ours, 2)}))


if __name__ == "__main__":
    main()
