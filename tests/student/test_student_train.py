"""Real little trainings: every head, going on after a kill, and what an artifact holds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadArtifact, BadConfig, BadTable, NotEnoughData
from adjudge.jobs.train import TrainConfig, train
from adjudge.scoring.check import check
from adjudge.scoring.open_model import open_model
from adjudge.student import artifact as artifacts
from adjudge.student.settings import StudentSettings
from adjudge.student.text import text_columns
from adjudge.student.train import train as train_student
from planted import planted, write_planted

TINY = StudentSettings(
    epochs=1, max_length=24, batch_tokens=512, threads=1, evaluations=2, width=32, layers=1
)


def run(folder: Path, settings: StudentSettings, rows: int = 300, levels: int = 2) -> Path:
    training = write_planted(folder / "training.parquet", rows, levels=levels)
    return train(TrainConfig(training, folder / "artifact", student=settings)).artifact


def crossed(artifact: Path, rows: pa.Table) -> np.ndarray:
    from sentence_transformers import CrossEncoder

    first, second = (texts.to_pylist() for texts in text_columns(rows))
    return CrossEncoder(str(artifact), device="cpu").predict(list(zip(first, second, strict=True)))


def test_scores_equal_cross_encoder_predict(artifact: Path) -> None:
    rows = pq.read_table(artifact / "golden.parquet")
    ours = open_model(artifact).score(rows)
    assert np.abs(crossed(artifact, rows) - ours).max() < 1e-5
    assert np.abs(rows["score"].to_numpy() - ours).max() < 1e-4
    assert ours.std() > 0.02


def test_scores_equal_transformers(artifact: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    rows = planted(40, seed=9)
    model, tokenizer = (
        kind.from_pretrained(artifact) for kind in (AutoModelForSequenceClassification, AutoTokenizer)
    )
    first, second = (texts.to_pylist() for texts in text_columns(rows))
    with torch.no_grad():
        inputs = tokenizer(first, second, padding=True, truncation=True, return_tensors="pt")
        logits = model.eval()(**inputs).logits[:, 0]
    assert np.abs(torch.sigmoid(logits).numpy() - open_model(artifact).score(rows)).max() < 1e-5


def test_the_manifest_is_complete(artifact: Path) -> None:
    manifest = artifacts.guard(artifact)
    assert (manifest.kind, manifest.section.head, manifest.section.max_length) == (
        "cross-encoder",
        "binary",
        24,
    )
    assert manifest.recipe == "llm+-"
    assert manifest.threshold == 0.5
    assert "not yet set" in manifest.threshold_by.how
    assert to_dict(from_dict(StudentSettings, manifest.config)) == manifest.config
    assert manifest.metrics["rows"] == 360
    assert manifest.metrics["dev_rows"] == 120
    assert manifest.metrics["pairs_seen"] == 3600
    assert len(manifest.metrics["history"]) == 2
    assert {"ece_before", "ece_after", "platt_a", "platt_b", "dev_auc"} <= set(manifest.metrics)
    golden = pq.read_table(artifact / "golden.parquet")
    assert golden.column_names == ["item_id", "keyphrase", "category", "title", "logit", "score"]
    assert len(golden) == 64 + 10
    folded = 1 / (1 + np.exp(-golden["logit"].to_numpy()))
    assert np.abs(folded - golden["score"].to_numpy()).max() < 1e-9


@pytest.mark.parametrize("head", ["probability", "coral", "corn"])
def test_every_head_trains_exports_and_scores(head: str, tmp_path: Path) -> None:
    levels = 2 if head == "probability" else 3
    settings = replace(TINY, head=head, start="random", vocabulary=300)
    artifact = run(tmp_path, settings, levels=levels)
    assert check(artifact).worst < 1e-5
    rows = pq.read_table(artifact / "golden.parquet")
    predicted = crossed(artifact, rows).reshape(len(rows), -1)
    if head == "corn":
        predicted = np.cumprod(predicted, axis=1)
    assert np.abs(predicted.mean(axis=1) - open_model(artifact).score(rows)).max() < 1e-5
    metrics = artifacts.read(artifact).metrics
    assert (metrics.get("rows_without_probability", 0) > 0) == (head == "probability")


def test_coral_keeps_equal_rows_for_plain_transformers(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    artifact = run(tmp_path, replace(TINY, head="coral", start="random", vocabulary=300), levels=3)
    weights = load_file(artifact / "model.safetensors")
    assert weights["classifier.weight"].shape == (2, 32)
    assert (weights["classifier.weight"][0] == weights["classifier.weight"][1]).all()
    assert weights["classifier.bias"][0] > weights["classifier.bias"][1]


def test_same_seed_same_bytes_other_seed_other(tmp_path: Path) -> None:
    versions = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        settings = replace(TINY, seed=seed, start="random", vocabulary=300, dropout=0.1)
        versions.append(artifacts.read(run(tmp_path / name, settings)).model_version)
    assert versions[0] == versions[1] != versions[2]


KILLED = """
import sys, time
from pathlib import Path
from adjudge.config import load
from adjudge.jobs.train import TrainConfig, train
def slow(what, done, total):
    if what == "train" and Path(sys.argv[2]).exists():
        time.sleep(0.2)
train(load(TrainConfig, Path(sys.argv[1])), slow)
"""


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    from adjudge.config import save

    settings = replace(TINY, epochs=4, evaluations=4, dropout=0.1, start="random", vocabulary=300)
    whole = run(tmp_path / "whole", settings)
    (tmp_path / "killed").mkdir()
    shutil.copy(tmp_path / "whole" / "training.parquet", tmp_path / "killed")
    config = TrainConfig(tmp_path / "killed/training.parquet", tmp_path / "killed/artifact", student=settings)
    save(config, tmp_path / "config.json")
    checkpoint = tmp_path / "killed/.artifact.work/checkpoint.pt"
    job = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "config.json"), str(checkpoint)])
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    assert checkpoint.exists()
    assert not config.out.exists()
    seen: list[int] = []
    train(config, lambda what, done, total: seen.append(done) if what == "train" else None)
    assert seen[0] > 180, "it began again instead of going on"
    assert not checkpoint.exists()
    assert artifacts.read(config.out).model_version == artifacts.read(whole).model_version
    for name in ("model.safetensors", "adjudge.json", "golden.parquet"):
        assert (config.out / name).read_bytes() == (whole / name).read_bytes()


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    rows = planted(300).to_pylist()
    rng = np.random.default_rng(0)
    for row in rows:
        row["label"] = float(rng.integers(0, 2))
    training = tmp_path / "training.parquet"
    pq.write_table(pa.Table.from_pylist(rows), training)
    settings = replace(TINY, epochs=100, evaluations=100, patience=2, lr=0.01, width=64)
    result = train_student(training, settings, tmp_path / "artifact", open_model)
    assert result.stopped_early
    assert result.pairs_seen < 100 * 180
    losses = [entry["dev_loss"] for entry in artifacts.read(result.artifact).metrics["history"]]
    assert result.dev_loss == pytest.approx(min(losses), abs=1e-6)
    assert losses[-1] > min(losses)


def test_an_export_that_does_not_match_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    class Off:
        def __init__(self, folder: Path) -> None:
            self.scorer = open_model(folder)

        def score(self, pairs: pa.Table) -> np.ndarray:
            return np.clip(self.scorer.score(pairs) + 2e-4, 0, 1)

    training = write_planted(tmp_path / "training.parquet", 100)
    with pytest.raises(BadArtifact, match="export refused: ONNX and torch scores differ by 2.00e-04"):
        train_student(training, replace(TINY, start="random"), tmp_path / "artifact", Off)
    assert not (tmp_path / "artifact").exists()
    assert not (tmp_path / ".artifact.new").exists()


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    rows = planted(100)
    path = tmp_path / "training.parquet"
    out = tmp_path / "artifact"

    def fails(table: pa.Table, error: type[Exception], match: str) -> None:
        pq.write_table(table, path)
        with pytest.raises(error, match=match):
            train(TrainConfig(path, out, student=TINY))

    label = rows.schema.get_field_index("label")
    ones = pa.array(np.ones(100))
    fails(rows.set_column(label, "label", ones), NotEnoughData, "1 distinct labels")
    fails(
        rows.set_column(label, "label", pa.array(np.full(100, 2.0))),
        BadTable,
        "such as 2.0; allowed are 0, 1",
    )
    fails(rows.drop_columns(["split"]), BadTable, "needs column split")
    path.write_bytes(b"not parquet")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        train(TrainConfig(path, out, student=TINY))
    pq.write_table(rows, path)
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BadConfig, match="is not an artifact: it is left alone"):
        train(TrainConfig(path, out, student=TINY))
    assert (out / "notes.txt").read_text() == "mine"


def test_the_test_split_and_weightless_rows_teach_nothing(tmp_path: Path) -> None:
    rows = planted(300).to_pylist()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for row in rows:
        if row["split"] == "test":
            row["label"] = 1 - row["label"]
    extra = [
        {**rows[0], "item_id": "x", "weight": 0.0, "label": 1.0},
        {**rows[0], "item_id": "y", "title": " "},
    ]
    pq.write_table(pa.Table.from_pylist([*rows, *extra]), tmp_path / "b.parquet")
    versions = [
        train(TrainConfig(tmp_path / f"{name}.parquet", tmp_path / name, student=TINY)).model_version
        for name in ("a", "b")
    ]
    assert versions[0] == versions[1]


def test_without_dev_rows_a_student_trains_uncalibrated(tmp_path: Path) -> None:
    rows = planted(100)
    rows = rows.filter(pa.compute.not_equal(rows["split"], "dev"))
    pq.write_table(rows, tmp_path / "training.parquet")
    result = train_student(tmp_path / "training.parquet", TINY, tmp_path / "artifact", open_model)
    assert result.dev_auc is None
    assert "platt_a" not in artifacts.read(result.artifact).metrics


def test_training_can_start_from_an_artifact(artifact: Path, tmp_path: Path) -> None:
    settings = replace(TINY, start=str(artifact))
    again = run(tmp_path, settings)
    config = json.loads((again / "config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"]) == (128, 2)


@pytest.mark.slow
def test_a_student_learns_a_planted_relation(tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score

    settings = StudentSettings(epochs=8, max_length=24, threads=1)
    artifact = run(tmp_path, settings, rows=8000)
    rows = planted(4000, seed=99)
    auc = roc_auc_score(rows["label"].to_numpy(), open_model(artifact).score(rows))
    assert auc > 0.9
