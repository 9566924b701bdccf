"""How fast a cross-encoder scores, beside sentence-transformers on the same pairs, model and machine.

    python bench/score.py --folder runs/bench-score     # -> bench/results/score.md, score.json

The folder is prepared where it is empty (a simulated market, a student, its parity gate; some minutes;
`--rounds 0` does only that); measuring takes about a minute. Every variant lives in a process of its own,
loaded and warmed up; they take turns, one at a time, `--rounds` times. What is timed is texts in, scores out,
in memory: `CrossEncoder.predict` on lists of pairs, `Scorer.score` on a table. Medians and ratios are shown.

The GEMM limit is what the machine would score if the work of the model ([CLS] alone in the last layer) were
one float32 product of the feed-forward's shape, measured by torch in the same rounds. `done` counts only the
work that is really done (first-layer products by table, folded keys and values), so it is the stricter share.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from peak import peak_mb

RESULTS = Path(__file__).parent / "results" / "score"
CORES = len(os.sched_getaffinity(0))
THEIRS = f"CrossEncoder.predict, {CORES} threads"
VARIANTS = (
    "GEMM",
    THEIRS,
    "adjudge fp32, a worker a core",
    "adjudge fp32, a process a core",
    "adjudge fp32, 1 worker",
    "adjudge int8, a worker a core",
    "adjudge bf16, a worker a core",
    "adjudge mixed, a worker a core",
    "adjudge mixed, a process a core",
    "adjudge mixed, 1 worker",
    "adjudge score, fp32, Parquet to Parquet",
)
TRIED = (32, 64, 128, 256)
FEWER = 8
"""CrossEncoder is timed on the first eighth of the pairs: its rate does not depend on how many there are."""


def prepare(folder: Path, pairs: int) -> None:
    """A market, a trained student that has passed its gate, and a table of pairs in the order of their
    items."""
    import pyarrow.parquet as pq

    from adjudge.jobs.quantise import QuantiseConfig, quantise
    from adjudge.jobs.recipe import RecipeConfig, recipe
    from adjudge.jobs.train import TrainConfig, train
    from adjudge.market.settings import MarketSettings
    from adjudge.market.simulate import simulate
    from adjudge.student.settings import StudentSettings

    simulate(MarketSettings(), folder / "logs")
    recipe(RecipeConfig("llm+-", folder / "logs", folder / "recipe"))
    training = folder / "recipe" / "training.parquet"
    train(TrainConfig(training, folder / "artifact", student=StudentSettings(max_pairs=pairs)))
    quantise(QuantiseConfig(folder / "artifact", training))
    texts = pq.read_table(training, columns=["item_id", "keyphrase", "title", "category"])
    pq.write_table(texts, folder / "pairs.parquet")


def gemm() -> dict[str, float]:
    """GFLOP/s of (2048 x 128) x (128 x 512): float32 on one thread and on all cores, bfloat16 on all."""
    from concurrent.futures import ThreadPoolExecutor

    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(2048, 128), torch.randn(128, 512)

    def rate(threads: int, kind: torch.dtype) -> float:
        a, b = left.to(kind), right.to(kind)

        def work(_: int) -> None:
            for _ in range(200):
                a @ b

        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(work, range(threads)))
            return threads * 200 * 2 * 2048 * 128 * 512 / (time.perf_counter() - began) / 1e9

    return {
        "one": rate(1, torch.float32),
        "all": rate(CORES, torch.float32),
        "bf16": rate(CORES, torch.bfloat16),
    }


def cross_encoder(folder: Path, count: int, threads: int) -> Callable[[], object]:
    """`predict` with the fastest of the batch sizes tried on 1,000 pairs."""
    import torch
    from sentence_transformers import CrossEncoder

    from adjudge.student.text import text_columns

    torch.set_num_threads(threads)
    model = CrossEncoder(str(folder / "artifact"), device="cpu")
    pairs = list(zip(*(part.to_pylist() for part in text_columns(rows(folder, count // FEWER))), strict=True))
    model.predict(pairs[:256], show_progress_bar=False)
    seconds = {}
    for batch in TRIED:
        began = time.perf_counter()
        model.predict(pairs[:1000], batch_size=batch, show_progress_bar=False)
        seconds[batch] = time.perf_counter() - began
    best = min(seconds, key=lambda size: seconds[size])
    print(json.dumps({"batch": best}), flush=True)
    return lambda: model.predict(pairs, batch_size=best, show_progress_bar=False)


def ours(variant: str, folder: Path, count: int) -> Callable[[], object]:
    from adjudge.scoring.open_model import open_model

    table = rows(folder, count)
    if "Parquet" in variant:
        return files(folder, count)
    if "a process" in variant:
        return processes(folder, count, variant.split()[1].strip(","))
    workers = 1 if "1 worker" in variant else CORES
    scorer = open_model(folder / "artifact", workers, precision=variant.split()[1].strip(","))
    scorer.score(table)
    print(json.dumps({}), flush=True)
    return lambda: scorer.score(table)


def processes(folder: Path, count: int, precision: str) -> Callable[[], object]:
    """As the engines run: a process a core, each with one thread and its share of the pairs."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(CORES, get_context("spawn"), open_here, (folder, count, precision))
    share = -(-count // CORES)

    def run() -> float:
        return max(pool.map(score_here, range(0, count, share), [share] * CORES))

    run()
    print(json.dumps({}), flush=True)
    return run


HELD: list[object] = []


def open_here(folder: Path, count: int, precision: str) -> None:
    from adjudge.scoring.open_model import open_model

    HELD[:] = [open_model(folder / "artifact", 1, precision=precision), rows(folder, count)]


def score_here(first: int, share: int) -> float:
    """Scores a share; gives the process's peak memory, MiB."""
    scorer, table = HELD
    scorer.score(table.slice(first, share))  # type: ignore[attr-defined]
    return peak_mb()


def files(folder: Path, count: int) -> Callable[[], object]:
    import pyarrow.parquet as pq

    from adjudge.jobs.score import ScoreConfig, score

    source, out = folder / "some.parquet", folder / "scores.parquet"
    pq.write_table(rows(folder, count), source)
    print(json.dumps({}), flush=True)
    return lambda: score(ScoreConfig(folder / "artifact", source, out))


def rows(folder: Path, count: int):  # type: ignore[no-untyped-def]
    import pyarrow.parquet as pq

    return pq.read_table(folder / "pairs.parquet").slice(0, count)


def serve(variant: str, folder: Path, count: int) -> None:
    """Load, warm up, say so in a line; then a line of figures for every line read."""
    if variant == "GEMM":
        gemm()
        print(json.dumps({}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(gemm()), flush=True)
        return
    if variant.startswith("Cross"):
        done = count // FEWER
        run = cross_encoder(folder, count, 1 if "1 thread" in variant else CORES)
    else:
        done = count
        run = ours(variant, folder, count)
    for _ in sys.stdin:
        began, spent = time.perf_counter(), time.process_time()
        told = run()
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
        peak = peak_mb()
        if "a process" in variant:
            # Processes of their own: their time cannot be seen from here before they end.
            peak, spent = float(told), 0.0
        figures = {"rate": done / seconds, "cpu_rate": done / spent if spent else 0.0, "peak_mb": peak}
        print(json.dumps(figures), flush=True)


class Worker:
    """One variant in a process of its own."""

    def __init__(self, variant: str, folder: Path, count: int) -> None:
        command = [
            sys.executable,
            __file__,
            "--folder",
            str(folder),
            "--count",
            str(count),
            "--serve",
            variant,
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.hear()

    def hear(self) -> dict[str, float]:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")

    def turn(self) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def work(folder: Path, count: int) -> dict[str, float]:
    """Tokens a pair, and floating-point operations a pair: of the model, and really done."""
    from adjudge.student.artifact import read
    from adjudge.student.encode import encode, load_tokenizer
    from adjudge.student.text import text_columns

    artifact = folder / "artifact"
    shape = json.loads((artifact / "config.json").read_text(encoding="utf-8"))
    width, layers, inner, heads = (
        shape[key] for key in ("hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads")
    )
    coded = encode(
        load_tokenizer(artifact), *text_columns(rows(folder, count)), read(artifact).max_length or 64
    )
    lengths = coded.lengths.astype(float)
    tokens, squares = float(lengths.mean()), float((lengths**2).mean())
    after = 2 * width * width + 4 * width * inner
    layer = tokens * (6 * width * width + after) + 4 * squares * width
    cls = 2 * width * width + after + 4 * tokens * width
    needed = (layers - 1) * layer + tokens * 4 * width * width + cls
    folded = 6 * width * width + after + 4 * heads * tokens * width
    done = (layers - 1) * layer - tokens * 6 * width * width + folded
    return {"tokens": tokens, "needed": needed, "done": done}


def measured(folder: Path, count: int, rounds: int) -> Iterator[dict[str, dict[str, float]]]:
    """Medians by variant, after each round."""
    began = time.perf_counter()
    workers = {}
    for name in VARIANTS:
        workers[name] = Worker(name, folder, count)
        print(f"{time.perf_counter() - began:6.1f} s  {name} is ready", file=sys.stderr, flush=True)
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, worker in workers.items():
            seen[name].append(worker.turn())
            print(
                f"{time.perf_counter() - began:6.1f} s  {name}: {seen[name][-1]}", file=sys.stderr, flush=True
            )
        yield {
            name: workers[name].ready
            | {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
            for name, turns in seen.items()
        }
    for worker in workers.values():
        worker.end()


def text_of(found: dict[str, dict[str, float]], load: dict[str, float], note: str) -> str:
    rates = found["GEMM"]
    best = found[THEIRS]["rate"]
    lines = ["# Scoring speed: the plain cross-encoder", "", note, ""]
    lines += [
        f"GEMM, float32: {rates['one']:.0f} GFLOP/s on one core, {rates['all']:.0f} on all; bfloat16 "
        f"{rates['bf16']:.0f} on all. A pair is {load['needed'] / 1e6:.1f} MFLOP, of which "
        f"{load['done'] / 1e6:.1f} are done.",
        "",
        f"| variant | pairs/s | of {THEIRS} | pairs/CPU s | of the GEMM limit | done | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in found.items():
        if name == "GEMM":
            continue
        limit = rates["one" if "1 " in name else "all"] * 1e9
        shares = [f"{values['rate'] * load[kind] / limit:.2f}" for kind in ("needed", "done")]
        label = f"{name}, batch {values['batch']:.0f}" if "batch" in values else name
        cells = [
            label,
            f"{values['rate']:,.0f}",
            f"{values['rate'] / best:.1f}",
            f"{values['cpu_rate']:,.0f}" if values["cpu_rate"] > 0 else "–",
            *shares,
        ]
        lines.append(f"| {' | '.join([*cells, format(values['peak_mb'], ',.0f')])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-score"))
    parser.add_argument("--count", type=int, default=24_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train-pairs", type=int, default=80_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="figures go to OUT.md and OUT.json")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.folder, given.count)
        return
    if not (given.folder / "pairs.parquet").exists():
        prepare(given.folder, given.train_pairs)
    if not given.rounds:
        return
    from adjudge.scoring.precision.cpu import units

    load = work(given.folder, given.count)
    began, before = time.perf_counter(), os.getloadavg()[0]
    names = ("sentence-transformers", "torch", "onnxruntime", "openvino")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    for turns, found in enumerate(measured(given.folder, given.count, given.rounds), 1):
        note = (
            f"`python bench/score.py --count {given.count} --rounds {given.rounds}` (medians of {turns} "
            f"turns; {load['tokens']:.1f} tokens a pair; {CORES} cores of {units().processor}, "
            f"{platform.machine()}; load {before:.1f} before; {time.perf_counter() - began:.0f} s; "
            f"{versions})"
        )
        text = text_of(found, load, note)
        given.out.with_suffix(".md").write_text(text, encoding="utf-8")
        values = {"note": note, "work": load, "variants": found}
        given.out.with_suffix(".json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
