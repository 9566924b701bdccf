"""How fast a click log is taken in, and in how much memory.

    python bench/intake.py                       # 5 million rows, Parquet and CSV -> bench/results/intake.md
    python bench/intake.py --rows 25000000 --formats parquet --table -   # print only

Each format runs in a process of its own, so that the peak memory is its own. One row in a thousand is bad
(clicks exceed impressions) and one in a thousand repeats a key, so that every step has work to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "intake.md"
MAKE = """SELECT 'item' || (i * 7919 % 1000003) AS item_id, 'phrase ' || (i // 9) || ' of some words' AS
    keyphrase,
    1 + i % 10 AS position, 100 + i % 50 AS impressions,
    CASE WHEN i % 1000 = 7 THEN 500 ELSE i % 7 END AS clicks, 0 AS sales, 0.0 AS revenue
    FROM (SELECT CASE WHEN n % 1000 = 3 THEN n - 1 ELSE n END AS i FROM range({rows:d}) t(n))"""
KINDS = {"parquet": "parquet", "csv": "csv", "jsonl": "json"}


def one(source: Path, rows: int) -> dict[str, float]:
    """Take one file in; called in a process of its own."""
    from adjudge import tables
    from adjudge.intake.intake import take_in

    began = time.perf_counter()
    result = take_in(source, tables.CLICKS, source.with_name("out.parquet"), max_bad_share=0.01)
    seconds = time.perf_counter() - began
    if result.rows != rows or not result.quarantined:
        raise SystemExit(f"expected {rows} rows with some bad ones, got {result}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "quarantined": result.quarantined,
    }


def measure(rows: int, kind: str, scratch: Path) -> dict[str, float]:
    import duckdb

    source = scratch / f"clicks.{kind}"
    duckdb.connect().sql(MAKE.format(rows=rows)).write_parquet(str(scratch / "made.parquet"))
    if kind == "parquet":
        (scratch / "made.parquet").rename(source)
    else:
        with duckdb.connect() as con:
            con.execute(f"COPY (FROM '{scratch / 'made.parquet'}') TO '{source}' (FORMAT {KINDS[kind]})")
    size = source.stat().st_size / 2**20
    command = [sys.executable, __file__, "--one", str(source), "--rows", str(rows)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    source.unlink()
    return {**answer, "size_mb": size}


def line(kind: str, rows: int, found: dict[str, float]) -> str:
    return (
        f"| {kind} | {rows:,} | {found['size_mb']:,.0f} | {found['seconds']:.1f} | "
        f"{rows / found['seconds']:,.0f} "
        f"| {found['cpu']:.1f} | {found['peak_mb']:,.0f} | {found['quarantined']:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--formats", default="parquet,csv")
    parser.add_argument("--table", default=str(RESULTS), help="the results file to write; - prints only")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(Path(options.one), options.rows)))
        return
    lines = []
    for kind in options.formats.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(options.rows, kind, Path(scratch))
        lines.append(line(kind, options.rows, found))
        print(lines[-1], flush=True)
    if options.table != "-":
        write(Path(options.table), options, lines)


def write(path: Path, options: argparse.Namespace, lines: list[str]) -> None:
    head = [
        "# Intake",
        "",
        f"`python bench/intake.py --rows {options.rows} --formats {options.formats}`",
        f"({os.cpu_count()} cores; load {os.getloadavg()[0]:.1f} at the end: other work shared them, so CPU "
        f"seconds say more).",
        "",
        "| format | rows | file MiB | seconds | rows/s | CPU s | peak MiB | quarantined |",
        "|---|---|---|---|---|---|---|---|",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(head + lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
