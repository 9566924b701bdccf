"""Small made-up logs for the scorecard's tests: the ten pairs worked by hand, and random ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.scorecard.evidence import PairEvidence

Inputs = tuple[PairEvidence, dict[str, np.ndarray]]
"""Evidence, and the scores of each model in its order."""

TEN = """
item keyphrase     rec imp clicks sales revenue later_clicks later_sales passed relevant grade     A    B
a    red~phone     yes 100 40     4     400     20           2           yes    yes      excellent .9   .2
a    phone         yes 200 30     2     200     30           3           yes    yes      good      .8   .9
a    case          yes 50  0      0     0       0            0           no     no       fair      .3   .8
a    blue~phone    yes 40  5      1     90      10           1           yes    no       bad       .7   .1
b    sofa          yes 80  10     0     0       5            0           yes    yes      good      .6   .7
b    green~sofa    yes 30  5      2     600     5            1           yes    yes      excellent .6   .6
b    lamp          yes 10  0      0     0       0            0           no     no       bad       .5   .5
c    mug           yes 90  8      1     10      20           2           yes    yes      excellent .4   .4
c    cup           no  20  2      0     0       10           1           yes    yes      good      .2   .3
c    plate         yes 0   0      0     0       0            0           none   no       bad       none .1
"""
"""Ten pairs. Clicks 100, sales 10, revenue 1300; later clicks 100, later sales 10; nine recommended."""


def ten() -> dict[str, list]:
    lines = [line.split() for line in TEN.strip().splitlines()]
    return {name: [line[at] for line in lines[1:]] for at, name in enumerate(lines[0])}


def write_ten(folder: Path, order: list[int] | None = None) -> Path:
    """The ten pairs as a logs folder with scores files A.parquet and B.parquet beside it."""
    found = ten()
    rows = order or list(range(10))
    columns = {name: [values[r] for r in rows] for name, values in found.items()}
    columns["keyphrase"] = [text.replace("~", " ") for text in columns["keyphrase"]]
    pair = {"item_id": columns["item"], "keyphrase": columns["keyphrase"]}
    write(
        folder / "items.parquet",
        {"item_id": ["a", "b", "c"], "title": ["Phone", "Sofa", "Mug"], "category": ["tech", "home", "home"]},
    )
    write_where(folder / "pairs.parquet", pair, [v == "yes" for v in columns["rec"]])
    shown = [int(v) > 0 for v in columns["imp"]]
    clicks = {
        **pair,
        "impressions": [int(v) for v in columns["imp"]],
        "clicks": [int(v) for v in columns["clicks"]],
        "sales": [int(v) for v in columns["sales"]],
        "revenue": [float(v) for v in columns["revenue"]],
    }
    write_where(folder / "clicks.parquet", clicks, shown)
    later = {
        **pair,
        "impressions": [1000] * 10,
        "clicks": [int(v) for v in columns["later_clicks"]],
        "sales": [int(v) for v in columns["later_sales"]],
        "revenue": [0.0] * 10,
    }
    write_where(folder / "clicks_later.parquet", later, shown)
    known = [v != "none" for v in columns["passed"]]
    write_where(folder / "search.parquet", {**pair, "passed": [v == "yes" for v in columns["passed"]]}, known)
    truth = {**pair, "grade": columns["grade"], "relevant": [v == "yes" for v in columns["relevant"]]}
    write(folder / "truth.parquet", truth)
    for model in ("A", "B"):
        score = [None if v == "none" else float(v) for v in columns[model]]
        write(
            folder / f"{model}.parquet", {**pair, "score": score, "model_version": [model.lower() * 12] * 10}
        )
    return folder


def write(path: Path, columns: dict[str, list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def write_where(path: Path, columns: dict[str, list], keep: list[bool]) -> None:
    write(
        path, {name: [v for v, k in zip(values, keep, strict=True) if k] for name, values in columns.items()}
    )


def random_logs(folder: Path, rng: np.random.Generator, items: int, per_item: int = 8) -> Path:
    """A market of chance: relevance drawn, clicks and Search's verdicts leaning on it; models A, B, C lean on
    it less and less. Shuffled rows."""
    n = items * per_item
    phrases = max(items // 2, per_item + 1)
    item = np.repeat(np.arange(items), per_item)
    phrase = np.concatenate([rng.choice(phrases, per_item, replace=False) for _ in range(items)])
    relevant = rng.random(n) < 0.4
    shown = rng.poisson(60, n) * (rng.random(n) < 0.7)
    clicks = rng.binomial(shown, np.where(relevant, 0.12, 0.02))
    sales = rng.binomial(clicks, 0.2)
    order = rng.permutation(n)
    ids = [f"i{v:05d}" for v in item[order]]
    words = [f"word{v}" if v % 3 == 0 else f"two words{v}" for v in phrase[order]]
    pair = {"item_id": ids, "keyphrase": words}
    category = [f"c{v % 4}" for v in range(items)]
    names = [f"i{v:05d}" for v in range(items)]
    write(folder / "items.parquet", {"item_id": names, "title": names, "category": category})
    write(folder / "pairs.parquet", pair)

    def bought(clicked: np.ndarray, sold: np.ndarray) -> dict[str, list]:
        return {
            **pair,
            "impressions": shown[order].tolist(),
            "clicks": clicked[order].tolist(),
            "sales": sold[order].tolist(),
            "revenue": (sold[order] * 10.0).tolist(),
        }

    write(folder / "clicks.parquet", bought(clicks, sales))
    later = rng.binomial(shown, np.where(relevant, 0.12, 0.02))
    write(folder / "clicks_later.parquet", bought(later, rng.binomial(later, 0.2)))
    passed = rng.random(n) < np.where(relevant, 0.9, 0.3)
    write_where(
        folder / "search.parquet", {**pair, "passed": passed[order].tolist()}, (rng.random(n) < 0.9).tolist()
    )
    grade = np.where(relevant, rng.choice(["good", "excellent"], n), rng.choice(["bad", "fair"], n))
    write(
        folder / "truth.parquet",
        {**pair, "grade": grade[order].tolist(), "relevant": relevant[order].tolist()},
    )
    judged = np.where(rng.random(n) < 0.85, relevant, ~relevant)
    said = np.where(judged, "relevant", "irrelevant")[order].tolist()
    judge = {**pair, "judge": ["llm"] * n, "grade": said, "status": ["scored"] * n}
    write(folder / "judgments.parquet", judge)
    for model, noise in (("A", 0.6), ("B", 1.2), ("C", 3.0)):
        logit = np.where(relevant, 1.0, -1.0) + rng.normal(0, noise, n)
        score = (1 / (1 + np.exp(-logit)))[order]
        write(
            folder / f"{model}.parquet",
            {**pair, "score": score.round(3).tolist(), "model_version": [model.lower() * 12] * n},
        )
    return folder
