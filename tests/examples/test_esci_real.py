"""The job `real` on a small labelled slice: the whole chain, what it leaves, and that dev alone decides."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from esci_slice import small, write_slice
from sklearn.metrics import roc_auc_score

from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.score import ScoreConfig, score
from adjudge.scoring.open_model import open_model
from examples.esci import figures, tables
from examples.esci.real import GIVEN_SPLITS, Real, RealConfig, real

SLICE = Path(__file__).parents[3] / "shared" / "data" / "esci"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RealConfig, Real]:
    folder = tmp_path_factory.mktemp("real")
    config = small(write_slice(folder / "data" / "pairs.parquet").parent, folder / "out")
    return config, real(config)


def test_it_leaves_report_metrics_and_a_plain_artifact(run: tuple[RealConfig, Real]) -> None:
    from transformers import AutoModelForSequenceClassification

    config, done = run
    assert done.artifact == config.out / "artifact"
    assert "ESCI" in done.report.read_text(encoding="utf-8")
    stated = json.loads((config.out / "metrics.json").read_text(encoding="utf-8"))
    assert stated["figures"] == json.loads(json.dumps(done.figures.rows))
    assert stated["config"]["distil"]["teacher_pairs"] == 1500
    assert stated["seconds"]["in all"] > 0
    plain = AutoModelForSequenceClassification.from_pretrained(done.artifact)
    assert plain.config.num_labels == 1
    assert plain.config.hidden_size == 64


def test_figures_are_those_of_the_score_files(run: tuple[RealConfig, Real]) -> None:
    config, done = run
    for split, models in (("dev", ("student", "cosine", "after teacher")), ("test", ("student", "jaccard"))):
        truth = {
            (row["item_id"], row["keyphrase"]): row["relevant"]
            for row in pq.read_table(config.out / split / "logs" / "truth.parquet").to_pylist()
        }
        for model in models:
            rows = pq.read_table(config.out / split / "scores" / f"{model}.parquet").to_pylist()
            wanted = roc_auc_score(
                [truth[row["item_id"], row["keyphrase"]] for row in rows], [row["score"] for row in rows]
            )
            row = done.figures.one("AUC", split, model)
            assert row["value"] == pytest.approx(wanted, abs=1e-9)
            assert row["pairs"] == len(rows) == len(truth)


def test_differences_and_sources_are_there(run: tuple[RealConfig, Real]) -> None:
    _, done = run
    student, bar = (done.figures.one("AUC", "test", model)["value"] for model in ("student", "jaccard"))
    row = done.figures.one("AUC", "test", "student", minus="jaccard")
    assert row["value"] == pytest.approx(student - bar)
    assert row["low"] <= row["value"] <= row["high"]
    for source in ("first", "second"):
        assert done.figures.one("AUC", "test", "student", segment=source)["pairs"] > 0
    assert done.figures.one("nDCG@10", "test", "student")["value"] > 0.5


def test_only_the_student_and_the_bars_see_test(run: tuple[RealConfig, Real]) -> None:
    config, done = run
    assert {path.stem for path in (config.out / "test" / "scores").glob("*.parquet")} == {
        "student",
        "jaccard",
        "cosine",
    }
    models = {row["model"] for row in done.figures.rows if row["split"] == "dev"}
    assert {"after cosine", "after teacher", "teacher", "token overlap", "student"} <= models


def test_given_splits_are_kept_and_test_labels_teach_nothing(run: tuple[RealConfig, Real]) -> None:
    config, _ = run
    given = pq.read_table(config.data / "pairs.parquet").to_pylist()
    split = {(row["product_id"], row["query"]): row["split"] for row in given}
    training = pq.read_table(config.out / "recipe" / "placed" / "training.parquet").to_pylist()
    assert len(training) == len(given)
    assert all(row["split"] == split[row["item_id"], row["keyphrase"]] for row in training)
    labels = pq.read_table(config.out / "lessons" / "labels.parquet").to_pylist()
    human = [row for row in labels if row["source"] == "human"]
    assert human
    assert all(split[row["item_id"], row["keyphrase"]] == row["split"] != "test" for row in human)


def test_the_threshold_keeps_the_asked_share_of_dev(run: tuple[RealConfig, Real]) -> None:
    config, done = run
    dev = figures.read(config.out / "dev", {"student": config.out / "dev" / "scores" / "student.parquet"})
    relevant = dev.scores["student"][dev.relevant]
    threshold = open_model(done.artifact).threshold
    assert threshold is not None
    assert (relevant >= threshold).mean() >= config.retention
    assert (relevant > threshold).mean() < config.retention


def test_the_same_seed_gives_the_same_scores(run: tuple[RealConfig, Real], tmp_path: Path) -> None:
    config, done = run
    again = real(replace(config, out=tmp_path / "again"))
    first, second = (
        [row["value"] for row in one.figures.rows if row["metric"] == "AUC"] for one in (done, again)
    )
    assert first == second
    weights = [(one.artifact / "model.safetensors").read_bytes() for one in (done, again)]
    assert weights[0] == weights[1]


def test_texts_of_train_alone(tmp_path: Path) -> None:
    from adjudge.student.distil import lessons

    config = small(write_slice(tmp_path / "pairs.parquet"), tmp_path / "out")
    rows = pq.read_table(tmp_path / "pairs.parquet").rename_columns(
        ["g", "keyphrase", "item_id", "title", "brand", "grade", "split", "source"]
    )
    label = np.isin(rows["grade"].to_pylist(), ["E", "S"]).astype(float)
    training = rows.append_column("label", pa.array(label)).append_column(
        "category", pa.nulls(len(rows), pa.string())
    )
    train = {row["title"] for row in training.to_pylist() if row["split"] == "train"}
    for texts in ("train", "all"):
        made = lessons(training, replace(config.distil, texts=texts), tmp_path / texts)
        seen = pq.read_table(made.tables["teacher"]).to_pylist()
        unlabelled = {row["title"] for row in seen if row["source"] == "teacher grades"}
        assert (unlabelled <= train) is (texts == "train")
        assert all(0 < row["probability"] < 1 for row in seen)


def test_a_folder_that_is_no_esci_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="holds no ESCI data"):
        real(RealConfig(tmp_path, tmp_path / "out"))


def test_official_names_are_read_as_the_official_pair_of_files(tmp_path: Path) -> None:
    for name in tables.OFFICIAL:
        (tmp_path / name).touch()
    found = tables.source(tmp_path, tmp_path / "logs")
    assert found.products == tmp_path / tables.OFFICIAL[1]
    assert found.small_version


def test_dev_is_cut_out_of_train_by_keyphrase_where_none_is_given(
    run: tuple[RealConfig, Real], tmp_path: Path
) -> None:
    config, _ = run
    shutil.copytree(config.out / "logs", tmp_path / "logs")
    labelled = tmp_path / "logs" / "labelled.parquet"
    table = pq.read_table(labelled)
    place = table.column_names.index("split")
    both = ["test" if one == "test" else "train" for one in table["split"].to_pylist()]
    pq.write_table(table.set_column(place, "split", pa.array(both)), labelled)
    dev = replace(GIVEN_SPLITS, shares=(0.6, 0.4, 0.0))
    counts = tables.place(tmp_path / "logs", tmp_path / "splits.parquet", dev, None)
    assert counts["dev"] > 0
    rows = pq.read_table(tmp_path / "splits.parquet").to_pylist()
    splits_of: dict[str, set[str]] = {}
    for row in rows:
        splits_of.setdefault(row["keyphrase"], set()).add(row["split"])
    assert all(len(one) == 1 for one in splits_of.values())
    fewer = tables.place(tmp_path / "logs", tmp_path / "fewer.parquet", dev, 20)
    assert all(0 < number <= 20 for number in fewer.values())
    with pytest.raises(NotEnoughData, match="no labelled pair in split"):
        tables.place(tmp_path / "logs", tmp_path / "none.parquet", dev, 2)


def test_keeping_takes_the_highest_threshold() -> None:
    scores = np.array([0.9, 0.7, 0.6, 0.2])
    assert figures.keeping(scores, 0.7) == 0.6
    assert figures.keeping(scores, 0.75) == 0.6
    assert figures.keeping(scores, 1.0) == 0.2


def test_a_labelled_pair_without_a_score_is_refused(run: tuple[RealConfig, Real], tmp_path: Path) -> None:
    config, _ = run
    path = config.out / "dev" / "scores" / "student.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(1), tmp_path / "short.parquet")
    with pytest.raises(BadTable, match="no score for 1 of"):
        figures.read(config.out / "dev", {"student": tmp_path / "short.parquet"})


@pytest.mark.parametrize(
    ("field", "value"), [("rows", 3), ("retention", 0.0), ("replicates", 1), ("seed", -1)]
)
def test_settings_outside_their_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(BadConfig, match=field):
        RealConfig(Path("x"), **{field: value})  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(not SLICE.exists(), reason="the ESCI slice is not on this machine")
def test_the_student_beats_both_bars_on_esci(tmp_path: Path) -> None:
    done = real(RealConfig(SLICE, tmp_path / "esci"))
    for split in ("dev", "test"):
        student = done.figures.one("AUC", split, "student")["value"]
        for bar in ("jaccard", "cosine"):
            assert student > done.figures.one("AUC", split, bar)["value"]
    pairs = tmp_path / "esci" / "test" / "logs" / "to_score.parquet"
    scored = score(ScoreConfig(done.artifact, pairs, tmp_path / "scores.parquet"))
    assert scored.unscored == 0
