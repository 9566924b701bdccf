"""A student as a judge on a scale of three grades: by its ordinal head, or by cut points on its one score."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import manifest
from adjudge.errors import BadConfig
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.jobs.student_as_judge import grader
from adjudge.jobs.train import TrainConfig, train
from adjudge.records import BINARY, FOUR, ORDINAL3
from adjudge.scoring.open_model import open_model
from adjudge.stats.calibration import Cuts, logit, sigmoid
from adjudge.student.export import reference_logits
from adjudge.student.settings import StudentSettings
from planted import write_planted


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CORAL student of three levels, really trained."""
    folder = tmp_path_factory.mktemp("coral")
    settings = StudentSettings(
        head="coral", levels=3, epochs=8, lr=2e-3, max_length=24, batch_tokens=512, threads=1, evaluations=2
    )
    training = write_planted(folder / "training.parquet", 600, levels=3)
    return train(TrainConfig(training, folder / "artifact", "human", student=settings)).artifact


def pairs_of(stepped: Path, rows: int = 60) -> pa.Table:
    table = pq.read_table(stepped.parent / "training.parquet").slice(0, rows)
    return table.select(["item_id", "keyphrase", "title", "category"])


def judged(artifact: Path, folder: Path, pairs: pa.Table, scale: str) -> list[dict[str, object]]:
    keyed = pairs.set_column(0, "item_id", pa.array([str(row) for row in range(len(pairs))]))
    pq.write_table(keyed, folder / "pairs.parquet")
    out = folder / f"{scale}.parquet"
    config = JudgeConfig(
        folder / "pairs.parquet", f"student:{artifact}", folder / f"{scale}.sqlite", out, scale
    )
    done = judge(config)
    assert done.written is not None
    assert done.written.scored == len(pairs)
    return pq.read_table(out).to_pylist()


def test_a_coral_student_judges_on_three_grades(stepped: Path, tmp_path: Path) -> None:
    pairs = pairs_of(stepped)
    rows = judged(stepped, tmp_path, pairs, "ordinal3")
    above = sigmoid(reference_logits(stepped, pairs))
    grades = np.column_stack([1 - above[:, 0], above[:, 0] - above[:, 1], above[:, 1]])
    assert [row["probability"] for row in rows] == pytest.approx(above[:, 0].tolist(), abs=1e-4)
    assert [row["expected"] for row in rows] == pytest.approx(above.sum(1).tolist(), abs=2e-4)
    sure = np.sort(grades, axis=1)[:, -1] - np.sort(grades, axis=1)[:, -2] > 1e-3
    wanted = [ORDINAL3.grades[place] for place in grades.argmax(1)]
    assert [r["grade"] for r, s in zip(rows, sure, strict=True) if s] == [
        g for g, s in zip(wanted, sure, strict=True) if s
    ]
    assert len({row["grade"] for row in rows}) >= 2


def test_on_binary_it_says_how_likely_it_is_relevant(stepped: Path, tmp_path: Path) -> None:
    pairs = pairs_of(stepped)
    three, two = judged(stepped, tmp_path, pairs, "ordinal3"), judged(stepped, tmp_path, pairs, "binary")
    assert [row["probability"] for row in two] == pytest.approx(
        [row["probability"] for row in three], abs=1e-9
    )


def test_cut_points_make_a_plain_student_ordinal(artifact: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(artifact, own)
    pairs = pq.read_table(artifact.parent / "training.parquet").slice(0, 50)
    pairs = pairs.select(["item_id", "keyphrase", "title", "category"])
    with pytest.raises(BadConfig, match="adjudge tune --base student:"):
        grader(own, ORDINAL3)
    before = open_model(own).version
    cuts = Cuts("ordinal3", 1.0, (-float(np.log(3)), 0.5))
    manifest.set_cuts(own, cuts)
    rows = judged(own, tmp_path, pairs, "ordinal3")
    scores = open_model(own).score(pairs)
    assert [row["probability"] for row in rows] == pytest.approx(
        cuts.above(logit(scores))[:, 0].tolist(), abs=1e-9
    )
    assert open_model(own).version == before
    first = grader(own, ORDINAL3).version
    manifest.set_cuts(own, Cuts("ordinal3", 1.0, (0.0, 0.5)))
    assert grader(own, ORDINAL3).version not in (first, before)
    assert grader(own, BINARY).version == before
    with pytest.raises(BadConfig, match="judges on binary, ordinal3; asked is four"):
        grader(own, FOUR)
