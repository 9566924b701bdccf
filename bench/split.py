"""What a split student costs: pairs a second on one core, Parquet to Parquet, and the price of a distinct
text.

    python bench/split.py --logs runs/demo/market --artifact ARTIFACT --work runs/bench-split
                                                       # -> bench/results/split.md, split.json

Pairs are made of the logs' titles and of keyphrases of their category; where more items are asked for than
there are, titles are numbered, so that every item is a text of its own. Each run is a process of its own on
one core: the local engine with one worker reads Parquet and writes a folder of Parquet. Seconds are wall and
processor time; on a machine with other work only the latter says what the code costs, and rates are given by
both.

cost = a x pairs + b x items + c x keyphrases: b and c are timed alone (tokenising, lower layers,
projections), a is the least-squares rest over all fresh runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from peak import peak_mb

RESULTS = Path(__file__).parent / "results" / "split"
PAPER = 324
"""Pairs a second and core: 7 billion a day on 4,000 cores (paper 1, as the issue states it)."""
TEXTS_TIMED = 1500
GEMM = 512
KEPT_TOO = 1_000_000
"""Up to so many pairs the run is repeated with all states kept on disk."""


def made(logs: Path, work: Path, pairs: int, per_item: int) -> Path:
    """A table to_score of so many pairs, an item's pairs side by side."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = work / f"pairs-{pairs}-{per_item}.parquet"
    if path.exists():
        return path
    work.mkdir(parents=True, exist_ok=True)
    items = pq.read_table(logs / "items.parquet", columns=["title", "category"])
    phrases = pq.read_table(logs / "keyphrases.parquet", columns=["keyphrase", "category"])
    rng = np.random.default_rng(7)
    everything = np.arange(len(phrases))
    known = {
        name: everything[pc.equal(phrases["category"], name).to_numpy(zero_copy_only=False)]
        for name in pc.unique(phrases["category"]).drop_null().to_pylist()
    }
    categories = items["category"].to_pylist()
    block = 5000
    schema = pa.schema([(name, pa.string()) for name in ("item_id", "keyphrase", "title", "category")])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, pairs // per_item, block):
            chosen = np.arange(first, min(first + block, pairs // per_item))
            places = chosen % len(items)
            own = [known.get(categories[place], everything) for place in places]
            pools = [pool if len(pool) >= per_item else everything for pool in own]
            picked = np.concatenate([rng.choice(pool, per_item, replace=False) for pool in pools])
            titles = items["title"].take(pa.array(places)).to_pylist()
            numbered = [
                title if item < len(items) else f"{title} {item}"
                for title, item in zip(titles, chosen, strict=True)
            ]
            rows = pa.array(np.repeat(np.arange(len(chosen)), per_item))
            columns = {
                "item_id": pa.array([f"i{item}" for item in chosen]).take(rows),
                "keyphrase": phrases["keyphrase"].take(pa.array(picked)),
                "title": pa.array(numbered).take(rows),
                "category": items["category"].take(pa.array(places)).combine_chunks().take(rows),
            }
            writer.write_table(pa.table(columns, schema=schema))
    return path


def gemm() -> float:
    """GFLOP/s of one float32 product of two square matrices, one thread."""
    import numpy as np

    left = np.random.default_rng(0).random((GEMM, GEMM), np.float32)
    best = 0.0
    for _ in range(12):
        began = time.process_time()
        for _ in range(4):
            left @ left
        best = max(best, 4 * 2 * GEMM**3 / (time.process_time() - began) / 1e9)
    return best


def one(asked: dict[str, Any]) -> dict[str, Any]:
    """One run in this process; what it took."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from adjudge.engines.registry import score_pairs
    from adjudge.engines.task import Task

    if asked["what"] == "texts":
        return texts(asked)
    out = Path(asked["work"]) / "out"
    shutil.rmtree(out, ignore_errors=True)
    states = [Path(folder) for folder in asked["states"]]

    from adjudge.scoring.open_model import open_model

    wall, cpu = time.perf_counter(), time.process_time()
    scorer = open_model(Path(asked["artifact"]), 1, states=states)
    opening = [time.perf_counter() - wall, time.process_time() - cpu]
    rate = gemm()

    wall, cpu = time.perf_counter(), time.process_time()
    done = score_pairs(
        "local", Task(partial(_same, scorer), Path(asked["pairs"]), out, workers=1, chunk=asked["chunk"])
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_mb()
    keyphrase = scorer.keyphrases
    return {
        **asked,
        "rows": done.rows,
        "opening": opening,
        "wall": wall,
        "cpu": cpu,
        "peak_mb": peak,
        "gemm": rate,
        "items": scorer.items.added,
        "keyphrases": keyphrase.added,
        "asking": float(keyphrase.lengths.mean()),
        "told": float(scorer.items.lengths.mean()) + 1,
    }


def _same(scorer: Any, workers: int = 1) -> Any:
    return scorer


def texts(asked: dict[str, Any]) -> dict[str, Any]:
    """Processor seconds a distinct item and a distinct keyphrase, and the size of their states."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from adjudge.scoring.open_model import open_model
    from adjudge.scoring.split.columns import columns_of

    scorer = open_model(Path(asked["artifact"]), 1)
    with pq.ParquetFile(asked["pairs"]) as file:
        rows = next(file.iter_batches(batch_size=400_000))
    columns = columns_of(pa.table(rows))
    result: dict[str, Any] = dict(asked)
    sides = (
        ("item", columns.items, scorer._states_of_items),
        ("keyphrase", columns.keyphrases, scorer._asks),
    )
    for name, there, make in sides:
        some = there[:TEXTS_TIMED]
        make(some[:64])
        began = time.process_time()
        make(some)
        result[f"{name}_us"] = (time.process_time() - began) / len(some) * 1e6
        tokens, _ = scorer.states(some, name == "item")
        result[f"{name}_tokens"] = float(tokens.mean())
    result["width"] = scorer.width
    return result


def flops(run: dict[str, Any], settings: dict[str, Any]) -> float:
    """Multiplications and additions of one pair's crossing: looks and values of each asking token, the
    pair's units."""
    split = settings["split"]
    token = 2 * run["told"] * (split["width"] + split["heads"] * split["hidden"])
    return (
        run["asking"] * (token + 2 * split["hidden"]) + 2 * split["hidden"] * split["top"] + 2 * split["top"]
    )


def fit(runs: list[dict[str, Any]], per: dict[str, Any]) -> float:
    """Microseconds a pair: least squares of what is left of the processor seconds after the texts."""
    fresh = [run for run in runs if not run["states"]]
    rest = [
        run["cpu"] * 1e6 - run["items"] * per["item_us"] - run["keyphrases"] * per["keyphrase_us"]
        for run in fresh
    ]
    pairs = [run["rows"] for run in fresh]
    return sum(x * y for x, y in zip(pairs, rest, strict=True)) / sum(x * x for x in pairs)


def page(runs: list[dict[str, Any]], per: dict[str, Any], settings: dict[str, Any], command: str) -> str:
    """The results as Markdown."""
    pair = fit(runs, per)
    lines = [
        "# The split student's cost",
        "",
        f"`{command}`",
        "",
        f"{platform.processor() or platform.machine()}, one core a run, one worker, load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores while it ran; {settings['layers']} lower "
        f"layer(s) x {per['width']}, crossing {settings['split']['heads']} x {settings['split']['width']}, "
        f"{settings['split']['hidden']} units. Parquet in, a folder of Parquet out; opening the model once a "
        f"worker is left out ({max(run['opening'][1] for run in runs):.1f} processor seconds).",
        "",
        "| pairs | pairs an item | states | distinct items / keyphrases | wall s | processor s | pairs/s by "
        "wall | **pairs/s by processor** | times the paper's | share of GEMM | peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        rate = run["rows"] / run["cpu"]
        share = flops(run, settings) * rate / 1e9 / run["gemm"]
        lines.append(
            f"| {run['rows']:,} | {run['per_item']} | {'kept' if run['states'] else 'fresh'} | "
            f"{run['items']:,} / {run['keyphrases']:,} | {run['wall']:.1f} | {run['cpu']:.1f} | "
            f"{run['rows'] / run['wall']:,.0f} | **{rate:,.0f}** | {rate / PAPER:,.0f} | {share:.0%} of "
            f"{run['gemm']:.0f} GFLOP/s | {run['peak_mb']:,.0f} |"
        )
    gigabytes = {name: per[f"{name}_tokens"] * per["width"] * 2 * 1e6 / 1e9 for name in ("item", "keyphrase")}
    lines += [
        "",
        f"A crossing is {flops(runs[0], settings) / 1e3:.0f} kFLOP a pair ({runs[0]['asking']:.1f} tokens "
        f"ask {runs[0]['told']:.1f}).",
        "",
        f"**cost = {pair:.2f} us x pairs + {per['item_us']:.0f} us x items + {per['keyphrase_us']:.0f} us x "
        "keyphrases** (processor time of one core; the pair's share holds Parquet, hashing, blocks and "
        "crossing).",
        "",
        f"TextCache states, float16: {gigabytes['item']:.2f} GB a million items ({per['item_tokens']:.1f} "
        f"tokens), {gigabytes['keyphrase']:.2f} GB a million keyphrases ({per['keyphrase_tokens']:.1f}); "
        f"int8: {gigabytes['item'] * (per['width'] + 2) / per['width'] / 2:.2f} and "
        f"{gigabytes['keyphrase'] * (per['width'] + 2) / per['width'] / 2:.2f}.",
        "",
        "| pairs | items | keyphrases | core-hours | of it texts | with states kept | paper's core-hours |",
        "|---|---|---|---|---|---|---|",
    ]
    for pairs, items, keyphrases in (
        (1e6, 5e3, 2e4),
        (1e7, 5e4, 1e5),
        (1e8, 5e5, 5e5),
        (7e9, 3.5e7, 2e7),
        (1e11, 5e8, 1e8),
    ):
        of_texts = (items * per["item_us"] + keyphrases * per["keyphrase_us"]) / 3.6e9
        of_pairs = pairs * pair / 3.6e9
        lines.append(
            f"| {pairs:,.0f} | {items:,.0f} | {keyphrases:,.0f} | {of_pairs + of_texts:,.2f} | "
            f"{of_texts / (of_pairs + of_texts):.0%} | {of_pairs:,.2f} | {pairs / PAPER / 3600:,.1f} |"
        )
    return "\n".join([*lines, "", "The last table is the formula above, at 200 pairs an item.", ""])


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """`one` in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--one", json.dumps(asked)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def states_of(artifact: Path, work: Path, pairs: Path) -> list[str]:
    """Folders of states of every text of a table of pairs."""
    from adjudge.jobs.states import StatesConfig, states

    folders = []
    for side in ("items", "keyphrases"):
        out = work / f"states-{side}"
        states(StatesConfig(artifact, out, **{side: pairs}, workers=1))
        folders.append(str(out))
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--artifact", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/bench-split"))
    parser.add_argument("--sizes", default="1000000x200,300000x10,10000000x200")
    parser.add_argument("--chunk", type=int, default=262_144)
    parser.add_argument("--one")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(json.loads(given.one))))
        return
    common = {"artifact": str(given.artifact), "work": str(given.work), "chunk": given.chunk}
    runs = []
    for size in given.sizes.split(","):
        pairs, per_item = map(int, size.split("x"))
        path = made(given.logs, given.work, pairs, per_item)
        asked = {**common, "what": "score", "pairs": str(path), "per_item": per_item, "states": []}
        runs.append(run(asked))
        if pairs <= KEPT_TOO:
            runs.append(run({**asked, "states": states_of(given.artifact, given.work, path)}))
        print(json.dumps(runs[-1]), flush=True)
    per = run({**common, "what": "texts", "pairs": runs[0]["pairs"], "states": []})
    settings = json.loads((given.artifact / "adjudge.json").read_text())["config"]
    command = f"python bench/split.py --logs LOGS --artifact ARTIFACT --sizes {given.sizes}"
    RESULTS.with_suffix(".json").write_text(json.dumps({"runs": runs, "texts": per}, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(page(runs, per, settings, command))


if __name__ == "__main__":
    main()
