from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.cli import judge_results
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.panel import PanelConfig, panel
from adjudge.judge.panel import RULES, Vote, decide
from adjudge.records import ORDINAL3

ABC = ("a", "b", "c")


def said(*grades: str | None) -> list[Vote]:
    return [Vote(judge, grade) for judge, grade in zip(ABC, grades, strict=True)]


@pytest.mark.parametrize(
    ("grades", "rule", "grade", "reason", "disagreement"),
    [
        (("high", "high", "moderate"), "majority", "high", None, 1 / 3),
        (("high", "high", "moderate"), "unanimous", None, "not unanimous", 1 / 3),
        (("high", "high", "high"), "unanimous", "high", None, 0),
        (("high", "high", None), "majority", "high", None, 0),
        (("high", None, None), "majority", None, "too few votes (1 of 3)", None),
        (("high", "moderate", None), "majority", None, "no majority", 1 / 2),
        (("high", None, None), "weighted", "high", None, None),
        (("high", None, None), "unanimous", None, "too few votes (1 of 3)", None),
        (("high", "high", None), "unanimous", None, "too few votes (2 of 3)", 0),
        (("high", "moderate", None), "unanimous", None, "not unanimous", 1 / 2),
        (("high", "moderate", "irrelevant"), "majority", None, "no majority", 2 / 3),
        (("high", "moderate", None), "weighted", None, "tied", 1 / 2),
        ((None, None, None), "majority", None, "no judge scored it", None),
    ],
)
def test_rules(
    grades: tuple[str | None, ...],
    rule: str,
    grade: str | None,
    reason: str | None,
    disagreement: float | None,
) -> None:
    made = decide(said(*grades), ABC, ORDINAL3, rule, {})
    assert (made.grade, made.reason) == (grade, reason)
    assert made.disagreement == (None if disagreement is None else pytest.approx(disagreement))


def test_weights_and_probability() -> None:
    votes = [Vote("a", "high", 0.9), Vote("b", "irrelevant", 0.2), Vote("c", "irrelevant")]
    made = decide(votes, ABC, ORDINAL3, "weighted", {"a": 3.0})
    assert made.grade == "high"
    assert made.disagreement == pytest.approx(2 / 5)
    assert made.probability == pytest.approx((3 * 0.9 + 0.2 + 0.0) / 5)


@given(st.lists(st.sampled_from([*ORDINAL3.grades, None]), min_size=3, max_size=3), st.sampled_from(RULES))
def test_laws(grades: list[str | None], rule: str) -> None:
    made = decide(said(*grades), ABC, ORDINAL3, rule, {})
    assert (made.grade is None) != (made.reason is None)
    assert made.grade is None or made.grade in grades
    if len(set(grades)) == 1 and grades[0]:
        assert made.grade == grades[0]
        assert made.disagreement == 0


def table(path: Path, judge: str, grades: list[str | None]) -> Path:
    rows = {
        "item_id": [f"i{n}" for n in range(len(grades))],
        "keyphrase": ["k"] * len(grades),
        "judge": [judge] * len(grades),
        "grade": pa.array(grades, pa.string()),
        "status": ["unscored" if g is None else "scored" for g in grades],
        "tokens": [10] * len(grades),
    }
    pq.write_table(pa.table(rows), path)
    return path


def test_tables_are_joined(tmp_path: Path) -> None:
    files = (
        table(tmp_path / "a.parquet", "a", ["relevant", "relevant", None]),
        table(tmp_path / "b.parquet", "b", ["relevant", "irrelevant", None]),
    )
    written = panel(PanelConfig(files, tmp_path / "p.parquet"))
    assert (written.pairs, written.scored, written.disagreement) == (3, 1, pytest.approx(0.25))
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert [row["grade"] for row in rows] == ["relevant", None, None]
    assert [row["reason"] for row in rows] == [None, "no majority", "no judge scored it"]
    assert rows[1]["votes"] == "a=relevant; b=irrelevant"
    assert rows[0]["tokens"] == 20
    assert rows[0]["judge"] == "panel:majority(a,b)"


def test_a_single_vote_does_not_dilute_the_mean_disagreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two votes each, one of two pairs is split: 0.25; pairs with one vote or none do not count."""
    files = (
        table(tmp_path / "a.parquet", "a", ["relevant", "relevant", "relevant", "irrelevant", None, None]),
        table(tmp_path / "b.parquet", "b", ["relevant", "irrelevant", None, None, "relevant", None]),
    )
    config = PanelConfig(files, tmp_path / "p.parquet")
    written = panel(config)
    assert (written.disagreement, written.compared) == (pytest.approx(0.25), 2)
    rows = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert [row["disagreement"] for row in rows] == [0, 0.5, None, None, None, None]
    assert rows[2]["reason"] == "too few votes (1 of 2)"
    judge_results.panel(written, config)
    assert "mean disagreement: 0.250, of 2 pairs with two votes or more" in capsys.readouterr().out


@pytest.mark.parametrize("rule", RULES)
def test_no_judge_votes_twice(tmp_path: Path, rule: str) -> None:
    one = table(tmp_path / "a.parquet", "a", ["relevant", "relevant"])
    two = table(tmp_path / "b.parquet", "b", ["irrelevant", "irrelevant"])
    again = table(tmp_path / "again.parquet", "a", ["relevant", "relevant"])
    config = PanelConfig((one, two, again), tmp_path / "p.parquet", rule=rule)
    told = "judge 'a' has a vote on the pair 'i0', 'k' in .*a.parquet and in "
    with pytest.raises(BadConfig, match=rf"{told}.*again.parquet.*--set name=NAME"):
        panel(config)
    with pytest.raises(BadConfig, match=rf"{told}.*a.parquet: allowed is one"):
        panel(PanelConfig((one, two, one), config.out, rule=rule))
    pq.write_table(pa.concat_tables([pq.read_table(one), pq.read_table(one).slice(1)]), again)
    with pytest.raises(BadTable, match="again.parquet: the pair 'i1', 'k' occurs twice for judge 'a'"):
        panel(PanelConfig((again, two), config.out, rule=rule))
    nobody = pq.read_table(one).set_column(2, "judge", pa.array(["a", None]))
    pq.write_table(nobody, again)
    with pytest.raises(BadTable, match="again.parquet: some rows have no judge"):
        panel(PanelConfig((again, two), config.out, rule=rule))
    assert not config.out.exists()


def test_a_table_of_several_judges_is_a_panel(tmp_path: Path) -> None:
    tables = [table(tmp_path / f"{name}.parquet", name, ["relevant"]) for name in ABC]
    pq.write_table(pa.concat_tables([pq.read_table(one) for one in tables[:2]]), tmp_path / "both.parquet")
    panel(PanelConfig((tmp_path / "both.parquet", tables[2]), tmp_path / "p.parquet"))
    assert pq.read_table(tmp_path / "p.parquet")["votes"].to_pylist() == [
        "a=relevant; b=relevant; c=relevant"
    ]


@pytest.mark.parametrize("rule", RULES)
def test_a_judge_s_table_may_come_in_parts(tmp_path: Path, rule: str) -> None:
    """Parts vote as the whole does; a pair in two parts is refused, though the ids of one are numbers."""
    grades: list[str | None] = ["relevant", "irrelevant", None, "relevant"]
    whole = table(tmp_path / "a.parquet", "a", grades)
    other = table(tmp_path / "b.parquet", "b", ["relevant"] * 4)
    parts = (tmp_path / "a0.parquet", tmp_path / "a1.parquet")
    pq.write_table(pq.read_table(whole).slice(0, 1), parts[0])
    pq.write_table(pq.read_table(whole).slice(1).drop_columns(["tokens"]), parts[1])
    panel(PanelConfig((whole, other), tmp_path / "one.parquet", rule=rule))
    panel(PanelConfig((parts[0], other, parts[1]), tmp_path / "two.parquet", rule=rule))
    one, two = (pq.read_table(tmp_path / name) for name in ("one.parquet", "two.parquet"))
    assert two.drop_columns(["tokens"]).equals(one.drop_columns(["tokens"]))
    assert two["tokens"].to_pylist() == [20, 10, 10, 10]
    for part, item in zip(parts, (pa.array([7]), pa.array(["6", "7", "8"])), strict=True):
        pq.write_table(pq.read_table(part).set_column(0, "item_id", item), part)
    with pytest.raises(BadConfig, match="pair '7', 'k' in .*a0.parquet and in .*a1.parquet"):
        panel(PanelConfig((*parts, other), tmp_path / "three.parquet", rule=rule))


def test_what_cannot_be_a_panel_is_refused(tmp_path: Path) -> None:
    one = table(tmp_path / "a.parquet", "a", ["relevant"])
    with pytest.raises(BadConfig, match="two judges"):
        panel(PanelConfig((one,), tmp_path / "p.parquet"))
    two = table(tmp_path / "b.parquet", "b", ["relevant"])
    with pytest.raises(BadConfig, match="allowed are a, b"):
        panel(PanelConfig((one, two), tmp_path / "p.parquet", rule="weighted", weights={"z": 2.0}))
    with pytest.raises(BadTable):
        panel(PanelConfig((one, tmp_path / "none.parquet"), tmp_path / "p.parquet"))
    with pytest.raises(BadConfig, match="PanelConfig.out is .*, which is PanelConfig.judgments too"):
        PanelConfig((one, two), two)
