"""Spark on local[2] beside the local engine: the same pairs, the same model, two processes each.

    python bench/spark.py --artifact runs/demo/artifacts/llm --rows 100000     # -> bench/results/spark.md
    python bench/spark.py --artifact SPLIT --rows 2000000 --name "split student"

Pairs: `adjudge retrieve` on a simulated market, shuffled, so that an item's pairs do not lie together.
Engines take turns `--repeats` times, Parquet to Parquet (a folder of parts), after start-up: Spark is
measured in a session whose workers have scored 2,000 rows, and from the local engine's time that of a run on
those 2,000 rows is taken off. On a machine that others use, the ratio by processor time (all processes, JVM
included) is the steadier one. Memory is the peak resident set of one Python worker, its shared pages included
(psutil).
"""

from __future__ import annotations

import argparse
import os
import platform
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

from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.spark.session import opened
from adjudge.engines.spark.settings import SparkSettings
from adjudge.jobs.retrieve import BuildGraphConfig, RetrieveConfig, build_graph, retrieve
from adjudge.jobs.score import ScoreConfig, score
from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.market.simulate import simulate
from adjudge.retrieve.settings import RetrievalSettings

RESULTS = Path(__file__).parent / "results" / "spark.md"
PER_ITEM = 100


def prepared(folder: Path, rows: int) -> None:
    """pairs.parquet (with texts, shuffled), ids.parquet (without), items.parquet."""
    size = CatalogueSettings(items=max(500, -(-rows // (PER_ITEM - 10))), keyphrases=20_000)
    simulate(MarketSettings(catalogue=size), folder / "logs")
    logs = folder / "logs"
    shutil.copy(logs / "items.parquet", folder / "items.parquet")
    build_graph(BuildGraphConfig(logs / "keyphrases.parquet", folder / "graph"))
    asked = RetrievalSettings(per_item=PER_ITEM, fill=True)
    retrieve(RetrieveConfig(folder / "graph", logs / "items.parquet", folder / "all.parquet", search=asked))
    table = pq.read_table(folder / "all.parquet", columns=["item_id", "keyphrase", "title", "category"])
    order = np.random.default_rng(7).permutation(len(table))[:rows]
    table = table.take(pa.array(order))
    pq.write_table(table, folder / "pairs.parquet", row_group_size=262_144)
    pq.write_table(table.select(["item_id", "keyphrase"]), folder / "ids.parquet", row_group_size=262_144)
    pq.write_table(table.sort_by("item_id"), folder / "grouped.parquet", row_group_size=262_144)
    pq.write_table(table.slice(0, 2000), folder / "few.parquet")


class Watched:
    """Processor seconds spent within it by this process and all below, and the peak resident set, in MB, of
    one Python worker below it and of the JVM. Sampled: what a process does in its last quarter of a second is
    not seen."""

    def __init__(self) -> None:
        self.worker = self.jvm = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def seconds(self) -> float:
        below = sum(spent - self._before.get(pid, 0.0) for pid, spent in self._spent.items())
        return time.process_time() - self._began + below

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self._look()

    def _look(self) -> None:
        for child in psutil.Process().children(recursive=True):
            try:
                with child.oneshot():
                    times, held = child.cpu_times(), child.memory_info().rss / 2**20
                    line = " ".join(child.cmdline()[:6])
            except psutil.Error:
                continue
            self._spent[child.pid] = times.user + times.system
            if "java" in line:
                self.jvm = max(self.jvm, held)
            elif "pyspark" in line or "spawn" in line:
                self.worker = max(self.worker, held)

    def __enter__(self) -> Watched:
        self._spent: dict[int, float] = {}
        self._look()
        self._before, self._began = dict(self._spent), time.process_time()
        self.worker = self.jvm = 0.0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()


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
        part_rows=1000 if what == "few" else given.part_rows,
        local=LocalSettings(inline_up_to_rows=0),
        spark=SparkSettings(least_parts=4, layout=layout),
    )
    held = size_of(folder / "local")
    with Watched() as watched:
        began = time.perf_counter()
        done = score(config)
        seconds = time.perf_counter() - began
    return {
        "rows": done.rows,
        "rate": done.rows / seconds,
        "cpu": done.rows / watched.seconds,
        "shuffled": max(0, size_of(folder / "local") - held) / done.rows,
        "worker": watched.worker,
        "jvm": watched.jvm,
    }


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder: Spark keeps what it shuffled until the session ends."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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


def local_run(given: argparse.Namespace, folder: Path, what: str) -> tuple[float, dict[str, float]]:
    """Seconds to start (a run on few rows: processes, imports, model), and a run, that start taken off."""
    few, found = one("local", given, folder, "few"), one("local", given, folder, what)
    rows, little = found.pop("rows"), few.pop("rows")
    start = {name: little / few[name] for name in ("rate", "cpu")}
    for name, spent in start.items():
        found[name] = (rows - little) / (rows / found[name] - spent)
    return start["rate"], found


def spark_run(given: argparse.Namespace, folder: Path, what: str) -> tuple[float, dict[str, float]]:
    """Seconds to start a session and its workers (a run on few rows), and a run in it.

    New workers know no text yet.
    """
    settings = SparkSettings(master="local[2]", conf={"spark.local.dir": str(folder / "local")})
    began = time.perf_counter()
    with opened(settings, 2, 65_536):
        one("spark", given, folder, "few")
        start = time.perf_counter() - began
        return start, one("spark", given, folder, what)


def measured(given: argparse.Namespace, folder: Path) -> list[str]:
    rows = pq.read_metadata(folder / "pairs.parquet").num_rows
    lines = [
        "| pairs | local, pairs/s | Spark, pairs/s | Spark / local | the same by CPU time | MB a worker | "
        "JVM MB | bytes shuffled a pair |",
        "|---|---|---|---|---|---|---|---|",
    ]
    starts = []
    for what in given.only:
        seen: dict[str, list[dict[str, float]]] = {"local": [], "spark": []}
        for _ in range(given.repeats):
            for engine, run in (("local", local_run), ("spark", spark_run)):
                start, found = run(given, folder, what)
                seen[engine].append(found)
                starts += [start] if engine == "spark" else []
                print(what, engine, f"start {start:.0f} s", found, flush=True)
        local, spark = (statistics.median(run["rate"] for run in seen[name]) for name in seen)
        ours, theirs = (statistics.median(run["cpu"] for run in seen[name]) for name in seen)
        peak = [max(run[name] for run in seen["spark"]) for name in ("worker", "jvm", "shuffled")]
        lines.append(
            f"| {KINDS[what][0]} | {local:,.0f} | {spark:,.0f} | {spark / local:.2f} | {theirs / ours:.2f} "
            f"({ours:,.0f}, {theirs:,.0f}) | {peak[0]:,.0f} | {peak[1]:,.0f} | {peak[2]:.0f} |"
        )
    start = statistics.median(starts)
    only = "" if len(given.only) == 3 else f" --only {' '.join(given.only)}"
    lines += [
        "",
        f"`python bench/spark.py --rows {rows} --repeats {given.repeats} --part-rows "
        f"{given.part_rows}{only}`: medians of {given.repeats}, two processes each; start of a session, its "
        f"workers and model, left out: {start:.0f} s; {platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.",
    ]
    return lines


if __name__ == "__main__":
    main()
