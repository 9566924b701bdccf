"""A training table with a planted relation: a pair is relevant where keyphrase and title name one thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

KINDS = ("shoe", "lamp", "drill", "guitar", "kettle", "tent", "camera", "watch", "sofa", "bicycle")
COLOURS = ("red", "blue", "green", "black", "white", "yellow")
BRANDS = ("acme", "zenith", "orion", "delta", "nova", "apex")


def planted(rows: int, seed: int = 0, levels: int = 2) -> pa.Table:
    """Label 0: another kind of thing; 1: the right kind; with three levels 2: and the right colour."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        kind, other = rng.choice(KINDS, 2, replace=False)
        colour, hue = rng.choice(COLOURS, 2, replace=False)
        brand = rng.choice(BRANDS)
        label = int(rng.integers(0, levels))
        wanted = kind if label else other
        shown = colour if label != 1 or levels == 2 else hue
        made.append(
            {
                "item_id": f"i{number // 4}",
                "keyphrase": f"{colour} {wanted} {number}" if rng.random() < 0.2 else f"{colour} {wanted}",
                "title": f"{brand} {shown} {kind} size {rng.integers(1, 50)} new",
                "category": kind.title() + "s" if rng.random() < 0.9 else None,
                "label": float(label),
                "probability": None if rng.random() < 0.2 else 0.9 * min(label, 1) + 0.05,
                "weight": float(rng.choice([0.5, 1.0, 2.0])),
                "source": "llm",
                "split": ("train", "train", "train", "dev", "test")[number % 5],
            }
        )
    return pa.Table.from_pylist(made)


def write_planted(path: Path, rows: int, seed: int = 0, levels: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(planted(rows, seed, levels), path)
    return path
