"""How fast a student trains, and how much of the machine's matrix rate that is.

    python bench/train.py                               # a simulated market -> bench/results/train.md
    python bench/train.py --training runs/x/training.parquet --pairs 30000 --table -

Every variant runs in a process of its own on one thread, each `--repeats` times in turn, so that a busy
machine slows all alike; the table holds medians. `GEMM share` is the training's floating-point rate over that
of a (1024 x 128) x (128 x 512) product measured in the same process, just before and after.
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

RESULTS = Path(__file__).parent / "results" / "train.md"
VARIANTS: dict[str, dict[str, object]] = {
    "2 x 128, fp32 (default)": {},
    "2 x 128, bf16": {"precision": "bf16"},
    "2 x 128, 4096 tokens a step": {"batch_tokens": 4096},
    "2 x 384, MiniLM's layers": {"start": "minilm", "share": 0.2},
}


def gemm_rate() -> float:
    """GFLOP a CPU second of the feed-forward's own product, float32, one thread."""
    import torch

    left, right = torch.randn(1024, 128), torch.randn(128, 512)
    left @ right
    began = time.process_time()
    for _ in range(600):
        left @ right
    return 600 * 2 * 1024 * 128 * 512 / (time.process_time() - began) / 1e9


def flops_a_pair(model: object, tokens: float) -> float:
    """Multiply-adds x 2 of one pair forward, times 3 for training; in the last layer only [CLS] asks."""
    config = model.config  # type: ignore[attr-defined]
    width, layers, inner = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    token = 2 * (2 * width * width + 2 * width * inner) + 4 * tokens * width
    keys = 2 * 2 * width * width
    return 3 * ((layers - 1) * tokens * (token + keys) + tokens * keys + token)


def one(training: Path, pairs: int, values: dict[str, object]) -> dict[str, float]:
    """Train on `pairs` pairs; called in a process of its own."""
    import numpy as np
    import torch

    from adjudge.config import from_dict
    from adjudge.learn.loop import TrainingLoop, adamw, train_step
    from adjudge.quiet import quiet_transformers
    from adjudge.student.data import read_rows
    from adjudge.student.families import family_of
    from adjudge.student.settings import StudentSettings
    from adjudge.student.start import start
    from adjudge.student.task import prepare

    torch.set_num_threads(1)
    torch.manual_seed(0)
    settings = from_dict(StudentSettings, {**values, "max_pairs": pairs, "epochs": 1, "dev_rows": 1000})
    rows, dev = read_rows(training, settings)
    with quiet_transformers():
        task = prepare(start(settings, []), rows, dev, settings, family_of(settings.kind))
    run = TrainingLoop(task, settings, adamw(task.model, settings))
    plan = task.plan(np.random.default_rng([settings.seed, 2, 0]))
    for cut in plan[:3]:
        train_step(run, cut)
    rates = [gemm_rate()]
    began, clock = time.process_time(), time.perf_counter()
    for cut in plan[3:]:
        train_step(run, cut)
    cpu, wall = time.process_time() - began, time.perf_counter() - clock
    rates.append(gemm_rate())
    done = sum(map(len, plan[3:]))
    flops = flops_a_pair(task.model, float(task.train.pairs.lengths.mean())) * done / cpu / 1e9
    return {
        "per_cpu": done / cpu,
        "per_wall": done / wall,
        "share": flops / statistics.mean(rates),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def simulated(folder: Path) -> Path:
    """A small simulated market's `llm+-` training set."""
    from adjudge.jobs.recipe import RecipeConfig, recipe
    from adjudge.market.settings import MarketSettings
    from adjudge.market.simulate import simulate

    simulate(MarketSettings(), folder / "logs")
    recipe(RecipeConfig("llm+-", folder / "logs", folder / "recipe"))
    return folder / "recipe" / "training.parquet"


def measure(training: Path, pairs: int, repeats: int) -> dict[str, list[dict[str, float]]]:
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(repeats):
        for name, values in VARIANTS.items():
            given = {key: value for key, value in values.items() if key != "share"}
            count = int(pairs * float(str(values.get("share", 1))))
            command = [sys.executable, __file__, "--training", str(training), "--pairs", str(count)]
            done = subprocess.run(
                [*command, "--one", json.dumps(given)], capture_output=True, text=True, check=True
            )
            seen[name].append(json.loads(done.stdout.splitlines()[-1]))
    return seen


def table(seen: dict[str, list[dict[str, float]]], command: str) -> str:
    lines = [
        "# Training speed",
        "",
        f"`{command}`",
        f"(medians of {len(next(iter(seen.values())))}; one thread each; load {os.getloadavg()[0]:.1f} at "
        "the end)",
        "",
        "| student | pairs / CPU s | pairs / s | of the default | GEMM share | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    middle = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in seen.items()
    }
    base = next(iter(middle.values()))["per_cpu"]
    for name, values in middle.items():
        lines.append(
            f"| {name} | {values['per_cpu']:,.0f} | {values['per_wall']:,.0f} | "
            f"{values['per_cpu'] / base:.2f} | {values['share']:.2f} | {values['peak_mb']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--training", type=Path)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--table", default=str(RESULTS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.training, given.pairs, json.loads(given.one))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        training = given.training or simulated(Path(scratch))
        text = table(
            measure(training, given.pairs, given.repeats),
            f"python bench/train.py --pairs {given.pairs} --repeats {given.repeats}",
        )
    print(text)
    if given.table != "-":
        Path(given.table).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
