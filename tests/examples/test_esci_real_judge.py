"""The job `real-judge` on a small labelled slice: judges from train, dev chooses, test is measured once, per
source."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from esci_slice import small, write_slice
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from adjudge.errors import BadConfig, BadTable
from adjudge.llm.sft import SftSettings
from adjudge.records import ORDINAL3
from adjudge.stats.sampling import Sampling
from examples.esci import judge_tables
from examples.esci.real import LessonSettings, RealConfig, real
from examples.esci.real_judge import MAJORITY, UNTUNED, RealJudgeConfig, RealJudged, real_judge

PROMPT = (
    "# User\nitem {title} keyphrase {keyphrase}\n# Grades\n"
    "- high = high: x\n- moderate = yes: x\n- irrelevant = no: x\n"
)


def shorter(data: Path, out: Path) -> RealConfig:
    """Fewer pairs still, seen more often: what is judged afterwards need not be good."""
    config = small(data, out)
    distil = replace(config.distil, cosine_pairs=0, teacher_pairs=1200)
    scorecard = replace(config.scorecard, replicates=20)
    teacher = replace(config.teacher, epochs=16)
    return replace(
        config, cosine=LessonSettings(), teacher=teacher, distil=distil, replicates=20, scorecard=scorecard
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RealJudgeConfig, RealJudged]:
    folder = tmp_path_factory.mktemp("real-judge")
    begun = real(shorter(write_slice(folder / "data" / "pairs.parquet").parent, folder / "real"))
    spec = importlib.util.spec_from_file_location("models", Path(__file__).parents[1] / "llm" / "models.py")
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    (folder / "prompt.md").write_text(PROMPT)
    config = RealJudgeConfig(
        begun.out,
        folder / "out",
        targets=("even",),
        coral=LessonSettings(epochs=2, lr=5e-4, evaluations=1),
        decoder=str(models.build(folder / "decoder")),
        decoder_prompt=folder / "prompt.md",
        sft=SftSettings(rank=4, lr=1e-2, epochs=2, evaluations=2, threads=1, device="cpu"),
        sampling=Sampling(replicates=50, min_clusters=5),
    )
    return config, real_judge(config)


@pytest.mark.slow
def test_dev_chooses_one_judge_of_each_kind(run: tuple[RealJudgeConfig, RealJudged]) -> None:
    config, done = run
    names = {row["judge"] for row in done.rows if row["split"] == "dev"}
    students = {f"cuts, {s}, {t}" for s in ("after teacher", "student") for t in config.targets}
    students |= {f"coral, {target}" for target in config.targets}
    decoders = {f"decoder, {target}" for target in config.decoder_targets}
    assert names == students | decoders | {UNTUNED, MAJORITY}
    kappa = {name: done.one(name, "dev", "kappa")["value"] for name in students}
    assert kappa[done.chosen["student"]] == max(kappa.values())
    assert {row["judge"] for row in done.rows if row["split"] == "test"} == {
        *done.chosen.values(),
        UNTUNED,
        MAJORITY,
    }
    assert {path.stem for path in (config.out / "test").glob("*.parquet")} - {"pairs", "human"} == {
        *done.chosen.values(),
        UNTUNED,
    }


def grades(config: RealJudgeConfig, name: str) -> tuple[list[int], list[int]]:
    truth = pq.read_table(config.out / "test" / "human.parquet")["grade"].to_pylist()
    said = pq.read_table(config.out / "test" / f"{name}.parquet")["grade"].to_pylist()
    both = [(t, s) for t, s in zip(truth, said, strict=True) if s is not None]
    return [ORDINAL3.index(t) for t, _ in both], [ORDINAL3.index(s) for _, s in both]


@pytest.mark.slow
def test_figures_are_those_of_the_judgments_and_of_agree(run: tuple[RealJudgeConfig, RealJudged]) -> None:
    config, done = run
    name = done.chosen["student"]
    truth, said = grades(config, name)
    values: dict[str, Any] = {
        "exact": np.mean(np.equal(truth, said)),
        "within_one": np.mean(np.abs(np.subtract(truth, said)) <= 1),
        "kappa": cohen_kappa_score(truth, said, weights="quadratic"),
        "balanced": balanced_accuracy_score(truth, said),
    }
    agreed = json.loads((config.out / "agree" / name / "all" / "agree.json").read_text())
    for metric, value in values.items():
        row = done.one(name, "test", metric)
        assert row["value"] == pytest.approx(value)
        assert agreed["agreement"][metric]["value"] == pytest.approx(value)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["queries"] < row["pairs"]
    assert np.array(done.confusion[name]).sum() == len(truth)
    assert np.trace(np.array(done.confusion[name])) == sum(t == s for t, s in zip(truth, said, strict=True))


@pytest.mark.slow
def test_each_source_is_measured_alone(run: tuple[RealJudgeConfig, RealJudged]) -> None:
    config, done = run
    name = done.chosen["student"]
    parts = [done.one(name, "test", "exact", segment) for segment in ("first", "second")]
    assert sum(row["pairs"] for row in parts) == done.one(name, "test", "exact")["pairs"]
    for segment, row in zip(("first", "second"), parts, strict=True):
        agreed = json.loads((config.out / "agree" / name / segment / "agree.json").read_text())
        assert agreed["agreement"]["exact"]["value"] == pytest.approx(row["value"])


@pytest.mark.slow
def test_the_majority_stands_beside_and_learning_beats_it(run: tuple[RealJudgeConfig, RealJudged]) -> None:
    _, done = run
    assert done.one(MAJORITY, "test", "kappa")["value"] == pytest.approx(0)
    assert done.one(MAJORITY, "test", "balanced")["value"] == pytest.approx(1 / 3)
    assert done.one(done.chosen["student"], "test", "kappa")["value"] > 0.1


@pytest.mark.slow
def test_no_test_label_was_used_before_the_end(run: tuple[RealJudgeConfig, RealJudged]) -> None:
    config, _ = run
    split = {
        (row["item_id"], row["keyphrase"]): row["split"]
        for row in pq.read_table(config.out / "splits.parquet").to_pylist()
    }
    steps = pq.read_table(config.out / "steps" / "coral, even.parquet").to_pylist()
    assert {split[row["item_id"], row["keyphrase"]] for row in steps} == {"train", "dev"}
    told = json.loads((config.out / "judges" / "cuts, student, even.tune" / "tune.json").read_text())
    assert told["left_out"]["in neither train nor dev"] == sum(one == "test" for one in split.values())


@pytest.mark.slow
def test_a_train_row_weighs_as_its_class_does_in_the_matched_mix(
    run: tuple[RealJudgeConfig, RealJudged], tmp_path: Path
) -> None:
    config, _ = run
    tables = judge_tables.write(config.real, tmp_path)
    even = pq.read_table(judge_tables.write_steps(tables, tmp_path / "even.parquet", "even", 6.0))
    plain = pq.read_table(judge_tables.write_steps(tables, tmp_path / "plain.parquet", "as labelled", 6.0))
    assert set(plain["weight"].to_pylist()) == {1.0}
    train = [row for row in even.to_pylist() if row["split"] == "train"]
    sums = [sum(row["weight"] for row in train if row["label"] == step) for step in range(3)]
    assert max(sums) - min(sums) <= 1 + 1e-9


def test_a_folder_that_is_no_run_of_real_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="no finished run of adjudge real"):
        real_judge(RealJudgeConfig(tmp_path, tmp_path / "out"))
    with pytest.raises(BadConfig, match="targets is empty"):
        replace(RealJudgeConfig(), targets=())
