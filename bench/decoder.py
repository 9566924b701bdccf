"""How well the committed decoder judges a market that it never saw, beside word overlap on the same pairs.

    OMP_NUM_THREADS=1 python bench/decoder.py [--world 7] [--pairs 4000] [--model tests/decoder]

The pairs are judged by `adjudge judge --judge hf:MODEL` on each scale; the truth is the market's. Prints a
Markdown table. Word overlap is turned into yes and no at the threshold that is most accurate on these very
pairs: a favour to it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from adjudge.records import SCALES
from adjudge.stats.agreement import exact, kappa, within_one

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools" / "decoder"))

from pairs import PROMPTS, Pairs, step, worlds  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--model", type=Path, default=ROOT / "tests" / "decoder")
    given = parser.parse_args()
    market = worlds([given.world], 12_000)
    chosen = np.random.default_rng(given.world).permutation(len(market))[: given.pairs]
    relevant = market.grade[chosen] >= 2
    print("| judge | scale | scored | AUC | accuracy | within one | kappa | weighted kappa |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        table = write(market, chosen, Path(scratch) / "pairs.parquet")
        for scale in PROMPTS:
            out = ask(given.model, scale, table)
            print(row(f"decoder (`hf:`, {PROMPTS[scale]})", scale, out, market.grade[chosen], relevant))
    for name, scores in overlaps(market, chosen).items():
        cuts = np.unique(scores)
        best = max(cuts, key=lambda cut: float(((scores >= cut) == relevant).mean()))
        matrix = confusion(relevant.astype(int), (scores >= best).astype(int), 2)
        print(line(name, "binary", len(chosen), roc_auc_score(relevant, scores), matrix))


def write(market: Pairs, chosen: np.ndarray, path: Path) -> Path:
    rows = {
        "item_id": [str(k) for k in chosen],
        "keyphrase": [market.keyphrases[market.phrase[k]] for k in chosen],
        "title": [market.titles[market.item[k]] for k in chosen],
    }
    pq.write_table(pa.table(rows), path)
    return path


def ask(model: Path, scale: str, pairs: Path) -> pa.Table:
    out = pairs.with_name(f"{scale}.parquet")
    command = [sys.executable, "-m", "adjudge", "judge", "--pairs", pairs, "--judge", f"hf:{model}"]
    command += ["--scale", scale, "--log", out.with_suffix(".sqlite"), "--out", out]
    command += ["--set", f"prompt={model / PROMPTS[scale]}", "--set", "local.threads=1"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return pq.read_table(out)


def row(name: str, scale: str, out: pa.Table, grade: np.ndarray, relevant: np.ndarray) -> str:
    scored = np.array([status == "scored" for status in out["status"].to_pylist()])
    grades = SCALES[scale].grades
    said = np.array([grades.index(one) for one in out["grade"].filter(pa.array(scored)).to_pylist()])
    true = np.array([step(scale, int(one)) for one in grade[scored]])
    auc = roc_auc_score(relevant[scored], out["probability"].filter(pa.array(scored)).to_numpy())
    return line(name, scale, int(scored.sum()), auc, confusion(true, said, len(grades)))


def confusion(true: np.ndarray, said: np.ndarray, grades: int) -> np.ndarray:
    return np.bincount(true * grades + said, minlength=grades * grades).reshape(grades, grades).astype(float)


def line(name: str, scale: str, scored: int, auc: float, matrix: np.ndarray) -> str:
    near = f"{within_one(matrix):.3f}" if len(matrix) > 2 else ""
    weighted = f"{kappa(matrix, 'quadratic'):.3f}" if len(matrix) > 2 else ""
    same, chance = f"{exact(matrix):.3f}", f"{kappa(matrix):.3f}"
    return f"| {name} | {scale} | {scored:,} | {auc:.3f} | {same} | {near} | {chance} | {weighted} |"


def overlaps(market: Pairs, chosen: np.ndarray) -> dict[str, np.ndarray]:
    jaccard, coverage = [], []
    for k in chosen:
        title = set(market.titles[market.item[k]].lower().split())
        words = set(market.keyphrases[market.phrase[k]].lower().split())
        jaccard.append(len(title & words) / len(title | words))
        coverage.append(len(title & words) / len(words))
    return {
        "Jaccard index of the words": np.array(jaccard),
        "share of the keyphrase's words found": np.array(coverage),
    }


if __name__ == "__main__":
    main()
