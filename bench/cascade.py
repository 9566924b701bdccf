"""The cascade's promise on the simulated market: how often a region is chosen, validated, and true on pairs
that were not used before; what one threshold for both grades would hold; and what a bound without clusters
would have let through.

OMP_NUM_THREADS=1 .venv/bin/python bench/cascade.py --splits 60
OMP_NUM_THREADS=1 .venv/bin/python bench/cascade.py --speed 1000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.cascade import validation
from adjudge.cascade.region import LabelledAnswers, confidence
from adjudge.cascade.settings import CascadeSettings
from adjudge.jobs.cascade.cascade import CascadeConfig
from adjudge.jobs.cascade.cascade import cascade as job
from adjudge.market.generated import generated_world
from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, MarketSettings
from adjudge.market.simulate import play
from adjudge.records import BINARY, FOUR, no_progress
from adjudge.trust import compare
from adjudge.trust.reading import Sources, read
from adjudge.trust.settings import TrustSettings


@dataclass
class Tally:
    """Of one target: regions chosen, validated, validated but below the target on the third part; share that
    stands."""

    chosen: int = 0
    shown: int = 0
    short: int = 0
    standing: float = 0.0

    def add(
        self,
        first: LabelledAnswers,
        second: LabelledAnswers,
        fresh: LabelledAnswers,
        grades: int,
        settings: CascadeSettings,
    ) -> None:
        choice = validation.choose(first, grades, settings)
        if choice.index == 0:
            return
        self.chosen += 1
        bound = second.bound(choice.region, settings.level)
        if bound.low is None or bound.low < settings.target:
            return
        self.shown += 1
        inside = choice.region.inside(fresh.step, fresh.confidence)
        self.standing += float(inside.mean())
        self.short += bool(fresh.right[inside].mean() < settings.target)


def labelled(folder: Path, judge: str, items: int, seed: int) -> LabelledAnswers:
    """A market's judge against its people's unanimous labels, on a random sample of pairs."""
    settings = MarketSettings(
        seed=seed,
        catalogue=CatalogueSettings(items=items, keyphrases=2 * items, pairs_per_item=12),
        annotators=AnnotatorSettings(pairs=6 * items, hard=0.0, skew=1.0),
    )
    play(generated_world(settings, no_progress), settings, folder)
    files = folder / "judgments.parquet", folder / "annotations.parquet"
    evidence = read(Sources(*files, BINARY, FOUR, judge=judge))
    pairs = compare.compared(evidence, TrustSettings())
    sure = confidence(evidence.step, evidence.probability, evidence.expected, BINARY)
    rows, right = pairs.both, pairs.judge == pairs.human
    whole = LabelledAnswers(
        evidence.item, evidence.step, sure, right, right, right, np.ones(len(right), bool)
    )
    return whole.at(rows)


def speed(pairs: int, folder: Path) -> None:
    """Processor time and peak memory of the job on two judges' tables, a fiftieth of the pairs labelled."""
    rng = np.random.default_rng(0)
    number = np.arange(pairs)
    named = {
        "item_id": pa.array(np.char.add("item", (number // 10).astype(str))),
        "keyphrase": pa.array(np.char.add("keyphrase ", (number % 10).astype(str))),
    }
    truth, sure = rng.random(pairs) < 0.5, rng.random(pairs)
    said = np.where(rng.random(pairs) < 0.5 + sure / 2, truth, ~truth)
    strong = np.where(rng.random(pairs) < 0.95, truth, ~truth)
    for name, says in (("cheap", said), ("strong", strong)):
        columns = {"judge": [name] * pairs, "status": ["scored"] * pairs, "cost": np.full(pairs, 0.001)}
        columns |= {"grade": np.where(says, "relevant", "irrelevant")}
        columns |= {"probability": np.where(says, 0.5 + sure / 2, 0.5 - sure / 2)}
        pq.write_table(pa.table({**named, **columns}), folder / f"{name}.parquet")
    graded = pa.table({**named, "grade": np.where(truth, "good", "bad")})
    drawn = np.sort(rng.choice(pairs, pairs // 50, replace=False))
    pq.write_table(graded.take(pa.array(drawn)), folder / "people.parquet")
    before, began = time.process_time(), time.perf_counter()
    both = str(folder / "cheap.parquet"), str(folder / "strong.parquet")
    done = job(CascadeConfig(*both, folder / "out", human=folder / "people.parquet"))
    spent, took = time.process_time() - before, time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{pairs:,} pairs: {done.verdict}, {spent:.1f} s of processor time, {took:.1f} s, peak {peak:.2f} GB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=100)
    parser.add_argument("--items", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--speed", type=int, default=0)
    options = parser.parse_args()
    if options.speed:
        with tempfile.TemporaryDirectory() as scratch:
            speed(options.speed, Path(scratch))
        return
    print("judge target  way             chosen validated  below on fresh  stands (mean)")
    for judge, targets in (("llm", (0.75, 0.8, 0.85)), ("tuned", (0.9, 0.95, 0.97))):
        with tempfile.TemporaryDirectory() as scratch:
            answers = labelled(Path(scratch), judge, options.items, options.seed)
        for target in targets:
            tallies = {"a threshold each": Tally(), "one threshold": Tally()}
            for split in range(options.splits):
                third = (
                    np.random.default_rng(split).permutation(int(answers.item.max()) + 1)[answers.item] % 3
                )
                parts = [answers.at(third == part) for part in range(3)]
                blind = [replace(part, step=np.zeros_like(part.step)) for part in parts]
                settings = CascadeSettings(target=target)
                tallies["a threshold each"].add(*parts, 2, settings)
                tallies["one threshold"].add(*blind, 2, settings)
            for way, tally in tallies.items():
                stands = tally.standing / tally.shown if tally.shown else float("nan")
                counts = f"{tally.chosen:6d} {tally.shown:9d} {tally.short:15d} {stands:14.3f}"
                print(f"{judge:5s} {target:6.2f}  {way:17s}{counts}", flush=True)
    print(
        f"{options.splits} splits by item, {len(answers):,} labelled pairs in three parts, "
        f"seed {options.seed}"
    )


if __name__ == "__main__":
    main()
