"""The measured facts: on a hand-worked folder, and the default market against the paper's figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadTable
from adjudge.market.measure import MarketFacts, _auc, _kappa, measure
from adjudge.market.settings import MarketSettings
from adjudge.market.simulate import simulate
from adjudge.stats.click_floors import ClickFloors

PAIRS = [("i1", "red shoe"), ("i1", "blue sofa"), ("i2", "sofa"), ("i2", "red shoe")]


def columns(**named: list[object]) -> dict[str, list[object]]:
    return {"item_id": [i for i, _ in PAIRS], "keyphrase": [k for _, k in PAIRS], **named}


def folder(out: Path) -> Path:
    """Four pairs: two relevant; two clicked past the floors, one of them relevant."""
    said = ["good", "good", "bad"], ["bad", "bad", "bad"], ["excellent"] * 3, ["fair"] * 3
    graded = [
        (*pair, f"a{n}", g) for pair, grades in zip(PAIRS, said, strict=True) for n, g in enumerate(grades)
    ]
    tables = {
        "items": {"item_id": ["i1", "i2"], "title": ["Red Shoe", "Blue Couch"]},
        "pairs": columns(adopted=[True, False, True, None]),
        "truth": columns(grade=["good", "bad", "excellent", "bad"], relevant=[True, False, True, False]),
        "search": columns(score=[2.0, 0.1, 1.5, 0.2], passed=[True, False, True, True]),
        "clicks": columns(
            position=[1, 2, 1, 1], impressions=[40, 29, 100, 100], clicks=[4, 29, 9, 10], sales=[1, 0, 0, 2]
        ),
        "annotations": dict(
            zip(
                ("item_id", "keyphrase", "annotator", "grade"),
                map(list, zip(*graded, strict=True)),
                strict=True,
            )
        ),
        "judgments": columns(
            judge=["llm"] * 4,
            grade=["relevant", "relevant", None, "irrelevant"],
            probability=[0.9, 0.7, None, 0.2],
            status=["scored", "scored", "unscored", "scored"],
        ),
    }
    for name, table in tables.items():
        pq.write_table(pa.table(table), out / f"{name}.parquet")
    return out


def test_facts_by_hand(tmp_path: Path) -> None:
    """Clicked: 4/40 and 10/100 reach .1, 29 impressions and 9/100 do not. Unanimous: all but the first pair.
    Scored and unanimous: the judge says yes, no where people say no, no: agreement 1/2, kappa 0."""
    facts = measure(folder(tmp_path))
    assert (facts.pairs, facts.relevant, facts.adopted, facts.search_passed) == (4, 0.5, 0.5, 0.75)
    assert (facts.clicked, facts.clicked_relevant, facts.clicks, facts.sales) == (2, 0.5, 52, 3)
    assert facts.grades == {"good": 0.25, "bad": 0.5, "excellent": 0.25}
    assert (facts.unanimous, facts.unanimous_relevant, facts.unanimous_correct) == (0.75, 1 / 3, 1.0)
    (llm,) = facts.judges
    assert (llm.judge, llm.kappa, llm.clicked_yes, llm.unscored) == ("llm", 0.0, 0.5, 0.25)
    assert llm.accuracy == pytest.approx(2 / 3)
    assert llm.auc == 1.0


def test_jaccard_auc_by_hand(tmp_path: Path) -> None:
    """Relevant pairs share 2/2 and 0/3 words, the others 0/4 and 0/4: (1 + .5 + .5 + 1) / 4 = .75."""
    assert measure(folder(tmp_path)).jaccard_auc == 0.75


def test_floors_are_the_callers(tmp_path: Path) -> None:
    assert measure(folder(tmp_path), ClickFloors(impressions=20, clicks=1, ctr=0.09)).clicked == 4


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "search.parquet").unlink()
    with pytest.raises(BadTable, match=r"holds no search\.parquet"):
        measure(tmp_path)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> MarketFacts:
    return measure(simulate(MarketSettings(), tmp_path_factory.mktemp("default")).out)


def test_judges_come_out_as_the_paper_measured_its_own(facts: MarketFacts) -> None:
    """Paper 1, section 3.1.4: kappa .258 and .724 with humans, 90 % and 95 % yes on clicked pairs."""
    llm, tuned = facts.judges
    assert (llm.judge, tuned.judge) == ("llm", "tuned")
    assert llm.kappa == pytest.approx(0.258, abs=0.05)
    assert tuned.kappa == pytest.approx(0.724, abs=0.05)
    assert llm.clicked_yes == pytest.approx(0.90, abs=0.03)
    assert tuned.clicked_yes == pytest.approx(0.95, abs=0.03)
    assert llm.unscored == pytest.approx(0.01, abs=0.003)


def test_the_default_market_is_a_problem_worth_solving(facts: MarketFacts) -> None:
    """Words alone do not solve it; heads hold the clicks (paper 1, section 2: 10 % hold 90 %); clicked pairs
    are many, and mostly but not all relevant."""
    assert 0.35 <= facts.relevant <= 0.50
    assert facts.jaccard_auc is not None
    assert 0.70 <= facts.jaccard_auc <= 0.80
    assert facts.head_clicks == pytest.approx(0.9, abs=0.03)
    assert facts.clicked_share >= 0.08
    assert facts.clicked >= 20_000
    assert 0.9 < facts.clicked_relevant < 0.99
    assert facts.sales > 100_000
    assert 15 <= facts.pairs / 12_000 <= 25


def test_kappa_and_auc_without_support_are_absent() -> None:
    """One class only: neither statistic is defined, and neither is reported as zero."""
    yes = np.ones(5, bool)
    assert _kappa(yes, yes) is None
    assert _kappa(yes[:0], yes[:0]) is None
    assert _auc(yes, np.arange(5.0)) is None


def test_kappa_and_auc_equal_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score, roc_auc_score

    rng = np.random.default_rng(8)
    for _ in range(20):
        human, judge = rng.random(60) < 0.4, rng.random(60) < 0.5
        score = np.round(rng.random(60), 1)
        assert _kappa(human, judge) == pytest.approx(cohen_kappa_score(human, judge))
        assert _auc(human, score) == pytest.approx(roc_auc_score(human, score))


def test_head_clicks_are_those_of_the_busiest_tenth(tmp_path: Path) -> None:
    """Three keyphrases have 14, 29 and 9 clicks; the busiest tenth is at least one of them: 29 of 52."""
    facts = measure(folder(tmp_path))
    by_phrase = {"red shoe": 4 + 10, "blue sofa": 29, "sofa": 9}
    assert facts.head_clicks == max(by_phrase.values()) / sum(by_phrase.values())


def test_annotators_that_disagree_are_no_evidence(tmp_path: Path) -> None:
    """Without a unanimous pair the shares have no support."""
    out = folder(tmp_path)
    rows = pq.read_table(out / "annotations.parquet").to_pylist()
    mixed = [{**row, "grade": "good" if number % 3 else "bad"} for number, row in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(mixed), out / "annotations.parquet")
    facts = measure(out)
    assert (facts.unanimous, facts.unanimous_relevant, facts.unanimous_correct) == (0.0, None, None)
    assert facts.judges[0].kappa is None


def test_a_table_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "clicks.parquet").write_text("no table")
    with pytest.raises(BadTable, match="cannot be measured"):
        measure(tmp_path)
