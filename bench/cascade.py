"""The cascade's promise on the simulated market: how often a region is chosen, validated, and true on pairs that nobody
looked at; what one threshold for both grades would hold; and what a bound without clusters would have let through.

OMP_NUM_THREADS=1 .venv/bin/python bench/cascade.py --splits 100 > bench/results/cascade.txt
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from adjudge.market.generated import generated_world
from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, MarketSettings
from adjudge.market.simulate import play
from adjudge.records import BINARY, FOUR, no_progress
from adjudge.trust import cascade, compare
from adjudge.trust.cascade import CascadeSettings, Held
from adjudge.trust.reading import Sources, read
from adjudge.trust.region import confidence
from adjudge.trust.settings import TrustSettings


@dataclass
class Tally:
    """Of one target: regions chosen, validated, validated but below the target on the third part; share that stands."""

    chosen: int = 0
    shown: int = 0
    short: int = 0
    standing: float = 0.0

    def add(self, first: Held, second: Held, fresh: Held, grades: int, asked: CascadeSettings) -> None:
        found = cascade.choose(first, grades, asked)
        if found.place == 0:
            return
        self.chosen += 1
        bound = cascade.validate(second, found.region, asked)
        if bound.low is None or bound.low < asked.target:
            return
        self.shown += 1
        inside = found.region.inside(fresh.step, fresh.confidence)
        self.standing += float(inside.mean())
        self.short += bool(fresh.right[inside].mean() < asked.target)


def labelled(folder: Path, judge: str, items: int, seed: int) -> Held:
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
    whole = Held(evidence.item, evidence.step, sure, right, right, right, np.ones(len(right), bool))
    return whole.at(rows)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--splits", type=int, default=100)
    ask.add_argument("--items", type=int, default=1_500)
    ask.add_argument("--seed", type=int, default=5)
    asked = ask.parse_args()
    print("judge target  way             chosen validated  below on fresh  stands (mean)")
    for judge, targets in (("llm", (0.75, 0.8, 0.85)), ("tuned", (0.9, 0.95, 0.97))):
        with tempfile.TemporaryDirectory() as scratch:
            held = labelled(Path(scratch), judge, asked.items, asked.seed)
        for target in targets:
            told = {"a threshold each": Tally(), "one threshold": Tally()}
            for split in range(asked.splits):
                third = np.random.default_rng(split).permutation(int(held.item.max()) + 1)[held.item] % 3
                parts = [held.at(third == part) for part in range(3)]
                blind = [replace(part, step=np.zeros_like(part.step)) for part in parts]
                settings = CascadeSettings(target=target)
                told["a threshold each"].add(*parts, 2, settings)
                told["one threshold"].add(*blind, 2, settings)
            for way, one in told.items():
                stands = one.standing / one.shown if one.shown else float("nan")
                counts = f"{one.chosen:6d} {one.shown:9d} {one.short:15d} {stands:14.3f}"
                print(f"{judge:5s} {target:6.2f}  {way:17s}{counts}", flush=True)
    print(f"{asked.splits} splits by item, {len(held):,} labelled pairs in three parts, seed {asked.seed}")


if __name__ == "__main__":
    main()
