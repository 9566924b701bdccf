"""The job `agree` on files: numbers by hand, exit codes, what is absent, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge import config as settings_of
from adjudge.errors import AdjudgeError, BadConfig, BadTable
from adjudge.jobs.agree import AgreeConfig, AgreeResult, agree
from adjudge.stats.sampling import Sampling
from adjudge.trust import results
from adjudge.trust.settings import TrustSettings

QUICK = TrustSettings(sampling=Sampling(replicates=200))


def write(path: Path, **columns: list) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def judged(path: Path, grades: list[str | None], judge: str = "j") -> Path:
    return write(
        path,
        item_id=[f"i{n // 2:03d}" for n in range(len(grades))],
        keyphrase=["sofa" if n % 2 else "red sofa" for n in range(len(grades))],
        judge=[judge] * len(grades),
        grade=pa.array(grades, pa.string()),
        status=["unscored" if grade is None else "scored" for grade in grades],
    )


def graded(path: Path, grades: list[list[str]]) -> Path:
    """Pair n graded by a0, a1, ..."""
    rows = [(n, f"a{a}", grade) for n, several in enumerate(grades) for a, grade in enumerate(several)]
    return write(
        path,
        item_id=[f"i{n // 2:03d}" for n, _, _ in rows],
        keyphrase=["sofa" if n % 2 else "red sofa" for n, _, _ in rows],
        annotator=[who for _, who, _ in rows],
        grade=[grade for _, _, grade in rows],
    )


def simple(tmp_path: Path, right: float, pairs: int = 400, bar: float = 0.6) -> AgreeResult:
    """Two annotators agree on good or bad; the judge is right on a share."""
    rng = np.random.default_rng(1)
    truth = rng.random(pairs) < 0.5
    says = np.where(rng.random(pairs) < right, truth, ~truth)
    human = graded(tmp_path / "h.parquet", [["good" if t else "bad"] * 2 for t in truth])
    out = judged(tmp_path / "j.parquet", ["relevant" if s else "irrelevant" for s in says])
    trust = TrustSettings(bar=bar, sampling=Sampling(replicates=200))
    return agree(AgreeConfig(out, human, tmp_path / "out", trust=trust))


@pytest.mark.parametrize(("right", "code"), [(0.98, 0), (0.55, 1), (0.82, 2)])
def test_exit_codes(tmp_path: Path, right: float, code: int) -> None:
    assert simple(tmp_path, right).exit_code == code


def test_few_items_are_inconclusive_and_all_of_one_kind_is_broken(tmp_path: Path) -> None:
    assert simple(tmp_path, 0.95, pairs=20).exit_code == 2
    human = graded(tmp_path / "h.parquet", [["good"]] * 60)
    same = judged(tmp_path / "j.parquet", ["relevant"] * 60)
    assert agree(AgreeConfig(same, human, tmp_path / "out", trust=QUICK)).exit_code == 3
    failed = judged(tmp_path / "k.parquet", ["relevant"] * 20 + [None] * 40)
    found = agree(AgreeConfig(failed, human, tmp_path / "out", trust=QUICK))
    assert found.exit_code == 3
    assert "33.3%" in found.decision.reason


def test_counts_and_confusion_by_hand(tmp_path: Path) -> None:
    """Pairs 0-5 judged (5 unscored), 0-6 graded: 0, 1, 2 unanimous; 3 good/excellent: one relevance but not
    one grade;
    4 has one annotator; 5 unscored; 6 not judged."""
    said = ["relevant", "irrelevant", "relevant", "relevant", "irrelevant", None]
    told = [
        ["good"] * 3,
        ["bad"] * 3,
        ["fair"] * 3,
        ["good", "excellent"],
        ["bad"],
        ["good"] * 2,
        ["bad"] * 2,
    ]
    config = AgreeConfig(
        judged(tmp_path / "j.parquet", said),
        graded(tmp_path / "h.parquet", told),
        tmp_path / "out",
        trust=QUICK,
    )
    found = agree(config)
    assert found.counts == {
        "judged": 6,
        "scored": 5,
        "unscored": 1,
        "graded by people": 7,
        "graded but not judged": 1,
        "graded and judged": 6,
        "without a label under the rule": 1,
        "labelled but unscored": 1,
        "compared": 4,
    }
    matrix = pq.read_table(tmp_path / "out" / "confusion.parquet").to_pylist()
    told_matrix = {(r["human"], r["judge"]): r["pairs"] for r in matrix if r["segment_by"] == "all"}
    assert told_matrix == {
        ("irrelevant", "irrelevant"): 2,
        ("irrelevant", "relevant"): 1,
        ("relevant", "irrelevant"): 0,
        ("relevant", "relevant"): 1,
    }
    most = agree(settings_of.from_dict(AgreeConfig, settings_of.to_dict(config) | {
        "trust": settings_of.to_dict(TrustSettings(rule="majority"))}))  # fmt: skip
    assert most.counts["compared"] == 5


def test_what_is_written_is_complete_and_repeatable(tmp_path: Path) -> None:
    found = simple(tmp_path, 0.9)
    out = tmp_path / "out"
    for name, schema in results.SCHEMAS.items():
        assert pq.read_schema(out / f"{name}.parquet").names == schema.names
    told = json.loads((out / "agree.json").read_text())
    assert told["agreement"]["kappa"]["value"] == found.values["kappa"].value
    assert told["exit_code"] == found.exit_code
    again = settings_of.load(AgreeConfig, out / "settings.json")
    assert agree(again) == found
    rows = pq.read_table(out / "agreement.parquet").to_pylist()
    assert {(r["segment_by"], r["segment"]) for r in rows} == {
        ("all", "all"),
        ("words", "one"),
        ("words", "more"),
    }
    assert {r["metric"] for r in pq.read_table(out / "annotators.parquet").to_pylist()} == {
        "nominal",
        "ordinal",
        "interval",
    }
    assert pq.read_table(out / "clicks.parquet").num_rows == 0
    assert any("No clicks" in note for note in found.notes)


def test_one_scale_is_compared_whole_and_settled_grades_do(tmp_path: Path) -> None:
    """On ordinal3 against a table without annotators: kappa is quadratic."""
    grades = ["high", "moderate", "irrelevant"] * 30
    said = [*grades[:60], *["high"] * 30]
    human = graded(tmp_path / "h.parquet", [[grade] for grade in grades])
    pq.write_table(pq.read_table(human).drop_columns("annotator"), human)
    config = AgreeConfig(
        judged(tmp_path / "j.parquet", said), human, tmp_path / "out", "ordinal3", "ordinal3", trust=QUICK
    )
    found = agree(config)
    from sklearn.metrics import cohen_kappa_score

    order = {"irrelevant": 0, "moderate": 1, "high": 2}
    expected = cohen_kappa_score([order[g] for g in grades], [order[g] for g in said], weights="quadratic")
    assert found.values["kappa"].value == pytest.approx(expected)
    assert found.values["within_one"].value == pytest.approx(80 / 90)


def test_two_models_compared(tmp_path: Path) -> None:
    """A keeps the relevant half, B keeps everything: +.5; decided long ago."""
    grades = ["good", "bad"] * 60
    human = graded(tmp_path / "h.parquet", [[grade] for grade in grades])
    judgments = judged(tmp_path / "j.parquet", ["relevant", "irrelevant"] * 60)
    keys = pq.read_table(judgments, columns=["item_id", "keyphrase"]).to_pydict()
    same = {"score": [0.5] * 120, "model_version": ["v"] * 120}
    paths = {
        "a": str(write(tmp_path / "a.parquet", **keys, **same, kept=[True, False] * 60)),
        "b": str(write(tmp_path / "b.parquet", **keys, **same, kept=[True] * 120)),
    }
    found = agree(AgreeConfig(judgments, human, tmp_path / "out", models=paths, trust=QUICK))
    asked = found.needed[1]
    assert "rate of a above that of b" in asked.question
    assert asked.value == pytest.approx(0.5)
    assert asked.more in (0, None)


def test_errors_name_the_next_step_and_exit_three(tmp_path: Path) -> None:
    human = graded(tmp_path / "h.parquet", [["good"]] * 4)
    one = judged(tmp_path / "j.parquet", ["relevant"] * 4)

    def refused(config: AgreeConfig, kind: type[AdjudgeError], words: str) -> None:
        with pytest.raises(kind, match=words) as raised:
            agree(config)
        assert raised.value.exit_code == 3

    out = tmp_path / "out"
    refused(AgreeConfig(one, human, out, judge="jj"), BadConfig, "did you mean j")
    refused(AgreeConfig(one, human, out, scale="four"), BadTable, "--scale")
    refused(AgreeConfig(one, human, out, human_scale="binary"), BadTable, "--human-scale")
    refused(AgreeConfig(tmp_path / "none.parquet", human, out), BadTable, "does not exist")
    two = pa.concat_tables(
        [pq.read_table(one), pq.read_table(judged(tmp_path / "k.parquet", ["relevant"], "k"))]
    )
    pq.write_table(two, tmp_path / "two.parquet")
    refused(AgreeConfig(tmp_path / "two.parquet", human, out), BadConfig, "j, k.*--judge")
    pq.write_table(pa.concat_tables([pq.read_table(one)] * 2), tmp_path / "twice.parquet")
    refused(AgreeConfig(tmp_path / "twice.parquet", human, out), BadTable, "occurs twice")
    (tmp_path / "text.parquet").write_text("no")
    refused(AgreeConfig(tmp_path / "text.parquet", human, out), BadTable, "cannot be read")
    with pytest.raises(BadConfig, match="did you mean position"):
        AgreeConfig(one, human, out, paired={"positon": "x"})
    with pytest.raises(BadConfig, match="none or two"):
        AgreeConfig(one, human, out, models={"a": "a.parquet"})


def test_clicks_of_another_type_are_read_and_impossible_ones_refused(tmp_path: Path) -> None:
    """pandas writes whole numbers with a gap among them as 3.0; positions begin with 1."""
    human = graded(tmp_path / "h.parquet", [["good"], ["bad"]] * 30)
    one = judged(tmp_path / "j.parquet", ["relevant", "irrelevant"] * 30)
    keys = pq.read_table(one, columns=["item_id", "keyphrase"]).to_pydict()

    def clicked(position: list, impressions: list, clicks: list) -> AgreeConfig:
        columns = {"position": position, "impressions": impressions, "clicks": clicks}
        path = write(tmp_path / "c.parquet", **keys, **columns)
        return AgreeConfig(one, human, tmp_path / "out", clicks=path, trust=QUICK)

    whole = agree(clicked([1, None] * 30, [100] * 60, [20, 2] * 30))
    assert agree(clicked([1.0, None] * 30, [100.0] * 60, [20.0, 2.0] * 30)).clicks == whole.clicks
    for columns, seen in (
        (([0] * 60, [100] * 60, [1] * 60), "c.parquet: position is 0; .* 1 or more, or null"),
        (([1.5] * 60, [100] * 60, [1] * 60), "position is 1.5"),
        ((["top"] * 60, [100] * 60, [1] * 60), "position is 'top'"),
        (([1] * 60, [100, None] * 30, [1] * 60), "impressions is None; .* 0 or more[.]"),
        (([1] * 60, [100] * 60, [-1] * 60), "clicks is -1"),
        (([1.0, float("nan")] * 30, [100] * 60, [1] * 60), "position is nan"),
    ):
        with pytest.raises(BadTable, match=seen) as raised:
            agree(clicked(*columns))
        assert raised.value.exit_code == 3
