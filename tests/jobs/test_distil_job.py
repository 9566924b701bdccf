"""Distillation end to end: a cross-encoder teaches a split student on pairs that nobody labelled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from adjudge.errors import BadTable
from adjudge.jobs.distil import DistilConfig, _graded, distil
from adjudge.manifest import read_any
from adjudge.recipes.splits import split_sql
from adjudge.scoring.open_model import open_model
from adjudge.student.sample_pairs import PlausibleSettings
from adjudge.student.settings import StudentSettings
from planted import planted, write_planted


def logs_of(folder: Path) -> Path:
    rows = planted(200, seed=21)
    folder.mkdir()
    items = {name: rows[name].to_pylist() for name in ("item_id", "title", "category")}
    seen = dict.fromkeys(items["item_id"])
    first = [items["item_id"].index(item) for item in seen]
    pq.write_table(
        pa.table({name: [column[row] for row in first] for name, column in items.items()}),
        folder / "items.parquet",
    )
    pq.write_table(
        pa.table({"keyphrase": sorted(set(rows["keyphrase"].to_pylist()))}), folder / "keyphrases.parquet"
    )
    return folder


def config_of(teacher: Path, folder: Path) -> DistilConfig:
    # No kind here, as when the command line sets other fields: the job's own kind decides.
    student = StudentSettings(layers=1, epochs=4, max_length=24, batch_tokens=512, threads=1, evaluations=1)
    return DistilConfig(
        teacher,
        write_planted(folder / "training.parquet", 200, seed=3),
        logs_of(folder / "logs"),
        folder / "artifact",
        unlabelled=PlausibleSettings(pairs=1200),
        student=student,
    )


def test_the_student_learns_the_teachers_order(artifact: Path, tmp_path: Path) -> None:
    config = config_of(artifact, tmp_path)
    done = distil(config)
    lesson = pq.read_table(done.lesson)
    assert (done.unlabelled, done.labelled, done.ungraded) == (len(lesson) - 160, 160, 0)
    assert read_any(config.out)["kind"] == "split-encoder"
    assert done.trained.recipe == f"distilled from {open_model(artifact).version}"
    rows = planted(300, seed=31)
    theirs, ours = (open_model(folder).score(rows) for folder in (artifact, config.out))
    assert roc_auc_score(theirs > 0.5, ours) > 0.9


def test_the_lesson_holds_no_pair_of_dev_or_test_unlabelled(artifact: Path, tmp_path: Path) -> None:
    config = config_of(artifact, tmp_path)
    lesson = pq.read_table(distil(config).lesson).to_pylist()
    labelled = {(row["item_id"], row["keyphrase"]) for row in pq.read_table(config.training).to_pylist()}
    own = [row for row in lesson if row["source"] == "teacher"]
    assert own
    with duckdb.connect() as db:
        db.register("own", pa.Table.from_pylist(own).select(["item_id", "keyphrase"]))
        splits = db.sql(f"SELECT DISTINCT {split_sql(config.splits)} FROM own").fetchall()
    assert splits == [("train",)]
    assert not labelled & {(row["item_id"], row["keyphrase"]) for row in own}
    assert "test" not in {row["split"] for row in lesson}


def test_targets_by_hand() -> None:
    """Trust .5, label 1, score .6: .8; a dev row keeps its score; a row without a score is left out."""
    rows = pa.table(
        {
            "item_id": ["a", "b", "c"],
            "keyphrase": ["k"] * 3,
            "title": ["t"] * 3,
            "label": [1.0, 0.0, 1.0],
            "weight": [2.0, 1.0, 1.0],
            "source": ["llm"] * 3,
            "split": ["train", "dev", "train"],
        }
    )
    made = _graded(rows, np.array([0.6, 0.3, np.nan]), 0.5)
    assert made["probability"].to_pylist() == pytest.approx([0.8, 0.3])
    assert made["label"].to_pylist() == [1.0, 0.0]
    assert made["weight"].to_pylist() == [2.0, 1.0]
    alone = _graded(rows.select(["item_id", "keyphrase", "title"]), np.array([0.6, 0.3, 0.5]), 0.0)
    assert alone["label"].to_pylist() == [1.0, 0.0, 0.0]
    assert alone["probability"].to_pylist() == [0.6, 0.3, 0.5]


def test_logs_without_keyphrases_are_refused(artifact: Path, tmp_path: Path) -> None:
    config = config_of(artifact, tmp_path)
    (config.logs / "keyphrases.parquet").unlink()
    with pytest.raises(BadTable, match="holds no keyphrases.parquet"):
        distil(replace(config, seed=8))
