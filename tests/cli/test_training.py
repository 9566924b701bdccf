"""What `adjudge train` and `adjudge score` print: metrics, nothing learned, an unset threshold."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from adjudge.cli.commands import app
from adjudge.jobs.train import unproven
from adjudge.manifest import set_threshold
from planted import write_planted

SMALL = (
    "max_length=24",
    "batch_tokens=512",
    "threads=1",
    "evaluations=2",
    "width=32",
    "layers=1",
    "epochs=1",
)


def train(folder: Path, training: Path, *settings: str) -> Result:
    words = ["train", "--training", str(training), "--out", str(folder / "artifact")]
    for setting in (*SMALL, *settings):
        words += ["--set", f"student.{setting}"]
    return CliRunner().invoke(app, words)


def test_a_student_that_learned_nothing_is_told_as_that(tmp_path: Path) -> None:
    """All rows hold the same texts, so that every score is the same: a dev AUC of exactly .5."""
    rows = pq.read_table(write_planted(tmp_path / "planted.parquet", 1_500))
    for name in ("keyphrase", "category", "title"):
        same = pa.array(["red mug"] * len(rows), rows[name].type)
        rows = rows.set_column(rows.column_names.index(name), name, same)
    pq.write_table(rows, tmp_path / "alike.parquet")
    done = train(tmp_path, tmp_path / "alike.parquet")
    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    train_rows = pq.read_table(tmp_path / "alike.parquet")["split"].to_pylist().count("train")
    assert "dev AUC 0.500" in shown
    assert "is not distinguishable from 0.5 (chance): nothing shows that it learned anything" in shown
    assert f"from {train_rows:,} rows; try student.kind=split (it learns from fewer) or more rows" in shown
    assert "tokenise: 1 of 1" in done.stderr


def test_the_table_says_what_is_what(tmp_path: Path) -> None:
    done = train(tmp_path, write_planted(tmp_path / "training.parquet", 2_500), "max_pairs=1100")
    assert done.exit_code == 0, done.output
    assert "measured on dev" not in done.stdout
    rows = [re.split(r"[│┃]", line) for line in done.stdout.splitlines()]
    cells = {parts[1].strip(): parts[2].strip() for parts in rows if len(parts) == 4}
    assert cells["training"] == "value"
    assert cells["train rows"] == "1,100"
    assert cells["pairs_seen"] == "1,100"
    assert cells["stopped_early"] == "no"


@pytest.mark.parametrize(
    ("auc", "dev", "relevant", "warned"),
    [
        (0.532, 330, 165, True),
        (0.532, 10_000, 5_000, False),
        (0.3, 10_000, 5_000, True),
        (0.9, 6, 3, False),
        (None, 100, 0, False),
        (0.5, 100, 100, False),
    ],
)
def test_when_it_is_told(auc: float | None, dev: int, relevant: int, warned: bool) -> None:
    metrics = {"rows": 2_669, "dev_auc": auc, "dev_rows": dev, "dev_relevant": relevant}
    assert len(unproven(metrics, "try more rows")) == warned


def test_a_threshold_that_nobody_set_is_told(artifact: Path, tmp_path: Path) -> None:
    shutil.copytree(artifact, tmp_path / "model")
    words = ["score", "--artifact", str(tmp_path / "model"), "--pairs", str(artifact / "golden.parquet")]
    words += ["--out", str(tmp_path / "scores.parquet"), "--set", "workers=1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "threshold 0.5: nobody set it, it is the default: adjudge evaluate finds one" in done.stdout
    set_threshold(tmp_path / "model", 0.5, 0.95, "95 % of clicks")
    done = CliRunner().invoke(app, [*words[:-4], "--out", str(tmp_path / "again.parquet"), *words[-2:]])
    assert done.exit_code == 0, done.output
    assert "nobody set it" not in done.stdout
