"""How long a diff takes to merge into a served table, in how much memory, and how many bytes it rewrites.

    python bench/merge.py --rows 100000000              # -> bench/results/merge.md
    python bench/merge.py --rows 10000000 --table -     # print only

    python bench/merge.py --rows 100000000 --direct     # without merging the full run

A full run of `--rows` pairs (200 keyphrases an item) is merged into a new table, then a diff of 5 % (all
pairs of one item in 20, and one deletion in 20 items), then one of 0.01 % (near-real-time). Each merge is a
process of its own, so that its peak memory is its own.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "merge.md"
EACH, PART, MODEL = 200, 5_000_000, "0" * 12
START = datetime(2026, 11, 1, tzinfo=UTC)
# A pair's row number i gives all of it; `step` takes one item in so many, `day` changes its scores.
ROWS = """
SELECT 'item-' || (100000000 + i // $each) AS item_id,
  'brand' || (hash(i) % 977) || ' thing ' || (i % $each) || ' in colour ' || (hash(i + 5) % 31) AS keyphrase,
  (hash(i + 7 * $day) % 1000003) / 1000003.0 AS score
FROM (SELECT (n // $each) * $each * $step + n % $each AS i FROM range($from, $to) t(n))
"""
# What a full run of day 1 leaves in a bucket, without the run itself (--direct).
BUCKET = """
WITH items AS (
  SELECT n, 'item-' || (100000000 + n) AS item_id FROM range($items) t(n) WHERE hash(item_id) % $buckets =
  $bucket)
SELECT item_id, 'brand' || (hash(i) % 977) || ' thing ' || (i % $each) || ' in colour ' || (hash(i + 5) % 31)
AS keyphrase,
  (hash(i + 7) % 1000003) / 1000003.0 AS score
FROM (SELECT item_id, n * $each + k AS i FROM items, range($each) r(k)) ORDER BY item_id, keyphrase
"""
GONE = """
SELECT 'item-' || (100000000 + n * $step + 1) AS item_id, NULL::VARCHAR AS keyphrase FROM range($items) t(n)
"""


def write_run(folder: Path, name: str, day: int, rows: int, step: int) -> Path:
    """A run as `adjudge score` writes it: parts and `_SUCCESS`."""
    import duckdb
    import pyarrow.parquet as pq

    from adjudge.engines.output import Success, write_success
    from adjudge.engines.stamp import Stamp, iso, stamped
    from adjudge.scoring.rows import SCORES_SCHEMA

    at = START + timedelta(days=day)
    stamp = Stamp(name, MODEL, 0.5, iso(at))
    schema = stamped(SCORES_SCHEMA, stamp)
    out = folder / name
    out.mkdir(parents=True)
    files = []
    with duckdb.connect(config={"memory_limit": "1GB"}) as db:
        for first in range(0, rows, PART):
            asked = {"each": EACH, "day": day, "step": step, "from": first, "to": min(first + PART, rows)}
            files.append(f"part-{len(files):06d}.parquet")
            with pq.ParquetWriter(out / files[-1], schema, compression="zstd") as writer:
                for batch in db.sql(ROWS, params=asked).to_arrow_reader(131_072):
                    writer.write_batch(completed(batch, at, schema))
        asked = {"step": step, "items": rows // EACH // 20}
        db.sql(GONE, params=asked).write_parquet(str(folder / f"{name}.gone.parquet"))
    write_success(out, Success(stamp, "bench", rows, 0, 0, {}, tuple(files)))
    return out


def completed(batch, at: datetime, schema):  # type: ignore[no-untyped-def]
    """item_id, keyphrase and score, with the other columns of a run at one time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    score = batch["score"].cast(pa.float64())
    kept = pc.greater_equal(score, 0.5)
    model = pa.repeat(pa.scalar(MODEL), len(batch))
    time_ = pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), len(batch))
    columns = [batch["item_id"], batch["keyphrase"], score, kept, model, time_]
    return pa.record_batch(columns, schema=schema)


def write_table(table: Path, rows: int) -> None:
    """The table that a full run of `rows` pairs would leave, written bucket by bucket."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    from adjudge.engines.stamp import iso
    from adjudge.scoring.rows import SCORES_SCHEMA
    from adjudge.served import build
    from adjudge.served import table as tables

    at = START + timedelta(days=1)
    buckets = 1 << (rows // 400_000).bit_length()
    with tables.alone(table), duckdb.connect(config={"memory_limit": "2GB"}) as db:
        building, counts = tables.fresh_folder(table), []
        for bucket in range(buckets):
            asked = {"items": rows // EACH, "each": EACH, "buckets": buckets, "bucket": bucket}
            batches = db.sql(BUCKET, params=asked).to_arrow_reader(131_072)
            made = [completed(batch, at, SCORES_SCHEMA) for batch in batches]
            held = pa.Table.from_batches(made, SCORES_SCHEMA)
            pq.write_table(held, building / tables.bucket_name(bucket), compression="zstd")
            counts.append(len(held))
        pq.write_table(build.GONE_SCHEMA.empty_table(), building / tables.TOMBSTONES)
        run = tables.MergedRun("run1", "", iso(at), rows, True)
        about = tables.Version(1, MODEL, 0.5, buckets, iso(at), tuple(counts), (run,), build.hash_probe(db))
        tables.finish(table, building, about)
        tables.point(table, tables.Pointer(1, 1))


def one(table: Path, run: Path, full: bool, memory: str) -> dict[str, float]:
    """Merge and publish a run; called in a process of its own."""
    from adjudge.jobs.merge import MergeConfig, merge
    from adjudge.served.settings import ServedSettings

    deleted = None if full else run.with_name(f"{run.name}.gone.parquet")
    config = MergeConfig(
        table, run, deleted=deleted, full=full, publish=True, settings=ServedSettings(memory=memory)
    )
    began = time.perf_counter()
    done = merge(config)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows": done.rows,
        "deletions": done.deletions,
        "after": done.version.rows,
        "buckets": done.version.buckets,
        "touched": done.touched,
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "written_mb": done.bytes_written / 1e6,
        "linked_mb": done.bytes_linked / 1e6,
    }


def measured(rows: int, scratch: Path, memory: str, direct: bool) -> dict[str, dict[str, float]]:
    found = {}
    table = scratch / "table"
    small = max(EACH, rows // 10_000 // EACH * EACH)
    for day, (name, count, step) in enumerate(
        (("full run", rows, 1), ("diff of 5 %", rows // 20, 20), ("diff of 0.01 %", small, 977)), start=1
    ):
        if day == 1 and direct:
            write_table(table, rows)
            print("table written", flush=True)
            continue
        run = write_run(scratch, f"run{day}", day, count, step)
        command = [sys.executable, __file__, "--one", str(run), "--into", str(table), "--memory", memory]
        told = subprocess.run(
            [*command, *(["--full"] if day == 1 else [])], capture_output=True, text=True, check=True
        )
        found[name] = json.loads(told.stdout.splitlines()[-1])
        print(name, json.dumps(found[name]), flush=True)
    return found


def markdown(found: dict[str, dict[str, float]], asked: str, memory: str, loads: tuple[float, float]) -> str:
    head = [
        "# Merging into a served table",
        "",
        f"`python bench/merge.py {asked}`: {os.cpu_count()} cores, DuckDB limited to {memory}, "
        f"load {loads[0]:.1f} before and {loads[1]:.1f} after (a load above {os.cpu_count()} lengthens the "
        "seconds, not the CPU seconds).",
        "",
        "| merge | rows in | deletions | rows after | seconds | CPU seconds | peak memory, MB | buckets "
        "written | MB written | MB linked |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        cells = [
            name,
            f"{row['rows']:,}",
            f"{row['deletions']:,}",
            f"{row['after']:,}",
            f"{row['seconds']:.1f}",
            f"{row['cpu']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['touched']} of {row['buckets']}",
            f"{row['written_mb']:.1f}",
            f"{row['linked_mb']:.1f}",
        ]
        head.append("| " + " | ".join(cells) + " |")
    return "\n".join(head) + "\n"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, default=10_000_000)
    ask.add_argument("--memory", default="2GB")
    ask.add_argument("--scratch", type=Path)
    ask.add_argument("--direct", action="store_true", help="write the first table without merging a full run")
    ask.add_argument("--table", default=str(RESULTS), help="the Markdown file to write; - prints only")
    ask.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    ask.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    ask.add_argument("--full", action="store_true", help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.one:
        print(json.dumps(one(given.into, given.one, given.full, given.memory)))
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-merge-", dir=given.scratch) as scratch:
        found = measured(given.rows, Path(scratch), given.memory, given.direct)
    asked = f"--rows {given.rows}" + (" --direct" if given.direct else "")
    text = markdown(found, asked, given.memory, (before, os.getloadavg()[0]))
    print(text)
    if given.table != "-":
        Path(given.table).write_text(text)


if __name__ == "__main__":
    main()
