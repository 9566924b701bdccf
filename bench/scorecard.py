"""How fast and how large: 2 million pairs through a recipe and a scorecard of three models, in one process.

    python bench/scorecard.py --logs FOLDER [--replicates 200] [--out bench/results/scorecard.md]

FOLDER is a logs folder as `adjudge simulate` writes it (100,000 items of 20 pairs). Scores are the truth plus
noise, made by a child process so that the peak is the scorecard's. Prints a Markdown table: seconds and peak
resident memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.jobs.evaluate import EvaluateConfig, evaluate
from adjudge.jobs.pairs import PairsConfig, pairs
from adjudge.jobs.recipe import RecipeConfig, recipe
from adjudge.scorecard.settings import ScorecardSettings

NOISE = {"production": 3.0, "good": 1.0, "fair": 2.0}


def make_scores(logs: Path, folder: Path) -> None:
    """Three score files for the logs' pairs."""
    pairs(PairsConfig(logs, folder / "wanted.parquet"))
    with duckdb.connect() as db:
        truth = db.sql(
            """SELECT w.item_id, w.keyphrase, coalesce(t.relevant, false) AS relevant FROM read_parquet(?) w
               LEFT JOIN read_parquet(?) t USING (item_id, keyphrase)""",
            params=[str(folder / "wanted.parquet"), str(logs / "truth.parquet")],
        ).to_arrow_table()
    rng = np.random.default_rng(0)
    centre = np.where(truth["relevant"].to_numpy(), 1.0, -1.0)
    for model, noise in NOISE.items():
        score = 1 / (1 + np.exp(-(centre + rng.normal(0, noise, len(centre)))))
        version = pa.array([model]).take(pa.array(np.zeros(len(score), np.int64)))
        columns = {"item_id": truth["item_id"], "keyphrase": truth["keyphrase"], "score": score}
        pq.write_table(pa.table({**columns, "model_version": version}), folder / f"{model}.parquet")


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--logs", type=Path, required=True)
    parse.add_argument("--recipe", default="click+ llm+-")
    parse.add_argument("--replicates", type=int, default=200)
    parse.add_argument("--out", type=Path)
    parse.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parse.parse_args()
    if arguments.make:
        make_scores(arguments.logs, arguments.make)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run([sys.executable, __file__, "--logs", arguments.logs, "--make", folder], check=True)
        config = EvaluateConfig(
            arguments.logs,
            {model: str(folder / f"{model}.parquet") for model in NOISE},
            folder / "out",
            production="production",
            scorecard=ScorecardSettings(replicates=arguments.replicates),
        )
        began = time.perf_counter()
        recipe(RecipeConfig(arguments.recipe, arguments.logs, folder / "recipe"), _say)
        mixed = time.perf_counter() - began
        found = evaluate(config, _say)
        rows = pq.read_metadata(folder / "out" / "scorecard.parquet").num_rows
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    load = os.getloadavg()[0]
    text = (
        "| pairs | recipe, s | scorecard, s | both, s | CPU s, imports included | peak GiB | cores | load |\n"
        "|---|---|---|---|---|---|---|---|\n"
        f"| {found.pairs:,} | {mixed:.1f} | {found.seconds:.1f} | {mixed + found.seconds:.1f} "
        f"| {used.ru_utime + used.ru_stime:.1f} | {peak:.2f} | {os.cpu_count()} ({platform.machine()}) "
        f"| {load:.1f} |\n"
    )
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        command = f"python bench/scorecard.py --logs LOGS --replicates {arguments.replicates}"
        measured = (
            f"`{arguments.recipe}`, then {len(NOISE)} models x {arguments.replicates} replicates "
            f"({rows:,} rows of scorecard.parquet)"
        )
        head = "# Two million pairs through a recipe and a scorecard"
        arguments.out.write_text(
            f"{head}\n\nCommand: `OMP_NUM_THREADS=1 {command}`\n\n{measured}:\n\n{text}", encoding="utf-8"
        )


def _say(what: str, done: int, total: int) -> None:
    print(f"  {what} {done}/{total}", file=sys.stderr)


if __name__ == "__main__":
    main()
