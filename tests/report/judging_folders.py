"""Folders as `adjudge agree` and `adjudge cascade` write them, by running both on tables drawn from a
seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.cascade.settings import CascadeSettings
from adjudge.jobs.agree import AgreeConfig, agree
from adjudge.jobs.cascade.cascade import CascadeConfig, cascade
from adjudge.records import FOUR
from adjudge.stats.sampling import Sampling
from adjudge.trust.settings import TrustSettings

SAMPLING = Sampling(replicates=200)
TITLE = 'Trail shoes "wide" & <b>waterproof</b>'


def tables(folder: Path, pairs: int = 1_600, seed: int = 3) -> Path:
    """logs of one scale, four: two judges, people on half of the pairs, clicks, items. The cheap judge knows
    when it is sure."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    named = {
        "item_id": [f"i{n // 4}" for n in range(pairs)],
        "keyphrase": [("trail shoes" if n % 3 else "shoes") + f" {n % 4}" for n in range(pairs)],
    }
    truth = rng.integers(0, 4, pairs)
    sure = rng.random(pairs)
    _judge(folder / "cheap.parquet", named, "cheap & <small>", truth, sure, rng)
    _judge(folder / "strong.parquet", named, "strong", truth, np.full(pairs, 0.93), rng)
    half = [index for index in range(pairs) for _ in range(2) if index % 2]
    graded = np.clip(truth[half] + (rng.random(len(half)) < 0.05), 0, 3)
    people = {key: [values[index] for index in half] for key, values in named.items()}
    people |= {"annotator": ["a", "b"] * (len(half) // 2), "grade": [FOUR.grades[g] for g in graded]}
    pq.write_table(pa.table(people), folder / "people.parquet")
    shown = rng.integers(20, 90, pairs)
    clicks = rng.binomial(shown, 0.02 + 0.09 * truth)
    logged = {**named, "position": rng.integers(1, 4, pairs), "impressions": shown, "clicks": clicks}
    pq.write_table(pa.table(logged), folder / "clicks.parquet")
    ids = sorted(set(named["item_id"]))
    category = [f"Category {n % 15:02d}" for n in range(len(ids))]
    pq.write_table(
        pa.table({"item_id": ids, "title": [TITLE] * len(ids), "category": category}),
        folder / "items.parquet",
    )
    return folder


def _judge(
    path: Path,
    named: dict[str, list[str]],
    name: str,
    truth: np.ndarray,
    sure: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Right with chance `sure`, else one step off; the expected step is as near as the judge is sure."""
    pairs = len(truth)
    off = np.where(truth == 3, 2, truth + 1)
    step = np.where(rng.random(pairs) < sure, truth, off)
    toward = np.where(step == 3, -1, 1)
    columns = {
        **named,
        "judge": [name] * pairs,
        "grade": [FOUR.grades[one] for one in step],
        "probability": np.where(step >= 2, 0.5 + sure / 2, 0.5 - sure / 2),
        "status": ["scored"] * pairs,
        "expected": step + toward * (1 - sure),
        "cost": [0.0002 if name == "strong" else 0.0] * pairs,
    }
    pq.write_table(pa.table(columns), path)


def agreed(logs: Path, out: Path, judge: str = "cheap", **trust: Any) -> Path:
    asked = AgreeConfig(
        logs / f"{judge}.parquet",
        logs / "people.parquet",
        out,
        scale="four",
        clicks=logs / "clicks.parquet",
        items=logs / "items.parquet",
        simulated=("judges", "people"),
        paired={"position": str(logs / f"{judge}.parquet")},
        trust=TrustSettings(sampling=SAMPLING, **trust),
    )
    return agree(asked).out


def routed(
    logs: Path, out: Path, target: float = 0.65, people: bool = True, region: Path | None = None
) -> Path:
    asked = CascadeConfig(
        str(logs / "cheap.parquet"),
        str(logs / "strong.parquet"),
        out,
        human=logs / "people.parquet" if people else None,
        scale="four",
        region=region,
        cascade=CascadeSettings(target=target, sampling=SAMPLING, sample=700),
    )
    return cascade(asked).out
