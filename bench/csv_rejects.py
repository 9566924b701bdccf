"""DuckDB's rejects table beside the careful line reader of `intake.lines`, on damaged CSV: rows kept, lost,
and speed.

    python bench/csv_rejects.py                  # -> bench/results/csv_rejects.md
    python bench/csv_rejects.py --rows 200000 --table -

Every damage is put into an otherwise sound file at one place, so that what a reader keeps, rejects and loses
can be counted. A reader is right if it keeps every sound row as it was written and rejects the damaged lines
alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.intake import lines
from adjudge.storage.duck import in_memory

RESULTS = Path(__file__).parent / "results" / "csv_rejects.md"
HEADER = b"item_id,keyphrase,impressions,clicks\n"
DAMAGE = {
    "nothing": b"",
    "broken UTF-8": b"bad,bad \xff byte,2,1\n",
    "one field more": b"bad,too,many,2,1\n",
    "two fields fewer": b"bad,few\n",
    "a quote that is never closed": b'bad,"never closed,2,1\n',
    "a quote closed inside a value": b'bad,"closed"badly,2,1\n',
    "never closed, no quote after it": b'bad,"never closed,2,1\n',
    "all of these": b'bad,bad \xff byte,2,1\nbad,too,many,2,1\nbad,few\nbad,"never closed,2,1\n'
    b'bad,"closed"badly,2,1\n',
}
SOUND = (b'quoted,"two\nlines, one value",2,1\n', b'quoted,"said ""hi""",2,1\n', b'inch,12" wheel,2,1\n')
Rows = list[tuple[str, ...]]


def write_file(path: Path, rows: int, damage: bytes, quotes_first: bool) -> int:
    """Write a file with the damage in its middle, before or after rows with quotes; gives the number of sound
    rows."""
    body = [b"i%d,some phrase %d,2,1\n" % (n, n % 7919) for n in range(rows)]
    half = rows // 2
    path.write_bytes(
        HEADER
        + b"".join(
            [
                *body[:half],
                *(SOUND if quotes_first else ()),
                damage,
                *(() if quotes_first else SOUND),
                *body[half:],
            ]
        )
    )
    return rows + len(SOUND)


def read_with_rejects(path: Path, folder: Path) -> tuple[Rows, int]:
    """Rows that DuckDB reads with `store_rejects`, and the lines in its rejects table."""
    staged = folder / "duckdb.parquet"
    with in_memory("{}") as db:
        columns = dict.fromkeys(("item_id", "keyphrase", "impressions", "clicks"), "VARCHAR")
        db.execute(
            f"""COPY (SELECT * FROM read_csv(?, columns = {columns}, auto_detect = false, header = true,
                delim = ',', quote = '"', escape = '"', strict_mode = true, store_rejects = true,
                rejects_limit = 0)) TO '{staged}' (FORMAT parquet)""",
            [str(path)],
        )
        count = db.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone() or (0,)
    return list(zip(*pq.read_table(staged).to_pydict().values(), strict=True)), int(count[0])


def read_with_lines(path: Path, folder: Path) -> tuple[Rows, int]:
    """Rows that the careful reader keeps, and those it rejects."""
    header = lines.read_header(path, ["item_id"])
    staging = lines.stage_csv(path, folder, header, lambda rows: None)
    columns = pq.read_table(staging.rows_path).drop_columns(["row"]).to_pydict().values()
    return list(zip(*columns, strict=True)), staging.rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--table", default=str(RESULTS), help="the results file to write; - prints only")
    options = parser.parse_args()
    report = [
        "# DuckDB's rejects table beside the careful line reader",
        "",
        f"`python bench/csv_rejects.py --rows {options.rows}`, DuckDB {duckdb.__version__}",
        "",
        "| damage in the middle | reader | sound rows | kept as written | lost or changed "
        "| rejected lines | of which bad | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, damage in DAMAGE.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            sound = write_file(folder / "in.csv", options.rows, damage, "no quote" in what)
            wanted = {(f"i{n}", f"some phrase {n % 7919}", "2", "1") for n in range(options.rows)} | {
                ("quoted", "two\nlines, one value", "2", "1"),
                ("quoted", 'said "hi"', "2", "1"),
                ("inch", '12" wheel', "2", "1"),
            }
            for name, read in (("store_rejects", read_with_rejects), ("lines.py", read_with_lines)):
                began = time.perf_counter()
                try:
                    rows, rejected = read(folder / "in.csv", folder)
                except BadTable as error:
                    report.append(f"| {what} | {name} | {sound:,} | refused: {str(error).splitlines()[0]} |")
                    print(report[-1], flush=True)
                    continue
                seconds = time.perf_counter() - began
                kept = len(wanted & set(rows))
                report.append(
                    f"| {what} | {name} | {sound:,} | {kept:,} | {sound - kept:,} | {rejected:,} "
                    f"| {damage.count(10)} | {seconds:.1f} |"
                )
                print(report[-1], flush=True)
    if options.table != "-":
        Path(options.table).write_text("\n".join(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
