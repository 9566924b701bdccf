"""A small labelled set in the shape of the ESCI slice: kinds of things in colours, by makers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.scorecard.settings import ScorecardSettings
from adjudge.student.distil import DistilSettings
from adjudge.student.sample_by_rank import UnlabelledSettings
from adjudge.student.settings import StudentSettings
from examples.esci.real import LessonSettings, RealConfig

KINDS = ("shoe", "lamp", "chair", "kettle", "guitar", "blanket", "backpack", "mirror")
COLOURS = ("red", "blue", "green", "black", "white", "yellow")
MAKERS = ("Northwind", "Acme", "Fabrikam", "Contoso")
SPLITS = ("train", "train", "train", "dev", "test")


def write_slice(path: Path, queries: int = 50, seed: int = 0) -> Path:
    """`queries` x 6 pairs: E where kind and colour agree, S where the kind does, C or I where it does not.

    Every fifth query or so is dev, the next test; test comes from two sources.
    """
    rng = np.random.default_rng(seed)
    rows = []
    wanted = [(kind, colour) for kind in KINDS for colour in COLOURS]
    for number, place in enumerate(rng.permutation(len(wanted))[:queries]):
        kind, colour = wanted[place]
        split = SPLITS[number % len(SPLITS)]
        for step in range(6):
            other = str(rng.choice([one for one in KINDS if one != kind]))
            tint = str(rng.choice([one for one in COLOURS if one != colour]))
            label, shown = (
                ("E", f"{colour} {kind}"),
                ("S", f"{tint} {kind}"),
                ("I", f"{colour} {other}"),
                ("C", f"{tint} {other}"),
                ("E", f"{kind} in {colour}"),
                ("I", f"{tint} {other} set"),
            )[step]
            maker = str(rng.choice(MAKERS))
            rows.append(
                {
                    "query_id": number,
                    "query": f"{colour} {kind}",
                    "product_id": f"P{number:03}{step}",
                    "title": f"{maker} {shown}, model {number * 7 + step}",
                    "brand": maker,
                    "label": label,
                    "split": split,
                    "source": "second" if split == "test" and number % 2 else "first",
                }
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def small(data: Path, out: Path) -> RealConfig:
    """`real` on a slice, in seconds."""
    return RealConfig(
        data,
        out,
        student=StudentSettings(width=64, soft=True, threads=1, golden=8, max_length=32, batch_tokens=512),
        distil=DistilSettings(
            cosine_pairs=300,
            teacher_pairs=1500,
            anchor_pairs=100,
            unlabelled=UnlabelledSettings(phrases=60, near=10, plausible=40),
        ),
        teacher=LessonSettings(lr=1e-3, evaluations=1),
        cosine=LessonSettings(lr=1e-3, evaluations=1),
        labels=LessonSettings(epochs=2, lr=5e-4, evaluations=1),
        replicates=50,
        scorecard=ScorecardSettings(cluster="keyphrase", min_clusters=5, min_support=5, replicates=50),
    )
