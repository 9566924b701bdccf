"""What the local engine itself costs: Parquet to Parquet with a model that costs nothing, texts in the rows
or by id.

    python bench/engine.py                    # 1 and 8 million pairs -> bench/results/engine.md
    python bench/engine.py --millions 1 --table -

One process. By id, an items table with one item a pair is sorted into a store first (its worst case). Each
run is a process of its own, so that its peak memory is its own; the peak must not grow with the pairs.
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

RESULTS = Path(__file__).parent / "results" / "engine.md"
PAIRS = """SELECT 'item-' || (100000000 + i // 200) AS item_id,
  'brand' || (hash(i) % 977) || ' thing ' || (i % 200) || ' colour ' || (i % 31) AS keyphrase,
  'Brand line nice new thing size fast dispatch ' || (i // 200) AS title, 'Cat ' || (i // 200 % 400) AS
  category
FROM range($rows) t(i)"""
ITEMS = """SELECT 'item-' || (100000000 + i) AS item_id, 'Brand line nice new thing size fast dispatch ' || i
AS title,
  'Cat ' || (i % 400) AS category FROM range($rows) t(i)"""


class Free:
    """A model that costs nothing."""

    version, threshold = "0" * 12, 0.5

    def score(self, pairs):  # type: ignore[no-untyped-def]
        import numpy as np

        return np.linspace(0, 1, len(pairs))


def free(workers: int) -> Free:
    return Free()


def one(folder: Path, by_id: bool) -> dict[str, float]:
    """Score the folder's pairs; called in a process of its own."""
    from adjudge.engines.registry import score_pairs
    from adjudge.engines.task import Task

    items = folder / "items.parquet" if by_id else None
    began = time.perf_counter()
    done = score_pairs(
        "local", Task(free, folder / "pairs.parquet", folder / "out.parquet", items=items, workers=1)
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    if done.unscored:
        raise SystemExit(f"{done.unscored} rows have no score")
    cpu = used.ru_utime + used.ru_stime
    return {
        "rows": done.rows,
        "seconds": time.perf_counter() - began,
        "cpu": cpu,
        "peak_mb": used.ru_maxrss / 1024,
    }


def measured(millions: int, scratch: Path) -> list[list[str]]:
    import duckdb

    folder = scratch / str(millions)
    folder.mkdir()
    with duckdb.connect(config={"memory_limit": "1GB"}) as db:
        db.sql(PAIRS, params={"rows": millions * 10**6}).write_parquet(str(folder / "pairs.parquet"))
        db.sql(ITEMS, params={"rows": millions * 10**6}).write_parquet(str(folder / "items.parquet"))
    rows = []
    for how in ("rows", "id"):
        command = [sys.executable, __file__, "--one", str(folder), *(["--by-id"] if how == "id" else [])]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(told.stdout.splitlines()[-1])
        rate = found["rows"] / found["cpu"]
        cells = [f"{found['rows']:,}", "in the rows" if how == "rows" else "by id", f"{found['seconds']:.1f}"]
        rows.append([*cells, f"{found['cpu']:.1f}", f"{rate:,.0f}", f"{found['peak_mb']:.0f}"])
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--millions", type=int, nargs="+", default=[1, 8])
    ask.add_argument("--table", default=str(RESULTS), help="the Markdown file to write; - prints only")
    ask.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    ask.add_argument("--by-id", action="store_true", help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.by_id)))
        return
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-engine-") as scratch:
        rows = [row for millions in given.millions for row in measured(millions, Path(scratch))]
    words = " ".join(map(str, given.millions))
    head = [
        "# The local engine without a model",
        "",
        f"`python bench/engine.py --millions {words}`: one process on {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}. CPU seconds include Python's start (0.5 s) and, by id, the sorting of as "
        "many items as there are pairs.",
        "",
        "| pairs | texts | seconds | CPU seconds | pairs a CPU second | peak memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    text = "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
    print(text)
    if given.table != "-":
        Path(given.table).write_text(text)


if __name__ == "__main__":
    main()
