"""What retrieval finds of the truth, and how fast it is on one core.

    OMP_NUM_THREADS=1 taskset -c 0 python bench/retrieve.py            # -> bench/results/retrieve.md
    OMP_NUM_THREADS=1 python bench/retrieve.py --only recall --sample 500

Truth is the simulated market's own: for a sample of items, the grade of every keyphrase there is (not only of
those that its Advertising recommends). recall@k is the share of an item's relevant keyphrases (good or
excellent) among its first k, averaged over items that have any; `searches found` weighs each by its searches;
precision@k is the share of the first k (or fewer) that is relevant.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from peak import peak_mb

from adjudge.jobs.retrieve import BuildGraphConfig, RetrieveConfig, build_graph, retrieve
from adjudge.market import catalogue
from adjudge.market.phrases import draw_phrases
from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.market.simulate import simulate
from adjudge.market.truth import GOOD, grade_pairs
from adjudge.market.world import stream
from adjudge.retrieve.graph import Graph, load
from adjudge.retrieve.search import search
from adjudge.retrieve.settings import GraphSettings, RetrievalSettings
from adjudge.retrieve.words import cut

RESULTS = Path(__file__).parent / "results" / "retrieve.md"
AT = (10, 20, 50)


@dataclass(frozen=True)
class Case:
    """Sampled items, and for each which of the graph's keyphrases are relevant: (items, keyphrases) bool."""

    titles: pa.Array
    categories: pa.Array
    relevant: np.ndarray
    searches: np.ndarray


def case(logs: Path, settings: MarketSettings, graph: Graph, sample: int) -> Case:
    shop = catalogue.build_shop(settings.seed)
    items = catalogue.draw_items(shop, settings.catalogue, stream(settings.seed, "items"))
    phrases = draw_phrases(
        items, shop, settings.catalogue, settings.buyers.searches, stream(settings.seed, "keyphrases")
    )
    table = pq.read_table(logs / "items.parquet", columns=["title", "category"]).combine_chunks()
    rows = np.sort(stream(settings.seed, "retrieve bench").choice(len(table), sample, replace=False))
    count = len(phrases.text)
    grades = grade_pairs(
        items, phrases.traits, shop, np.repeat(rows, count), np.tile(np.arange(count), sample)
    )
    at = {text: number for number, text in enumerate(phrases.text.to_pylist())}
    order = np.array([at[text] for text in graph.phrases.to_pylist()])
    relevant = (grades.grade >= GOOD).reshape(sample, count)[:, order]
    found = table.take(pa.array(rows))
    return Case(
        found["title"].combine_chunks(), found["category"].combine_chunks(), relevant, phrases.volume[order]
    )


def ours(graph: Graph, case: Case, settings: RetrievalSettings) -> list[np.ndarray]:
    found = search(graph, case.titles, case.categories, settings)
    return np.split(found.phrase, np.searchsorted(found.row, np.arange(1, len(case.titles))))


def at_random(graph: Graph, case: Case, most: int) -> list[np.ndarray]:
    """Keyphrases of the item's own category, drawn at random."""
    rng = stream(7, "random keyphrases")
    members = {}
    for name, number in graph.categories.items():
        ends = np.searchsorted(graph.keys, [number * len(graph.words), (number + 1) * len(graph.words)])
        members[name] = np.unique(graph.edges[slice(*graph.starts[ends])])
    return [rng.permutation(members[name])[:most] for name in case.categories.to_pylist()]


def bm25(graph: Graph, case: Case, most: int, k1: float = 1.2, b: float = 0.75) -> list[np.ndarray]:
    """Okapi BM25 of the title's words over all keyphrases as documents; ties as the graph numbers them."""
    lengths = graph.lengths.astype(np.float64)
    norm = (k1 + 1) / (1 + k1 * (1 - b + b * lengths / lengths.mean()))
    cuts = cut(case.titles, graph.about.settings.fold_plurals, 64)
    words = np.array([graph.words.get(word, -1) for word in cuts.words.to_pylist()])
    ranked = []
    for row in range(len(case.titles)):
        score = np.zeros(len(lengths))
        for word in words[cuts.word[cuts.row == row]]:
            if word >= 0:
                at = int(np.searchsorted(graph.keys, word))
                holders = graph.edges[graph.starts[at] : graph.starts[at + 1]]
                rare = np.log(1 + (len(lengths) - len(holders) + 0.5) / (len(holders) + 0.5))
                score[holders] += rare * norm[holders]
        best = np.argsort(-score, kind="stable")[:most]
        ranked.append(best[score[best] > 0])
    return ranked


def figures(case: Case, ranked: list[np.ndarray]) -> dict[str, float]:
    told = {}
    total = case.relevant.sum(axis=1)
    volume = case.relevant @ case.searches
    for k in AT:
        recall, searched, precision = [], [], []
        for row, phrases in enumerate(ranked):
            if not total[row]:
                continue
            hit = case.relevant[row, phrases[:k]]
            recall.append(hit.sum() / total[row])
            searched.append(case.searches[phrases[:k]][hit].sum() / volume[row])
            precision.append(hit.mean() if len(hit) else 0.0)
        told[f"recall@{k}"] = float(np.mean(recall))
        told[f"searches found@{k}"] = float(np.mean(searched))
        told[f"precision@{k}"] = float(np.mean(precision))
    return told


def recall_tables(logs: Path, settings: MarketSettings, scratch: Path, sample: int) -> list[str]:
    files = {"keyphrases": logs / "keyphrases.parquet"}
    clicked = {**files, "clicks": logs / "clicks.parquet", "items": logs / "items.parquet"}
    graphs = {
        "clicks": graph_of(scratch / "clicks", clicked, GraphSettings()),
        "alone": graph_of(scratch / "alone", files, GraphSettings()),
        "unfolded": graph_of(scratch / "unfolded", clicked, GraphSettings(fold_plurals=False)),
    }
    cases = {name: case(logs, settings, graph, sample) for name, graph in graphs.items()}
    most, here, known = max(AT), graphs["clicks"], cases["clicks"]
    rows = {
        "lta (the default)": ours(here, known, RetrievalSettings()),
        "lta, plurals kept apart": ours(graphs["unfolded"], cases["unfolded"], RetrievalSettings()),
        "lta, fill": ours(here, known, RetrievalSettings(fill=True)),
        "lta, coverage 1 only": ours(here, known, RetrievalSettings(alignment="coverage", min_alignment=1.0)),
        "coverage": ours(here, known, RetrievalSettings(alignment="coverage")),
        "jaccard": ours(here, known, RetrievalSettings(alignment="jaccard")),
        "lta, no clicks": ours(graphs["alone"], cases["alone"], RetrievalSettings()),
        "lta, no clicks, fill": ours(graphs["alone"], cases["alone"], RetrievalSettings(fill=True)),
        "lta, whole graph": everywhere(here, known, "lta"),
        "jaccard, whole graph": everywhere(here, known, "jaccard"),
        "BM25, whole graph": bm25(here, known, most),
        "random, own category": at_random(here, known, most),
    }
    of = {"lta, plurals kept apart": "unfolded"} | dict.fromkeys(
        ("lta, no clicks", "lta, no clicks, fill"), "alone"
    )
    heads = [f"{what}@{k}" for what in ("recall", "searches found", "precision") for k in AT]
    lines = ["| ranked by | " + " | ".join(heads) + " | candidates |", "|---" * (len(heads) + 2) + "|"]
    for name, ranked in rows.items():
        told = figures(cases[of.get(name, "clicks")], ranked)
        mean = np.mean([len(one) for one in ranked])
        lines.append(f"| {name} | " + " | ".join(f"{told[head]:.3f}" for head in heads) + f" | {mean:.1f} |")
    per_item = known.relevant.sum(axis=1)
    lines += [
        "",
        f"{sample} items, {len(here.phrases):,} keyphrases; relevant an item: mean {per_item.mean():.1f}, "
        f"median "
        f"{np.median(per_item):.0f}, 90th percentile {np.percentile(per_item, 90):.0f}; "
        f"{reachable(here, known):.3f} of them share a word with the title: no ranking by words finds the "
        f"rest.",
    ]
    return lines


def reachable(graph: Graph, known: Case) -> float:
    """Share of relevant keyphrases that share a word with the title, averaged over items."""
    none = pa.nulls(len(known.titles), pa.string())
    every = RetrievalSettings(per_item=100_000)
    case_ = Case(known.titles, none, known.relevant, known.searches)
    shares = [
        known.relevant[row, phrases].sum() / known.relevant[row].sum()
        for row, phrases in enumerate(ours(graph, case_, every))
        if known.relevant[row].any()
    ]
    return float(np.mean(shares))


def everywhere(graph: Graph, known: Case, alignment: str) -> list[np.ndarray]:
    none = pa.nulls(len(known.titles), pa.string())
    return ours(
        graph,
        Case(known.titles, none, known.relevant, known.searches),
        RetrievalSettings(alignment=alignment),
    )


def graph_of(out: Path, files: dict[str, Path], settings: GraphSettings) -> Graph:
    build_graph(BuildGraphConfig(out=out, graph=settings, **files))
    return load(out)


def speed(logs: Path, graph: Path, per_item: int, fill: bool) -> dict[str, float]:
    """Items and pairs a second, Parquet to Parquet, opening the graph included."""
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        asked = RetrieveConfig(
            graph,
            logs / "items.parquet",
            Path(scratch) / "pairs.parquet",
            workers=1,
            search=RetrievalSettings(per_item=per_item, fill=fill),
        )
        began, worked = time.perf_counter(), time.process_time()
        done = retrieve(asked)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return {
        "items_s": done.items / seconds,
        "pairs_s": done.pairs / seconds,
        "items_cpu_s": done.items / cpu,
        "pairs_cpu_s": done.pairs / cpu,
        "peak_mb": peak_mb(),
    }


SIZES = ((12_000, 30_000), (50_000, 120_000))


def speed_table(folder: Path) -> list[str]:
    """Each row is a process of its own."""
    lines = [
        "| items | keyphrases | edges | a item | items/s | pairs/s | items/s of CPU | pairs/s of CPU | peak "
        "MB |",
        "|---" * 9 + "|",
    ]
    notes = []
    for items, keyphrases in SIZES:
        logs, graph = folder / f"logs-{items}", folder / f"graph-{items}"
        simulate(MarketSettings(catalogue=CatalogueSettings(items=items, keyphrases=keyphrases)), logs)
        worked = time.process_time()
        files = [logs / f"{name}.parquet" for name in ("clicks", "items")]
        built = build_graph(BuildGraphConfig(logs / "keyphrases.parquet", graph, *files))
        size = sum(file.stat().st_size for file in graph.rglob("*") if file.is_file()) / 1e6
        notes.append(
            f"{built.keyphrases:,} keyphrases: built in {time.process_time() - worked:.1f} s of CPU, "
            f"{size:.1f} MB"
        )
        for per_item, fill in ((20, False), (50, False), (200, False), (50, True)):
            asked = [sys.executable, __file__, "--speed", str(logs), str(graph), "--per-item", str(per_item)]
            done = subprocess.run(asked + ["--fill"] * fill, capture_output=True, text=True, check=True)
            told = [part.split("=")[1] for part in done.stdout.split()]
            cells = [f"{items:,}", f"{built.keyphrases:,}", f"{built.edges:,}"]
            lines.append("| " + " | ".join([*cells, f"{per_item}{', fill' if fill else ''}", *told]) + " |")
    return [*lines, "", "; ".join(notes) + "."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=("recall", "speed"), help="measure one; the other's table stays")
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--speed", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--per-item", type=int, default=50, help=argparse.SUPPRESS)
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        folder = Path(scratch)
        if given.speed:
            told = speed(*given.speed, given.per_item, given.fill)
            print(" ".join(f"{name}={value:,.0f}" for name, value in told.items()))
            return
        found, fast = RESULTS.read_text(encoding="utf-8").split(SPEED) if given.only else ("", "")
        if given.only != "speed":
            found = "\n".join(recall_section(folder, given.sample)) + "\n\n"
        if given.only != "recall":
            fast = "\n".join(["", "", *speed_table(folder), "", note("--only speed")]) + "\n"
    RESULTS.write_text(found + SPEED + fast, encoding="utf-8")
    print(found + SPEED + fast)


SPEED = "## Speed, one process on one core, Parquet to Parquet"


def recall_section(folder: Path, sample: int) -> list[str]:
    settings = MarketSettings()
    simulate(settings, folder / "logs")
    lines = recall_tables(folder / "logs", settings, folder, sample)
    return ["# Retrieval", "", "## What it finds", "", *lines, "", note(f"--only recall --sample {sample}")]


def note(arguments: str) -> str:
    return (
        f"`OMP_NUM_THREADS=1 taskset -c 0 python bench/retrieve.py {arguments}`; load "
        f"{os.getloadavg()[0]:.1f} at the "
        "end, on a machine of 2 shared cores."
    )


if __name__ == "__main__":
    main()
