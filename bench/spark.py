"""Spark on local[2] beside the local engine: the same pairs, the same model, two processes each.

    python bench/spark.py --artifact runs/demo/artifacts/llm --rows 100000            # -> bench/results/spark.md
    python bench/spark.py --artifact SPLIT --rows 2000000 --name "split student"

Pairs: `adjudge retrieve` on a simulated market, shuffled, so that an item's pairs do not lie together. Engines take turns
`--repeats` times, Parquet to Parquet (a folder of parts), after a run on 2,000 rows that starts the JVM and the workers;
that start is told apart. On a machine that others use, the ratio by processor time (all processes, JVM included) is the
steadier one. Memory is the peak resident set of one Python worker, its shared pages included (psutil).
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.jobs.retrieve import BuildGraphConfig, RetrieveConfig, build_graph, retrieve
from adjudge.jobs.score import ScoreConfig, score
from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.market.simulate import simulate
from adjudge.retrieve import SearchSettings
from adjudge.scoring.local.settings import LocalSettings
from adjudge.scoring.spark.session import opened
from adjudge.scoring.spark.settings import SparkSettings

RESULTS = Path(__file__).parent / "results" / "spark.md"
PER_ITEM = 100


def prepared(folder: Path, rows: int) -> None:
    """pairs.parquet (with texts, shuffled), ids.parquet (without), items.parquet."""
    size = CatalogueSettings(items=max(500, -(-rows // (PER_ITEM - 10))), keyphrases=20_000)
    simulate(MarketSettings(catalogue=size), folder / "logs")
    logs = folder / "logs"
    shutil.copy(logs / "items.parquet", folder / "items.parquet")
    build_graph(BuildGraphConfig(logs / "keyphrases.parquet", folder / "graph"))
    asked = SearchSettings(per_item=PER_ITEM, fill=True)
    retrieve(RetrieveConfig(folder / "graph", logs / "items.parquet", folder / "all.parquet", search=asked))
    table = pq.read_table(folder / "all.parquet", columns=["item_id", "keyphrase", "title", "category"])
    order = np.random.default_rng(7).permutation(len(table))[:rows]
    table = table.take(pa.array(order))
    pq.write_table(table, folder / "pairs.parquet", row_group_size=262_144)
    pq.write_table(table.select(["item_id", "keyphrase"]), folder / "ids.parquet", row_group_size=262_144)
    pq.write_table(table.sort_by("item_id"), folder / "grouped.parquet", row_group_size=262_144)
    pq.write_table(table.slice(0, 2000), folder / "few.parquet")


class Memory:
    """The peak resident set of the Python workers below this process, in MB, and of the JVM."""

    def __init__(self) -> None:
        self.worker = self.jvm = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            for child in psutil.Process().children(recursive=True):
                try:
                    held, line = child.memory_info().rss / 2**20, " ".join(child.cmdline()[:6])
                except psutil.Error:
                    continue
                if "java" in line:
                    self.jvm = max(self.jvm, held)
                elif "pyspark" in line or "spawn" in line:
                    self.worker = max(self.worker, held)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def one(engine: str, given: argparse.Namespace, folder: Path, what: str) -> dict[str, float]:
    _, pairs, joined, layout = KINDS[what]
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    config = ScoreConfig(
        given.artifact,
        folder / pairs,
        out,
        workers=2,
        engine=engine,
        items=folder / "items.parquet" if joined else None,
        part_rows=given.part_rows,
        local=LocalSettings(alone=0),
        spark=SparkSettings(least_parts=4, layout=layout),
    )
    with Memory() as memory:
        began, worked = time.perf_counter(), processor_seconds()
        done = score(config)
        seconds, cpu = time.perf_counter() - began, processor_seconds() - worked
    return {"rate": done.rows / seconds, "cpu": done.rows / cpu, "worker": memory.worker, "jvm": memory.jvm}


def processor_seconds() -> float:
    """User and system time of this process, of children that ended, and of all that live below it."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.Error:
            continue
        total += spent.user + spent.system
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--artifact", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--part-rows", type=int, default=262_144)
    parser.add_argument("--name", default="cross-encoder")
    parser.add_argument("--prepared", type=Path, help="a folder to keep the pairs in, for the next run")
    parser.add_argument("--only", nargs="*", default=["texts", "ids", "given"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        folder = given.prepared or Path(scratch)
        if not (folder / "few.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            prepared(folder, given.rows)
        lines = measured(given, folder)
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Spark\n"
    head = f"\n## {given.name}\n"
    kept = "".join(
        f"\n## {part}" for part in old.split("\n## ")[1:] if not part.startswith(given.name + "\n")
    )
    text = old.split("\n## ")[0].rstrip("\n") + "\n" + kept + head + "\n" + "\n".join(lines) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    print("\n".join(lines))


KINDS = {
    "few": ("to start", "few.parquet", False, "item"),
    "texts": ("texts in every row, shuffled", "pairs.parquet", False, "item"),
    "ids": ("ids, `--items`, shuffled", "ids.parquet", True, "item"),
    "given": ("texts in every row, by item, layout given", "grouped.parquet", False, "given"),
}


def measured(given: argparse.Namespace, folder: Path) -> list[str]:
    rows = pq.read_metadata(folder / "pairs.parquet").num_rows
    lines = [
        "| pairs | local, pairs/s | Spark, pairs/s | Spark / local | the same by CPU time | MB a worker | JVM MB |",
        "|---|---|---|---|---|---|---|",
    ]
    began = time.perf_counter()
    with opened(SparkSettings(master="local[2]"), 2, 65_536):
        one("spark", given, folder, "few")
        start = time.perf_counter() - began
        for what in given.only:
            seen: dict[str, list[dict[str, float]]] = {"local": [], "spark": []}
            for _ in range(given.repeats):
                for engine, found in seen.items():
                    found.append(one(engine, given, folder, what))
            local, spark = (statistics.median(run["rate"] for run in seen[name]) for name in seen)
            ours, theirs = (statistics.median(run["cpu"] for run in seen[name]) for name in seen)
            peak = [max(run[name] for run in seen["spark"]) for name in ("worker", "jvm")]
            lines.append(
                f"| {KINDS[what][0]} | {local:,.0f} | {spark:,.0f} | {spark / local:.2f} | {theirs / ours:.2f} "
                f"({ours:,.0f}, {theirs:,.0f}) | {peak[0]:,.0f} | {peak[1]:,.0f} |"
            )
    only = "" if len(given.only) == 3 else f" --only {' '.join(given.only)}"
    lines += [
        "",
        f"`python bench/spark.py --rows {rows} --repeats {given.repeats} --part-rows {given.part_rows}{only}`: medians of "
        f"{given.repeats}, two processes each; start of JVM, workers and model, told apart: {start:.0f} s; "
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.",
    ]
    return lines


if __name__ == "__main__":
    main()
