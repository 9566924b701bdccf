"""How fast and how large: simulating a market.

    OMP_NUM_THREADS=1 taskset -c 0 python bench/market.py [--items 100000] [--out FOLDER]

Prints rows, seconds by stage, and the process's peak resident memory as JSON. `cpu_seconds` is what the process
itself used, which on a shared machine is the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.market.simulate import simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--keyphrases", type=int, default=250_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    settings = MarketSettings(catalogue=CatalogueSettings(items=given.items, keyphrases=given.keyphrases))
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        began, worked = time.perf_counter(), time.process_time()
        stages: dict[str, float] = {}

        def step(what: str, done: int, total: int) -> None:
            stages[what] = round(
                time.process_time() - worked - sum(stages[s] for s in stages if s != what), 1
            )

        report = simulate(settings, given.out or Path(scratch), step)
        told = {
            "rows": report.rows,
            "megabytes": round(sum(f.stat().st_size for f in report.out.iterdir()) / 1e6, 1),
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_seconds": round(time.process_time() - worked, 1),
            "cpu_seconds_by_stage": stages,
            "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
