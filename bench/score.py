"""How fast `adjudge score` is, Parquet to Parquet, beside sentence-transformers on the same pairs and model.

    python bench/score.py                               # a simulated market -> bench/results/score.md
    python bench/score.py --artifact runs/demo/artifacts/llm --pairs runs/demo/pairs.parquet --table -

Variants take turns `--repeats` times in processes of their own; the table holds medians and ratios.
`GEMM share` is the rate in floating-point operations (last layer for [CLS] only) over that of onnxruntime's own
float32 product of the feed-forward's shape, all cores, measured in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "score.md"
CORES = len(os.sched_getaffinity(0))
VARIANTS = (
    "CrossEncoder.predict, batch 32",
    "CrossEncoder.predict, batch 128",
    "CrossEncoder.predict, 1 thread, batch 128",
    "adjudge, 1 worker",
    "adjudge, a worker a core",
    "adjudge, 512 tokens a batch",
    "adjudge, 8192 tokens a batch",
)


def gemm_rate(threads: int) -> float:
    """GFLOP/s of (2048 x 128) x (128 x 512) in float32 by `threads` threads of one core each."""
    from concurrent.futures import ThreadPoolExecutor

    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(2048, 128), torch.randn(128, 512)

    def work(_: int) -> None:
        for _ in range(300):
            left @ right

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
        began = time.perf_counter()
        list(pool.map(work, range(threads)))
    return threads * 300 * 2 * 2048 * 128 * 512 / (time.perf_counter() - began) / 1e9


def cross_encoder(artifact: Path, pairs: Path, batch: int, threads: int) -> float:
    """Seconds of predict alone on all pairs (reading and loading not counted)."""
    import pyarrow.parquet as pq
    import torch
    from sentence_transformers import CrossEncoder

    from adjudge.student.text import text_columns

    torch.set_num_threads(threads)
    first, second = (texts.to_pylist() for texts in text_columns(pq.read_table(pairs)))
    model = CrossEncoder(str(artifact), device="cpu")
    both = list(zip(first, second, strict=True))
    model.predict(both[:256], batch_size=batch)
    began = time.perf_counter()
    model.predict(both, batch_size=batch, show_progress_bar=False)
    return time.perf_counter() - began


def adjudge(artifact: Path, pairs: Path, workers: int, tokens: int) -> float:
    """Seconds from Parquet to Parquet, loading and checking the artifact included."""
    from adjudge.jobs.score import ScoreConfig, score

    began = time.perf_counter()
    score(ScoreConfig(artifact, pairs, pairs.with_name("out.parquet"), workers, tokens))
    return time.perf_counter() - began


def one(variant: str, artifact: Path, pairs: Path) -> dict[str, float]:
    import pyarrow.parquet as pq

    if variant.startswith("Cross"):
        threads = 1 if "1 thread" in variant else CORES
        seconds = cross_encoder(artifact, pairs, int(variant.split()[-1]), threads)
    else:
        workers = 1 if variant.endswith("1 worker") else 0
        tokens = int(variant.split()[1]) if "tokens" in variant else 2048
        seconds = adjudge(artifact, pairs, workers, tokens)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = gemm_rate(1 if variant.endswith("1 worker") else CORES)
    count = pq.ParquetFile(pairs).metadata.num_rows
    return {"rate": count / seconds, "gemm": rate, "peak_mb": peak}


def prepared(folder: Path, count: int) -> tuple[Path, Path, float]:
    """A briefly trained student, `count` pairs to score, and their mean length in tokens."""
    import pyarrow.parquet as pq

    from adjudge.jobs.recipe import RecipeConfig, recipe
    from adjudge.jobs.train import TrainConfig, train
    from adjudge.market.settings import MarketSettings
    from adjudge.market.simulate import simulate
    from adjudge.student.settings import StudentSettings

    simulate(MarketSettings(), folder / "logs")
    recipe(RecipeConfig("llm+-", folder / "logs", folder / "recipe"))
    training = folder / "recipe" / "training.parquet"
    settings = StudentSettings(max_pairs=2000, dev_rows=500, evaluations=1)
    train(TrainConfig(training, folder / "artifact", student=settings))
    rows = pq.read_table(training, columns=["item_id", "keyphrase", "title", "category"])
    pq.write_table(rows.slice(0, count), folder / "pairs.parquet")
    return (
        folder / "artifact",
        folder / "pairs.parquet",
        mean_tokens(folder / "artifact", folder / "pairs.parquet"),
    )


def mean_tokens(artifact: Path, pairs: Path) -> float:
    import pyarrow.parquet as pq

    from adjudge.student.artifact import read
    from adjudge.student.encode import encode, load_tokenizer
    from adjudge.student.text import text_columns

    texts = text_columns(pq.read_table(pairs))
    return float(encode(load_tokenizer(artifact), *texts, read(artifact).max_length).lengths.mean())


def flops_a_pair(artifact: Path, tokens: float) -> float:
    config = json.loads((artifact / "config.json").read_text(encoding="utf-8"))
    width, layers, inner = (config[k] for k in ("hidden_size", "num_hidden_layers", "intermediate_size"))
    token = 2 * (2 * width * width + 2 * width * inner) + 4 * tokens * width
    keys = 2 * 2 * width * width
    return float((layers - 1) * tokens * (token + keys) + tokens * keys + token)


def table(seen: dict[str, list[dict[str, float]]], flops: float, note: str) -> str:
    lines = ["# Scoring speed", "", note, ""]
    lines += [
        "| variant | pairs/s | of CrossEncoder's best | GEMM share | peak MiB |",
        "|---|---|---|---|---|",
    ]
    middle = {
        name: {k: statistics.median(r[k] for r in runs) for k in runs[0]} for name, runs in seen.items()
    }
    best = max(values["rate"] for name, values in middle.items() if name.startswith("Cross"))
    for name, values in middle.items():
        share = "" if name.startswith("Cross") else f"{values['rate'] * flops / 1e9 / values['gemm']:.2f}"
        lines.append(
            f"| {name} | {values['rate']:,.0f} | {values['rate'] / best:.2f} | {share} | {values['peak_mb']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--artifact", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--table", default=str(RESULTS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.artifact, given.pairs)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if given.artifact and given.pairs:
            artifact, pairs, tokens = given.artifact, given.pairs, mean_tokens(given.artifact, given.pairs)
        else:
            artifact, pairs, tokens = prepared(Path(scratch), given.count)
        seen: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
        command = [sys.executable, __file__, "--artifact", str(artifact), "--pairs", str(pairs)]
        for _ in range(given.repeats):
            for name in VARIANTS:
                done = subprocess.run([*command, "--one", name], capture_output=True, text=True, check=True)
                seen[name].append(json.loads(done.stdout.splitlines()[-1]))
        note = (
            f"`python bench/score.py --count {given.count} --repeats {given.repeats}`\n(medians of "
            f"{given.repeats}; {tokens:.1f} tokens a pair; {CORES} cores; load "
            f"{os.getloadavg()[0]:.1f} at the end. On a busy machine torch's threads wait for one another: compare the "
            "one-thread rows.)"
        )
        text = table(seen, flops_a_pair(artifact, tokens), note)
    print(text)
    if given.table != "-":
        Path(given.table).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
