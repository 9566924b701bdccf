"""`tune` on really trained tiny models: the class mix, the judge that comes out, its drift, and what is
refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import cohen_kappa_score

from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.human_labels import Rules, labelled, mapping_of
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.jobs.tune.material import TuneConfig, prepare
from adjudge.jobs.tune.tune import tune
from adjudge.judge.tuned_folder import read as read_card
from adjudge.llm.sft import SftSettings
from adjudge.llm.transformers_client import TransformersSettings
from adjudge.records import BINARY, FOUR, ORDINAL3
from adjudge.scoring.open_model import open_model
from adjudge.stats.calibration import logit
from adjudge.stats.sampling import Sampling

PROMPT = """# User
item {title} keyphrase {keyphrase}
# Grades
- high = high: x
- moderate = moderate: x
- irrelevant = irrelevant: x
"""
SFT = SftSettings(rank=8, lr=1e-2, epochs=10, evaluations=5, rows_at_once=8, threads=1, device="cpu")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
GRADES = ("irrelevant", "moderate", "high")


def write_labels(folder: Path, rows: int = 400, shares: tuple[float, ...] = (0.2, 0.2, 0.6)) -> None:
    """high: the title says red; moderate: mug; irrelevant: neither. Two pairs an item."""
    rng = np.random.default_rng(4)
    steps = rng.choice(3, rows, p=shares)
    titles = []
    for step in steps:
        words = [LETTERS[int(place)] for place in rng.integers(0, 26, 5)]
        words[int(rng.integers(0, 5))] = ("a", "mug", "red")[step]
        titles.append(" ".join(words))
    pairs = {
        "item_id": [f"i{row // 2}" for row in range(rows)],
        "keyphrase": [f"{LETTERS[row % 26]} {row}" for row in range(rows)],
        "title": titles,
        "category": [None] * rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(pairs), folder / "pairs.parquet")
    grades = [GRADES[step] for step in steps]
    human = {name: pairs[name] for name in ("item_id", "keyphrase")} | {"grade": grades}
    pq.write_table(pa.table(human), folder / "human.parquet")
    (folder / "prompt.md").write_text(PROMPT)


def plain(folder: Path) -> None:
    """Take away what lifts yes and no above all words: here the grades are other words."""
    import torch
    from transformers import LlamaForCausalLM

    network = LlamaForCausalLM.from_pretrained(folder)
    torch.manual_seed(1)
    with torch.no_grad():
        network.model.embed_tokens.weight.normal_(0, 0.5)
        network.lm_head.weight.normal_(0, 0.3)
    network.save_pretrained(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tune")
    spec = importlib.util.spec_from_file_location("models", Path(__file__).parents[1] / "llm" / "models.py")
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    plain(models.build(home / "base"))
    write_labels(home)
    return home


def config(home: Path, **more: Any) -> TuneConfig:
    made = TuneConfig(
        home / "pairs.parquet",
        home / "human.parquet",
        str(home / "base"),
        home / "judge",
        "ordinal3",
        "ordinal3",
        prompt=home / "prompt.md",
        target="even",
        drift_limit=0.45,
        sft=SFT,
        sampling=Sampling(replicates=100),
    )
    return replace(made, **more)


@pytest.fixture(scope="module")
def made(home: Path) -> Any:
    return tune(config(home))


def test_it_makes_a_judge_that_agrees_with_people(home: Path, made: Any) -> None:
    assert made.judge == f"hf:{home / 'judge'}"
    assert made.shared_items == 0
    found = made.checked.agreement
    assert found["kappa"].value > 0.8
    assert found["balanced"].value > 0.8
    assert made.checked.majority["balanced"].value == pytest.approx(1 / 3)
    assert made.checked.majority["exact"].value > 0.4
    rows = pq.read_table(home / "judge.tune" / "dev.parquet").to_pylist()
    truth = {
        (r["item_id"], r["keyphrase"]): r["grade"] for r in pq.read_table(home / "human.parquet").to_pylist()
    }
    one, other = zip(
        *[(truth[r["item_id"], r["keyphrase"]], r["grade"]) for r in rows if r["grade"]], strict=True
    )
    steps = [[GRADES.index(grade) for grade in side] for side in (one, other)]
    assert found["kappa"].value == pytest.approx(cohen_kappa_score(*steps, weights="quadratic"))
    told = json.loads((home / "judge.tune" / "tune.json").read_text())
    assert told["mix"]["after"] == list(made.mix.after)
    assert told["exit_code"] == made.exit_code


def test_the_class_mix_is_matched_and_told(home: Path, made: Any) -> None:
    before, after = np.array(made.mix.before), np.array(made.mix.after)
    assert before.argmax() == 2
    assert after.max() - after.min() <= 1
    assert (after <= 3 * before).all()
    assert made.mix.distance_after < 0.01 < made.mix.distance_before
    assert made.rows == after.sum()
    card = read_card(home / "judge")
    assert card is not None
    assert card.mix["after"] == after.tolist()
    assert (card.scale, card.target, card.base) == ("ordinal3", "even", str(home / "base"))
    assert card.metrics["merge_gap"] <= 1e-4


def asked(home: Path, out: str, **more: Any) -> JudgeConfig:
    return JudgeConfig(
        home / "pairs.parquet",
        f"hf:{home / 'judge'}",
        home / f"{out}.sqlite",
        home / f"{out}.parquet",
        **{"scale": "ordinal3", "local": TransformersSettings(threads=1), **more},
    )


def test_the_folder_is_just_another_judge_with_its_own_prompt(home: Path, made: Any) -> None:
    done = judge(asked(home, "own"))
    assert done.written is not None
    assert done.written.scored > 395
    rows = pq.read_table(home / "own.parquet").to_pylist()
    truth = pq.read_table(home / "human.parquet")["grade"].to_pylist()
    assert np.mean([row["grade"] == grade for row, grade in zip(rows, truth, strict=True)]) > 0.85
    judge(asked(home, "given", prompt=home / "prompt.md"))
    assert pq.read_table(home / "given.parquet").to_pylist() == rows


def test_another_scale_or_prompt_is_refused_unless_meant(home: Path, made: Any) -> None:
    with pytest.raises(BadConfig, match="tuned on scale ordinal3; asked is binary: give --scale ordinal3"):
        judge(asked(home, "x", scale="binary"))
    with pytest.raises(BadConfig, match="tuned with chat=True"):
        judge(asked(home, "x", local=TransformersSettings(threads=1, chat=False)))
    (home / "other.md").write_text(PROMPT.replace("item", "buyer"))
    with pytest.raises(BadConfig, match="Leave prompt, order, guidance and examples out"):
        judge(asked(home, "x", prompt=home / "other.md"))
    done = judge(asked(home, "meant", prompt=home / "other.md", other_prompt=True))
    assert done.written is not None
    copy = home / "edited"
    shutil.copytree(home / "judge", copy)
    (copy / "prompt.md").write_text(PROMPT.replace("item", "buyer"))
    with pytest.raises(BadConfig, match="the folder was edited"):
        judge(replace(asked(home, "x"), judge=f"hf:{copy}"))


def test_drift_against_the_target_is_told(home: Path, made: Any) -> None:
    drift = made.checked.drift
    said = pq.read_table(home / "judge.tune" / "dev.parquet")["grade"].to_pylist()
    scored = [grade for grade in said if grade]
    assert made.checked.unscored == len(said) - len(scored)
    mix = [scored.count(grade) / len(scored) for grade in GRADES]
    assert drift.mix == pytest.approx(mix)
    assert drift.distance.value == pytest.approx(0.5 * sum(abs(share - 1 / 3) for share in mix))
    assert not drift.drifted
    assert made.exit_code == 0


def test_words_cut_alike_are_refused(home: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text(
        PROMPT.replace("high = high", "high = so-high").replace("moderate = moderate", "moderate = so-so")
    )
    with pytest.raises(BadConfig, match="does not tell the grade"):
        tune(config(home, prompt=prompt, out=tmp_path / "judge"))


def test_a_student_gets_cut_points(artifact: Path, tmp_path: Path) -> None:
    training = pq.read_table(artifact.parent / "training.parquet")
    # What people say follows the student's own score, with noise: cut points can then say it back.
    score = logit(open_model(artifact).score(training))
    noisy = score + 0.4 * np.random.default_rng(3).logistic(size=len(score))
    steps = (noisy > np.quantile(noisy, 0.3)).astype(int) + (noisy > np.quantile(noisy, 0.6))
    keys = pa.array([f"{row}" for row in range(len(steps))])
    pq.write_table(
        training.select(["title", "category", "keyphrase"]).append_column("item_id", keys),
        tmp_path / "pairs.parquet",
    )
    human = training.select(["keyphrase"]).append_column("item_id", keys)
    pq.write_table(
        human.append_column("grade", pa.array([GRADES[s] for s in steps])), tmp_path / "human.parquet"
    )
    given = TuneConfig(
        tmp_path / "pairs.parquet",
        tmp_path / "human.parquet",
        f"student:{artifact}",
        tmp_path / "three",
        "ordinal3",
        "ordinal3",
        drift_limit=0.5,
        sampling=Sampling(replicates=50),
    )
    done = tune(given)
    assert done.metrics["slope"] == pytest.approx(2.5, abs=0.6)
    assert done.checked.agreement["within_one"].value > done.checked.majority["balanced"].value
    assert done.checked.agreement["kappa"].value > 0.4
    told = pq.read_table(tmp_path / "three.tune" / "dev.parquet")
    # Proportional odds are calibrated in the large: mean shares are people's shares on the rows fitted.
    assert np.mean(told["expected"].to_numpy()) == pytest.approx(steps.mean(), abs=0.15)
    with pytest.raises(BadConfig, match="TuneConfig.base too: it would be overwritten"):
        tune(replace(given, out=artifact))


def test_labels_are_settled_mapped_and_counted(tmp_path: Path) -> None:
    rows = [
        ("i1", "a", "one", "good"),
        ("i1", "a", "two", "good"),
        ("i2", "a", "one", "good"),
        ("i2", "a", "two", "excellent"),
        ("i3", "a", "one", "bad"),
        ("i4", "a", "one", "fair"),
    ]
    names = ("item_id", "keyphrase", "annotator", "grade")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "human.parquet")
    pairs = {"item_id": ["i1", "i2", "i3"], "keyphrase": ["a"] * 3, "title": ["t", "t", " "]}
    pq.write_table(pa.table(pairs), tmp_path / "pairs.parquet")
    found = labelled(tmp_path / "pairs.parquet", tmp_path / "human.parquet", Rules(ORDINAL3, FOUR))
    assert found.rows["item_id"].to_pylist() == ["i1"]
    assert found.step.tolist() == [1]
    assert found.left_out == {"no label under the rule": 1, "no title in the pairs": 2}
    most = labelled(tmp_path / "pairs.parquet", tmp_path / "human.parquet", Rules(BINARY, FOUR, "majority"))
    assert most.rows["item_id"].to_pylist() == ["i1", "i2"]
    with pytest.raises(
        BadTable, match="'excellent' is not on scale ordinal3|'good' is not on scale ordinal3"
    ):
        labelled(tmp_path / "pairs.parquet", tmp_path / "human.parquet", Rules(ORDINAL3, ORDINAL3))


def test_what_a_grade_becomes_is_stated() -> None:
    assert mapping_of(FOUR, ORDINAL3) == [0, 0, 1, 2]
    assert mapping_of(FOUR, BINARY) == [0, 0, 1, 1]
    assert mapping_of(ORDINAL3, ORDINAL3) == [0, 1, 2]
    assert mapping_of(ORDINAL3, FOUR, {"irrelevant": "bad", "moderate": "fair", "high": "excellent"}) == [
        0,
        1,
        3,
    ]
    with pytest.raises(BadConfig, match="say what each grade becomes"):
        mapping_of(ORDINAL3, FOUR)
    with pytest.raises(BadConfig, match="does not say what moderate, high"):
        mapping_of(ORDINAL3, FOUR, {"irrelevant": "bad"})


def test_no_item_is_in_both_splits_unless_the_splits_were_given(home: Path, tmp_path: Path) -> None:
    material = prepare(config(home))
    items = np.array(material.labels.rows["item_id"].to_pylist())
    assert not set(items[material.train]) & set(items[material.dev])
    assert len(set(items)) == 200
    rows = pq.read_table(home / "pairs.parquet")
    split = pa.array(["train" if row % 2 else "dev" for row in range(400)])
    pq.write_table(
        rows.select(["item_id", "keyphrase"]).append_column("split", split), tmp_path / "splits.parquet"
    )
    given = prepare(config(home, splits=tmp_path / "splits.parquet"))
    assert given.labels.shared_items == 200
    assert len(given.dev) == 200


def test_a_judgments_table_can_be_the_target(home: Path, tmp_path: Path) -> None:
    grades = ["high"] * 5 + ["moderate"] * 3 + ["irrelevant"] * 2 + [None]
    pq.write_table(pa.table({"grade": grades}), tmp_path / "said.parquet")
    mix = prepare(config(home, target=str(tmp_path / "said.parquet"))).mix
    assert mix.target == pytest.approx((0.2, 0.3, 0.5))
    assert mix.distance_after < 0.01


@pytest.mark.parametrize(
    ("field", "value"), [("factor", 0.5), ("drift_limit", 2.0), ("base", "hf:"), ("rule", "x")]
)
def test_settings_outside_their_range_are_refused(home: Path, field: str, value: object) -> None:
    with pytest.raises(BadConfig, match=field):
        config(home, **{field: value})


def test_labels_of_one_grade_are_refused(home: Path, tmp_path: Path) -> None:
    table = pq.read_table(home / "human.parquet")
    same = table.set_column(2, "grade", pa.array(["high"] * len(table)))
    pq.write_table(same, tmp_path / "human.parquet")
    with pytest.raises(NotEnoughData, match="two grades are needed"):
        prepare(config(home, human=tmp_path / "human.parquet"))
