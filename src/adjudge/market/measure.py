"""Measured facts of a market's logs folder: what its causes came to. Reads the tables, as any user would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge import tables
from adjudge.market.world import Array
from adjudge.stats.agreement import kappa
from adjudge.stats.auc import auc
from adjudge.stats.click_floors import ClickFloors
from adjudge.storage.duck import in_memory
from adjudge.text.words import overlap


@dataclass(frozen=True)
class JudgeFacts:
    """One judge: Cohen kappa with the unanimous annotators, share of yes on clicked pairs, and against the
    truth its accuracy and the AUC of its probability. Unscored verdicts are left out; None: no support."""

    judge: str
    kappa: float | None
    clicked_yes: float | None
    yes: float
    accuracy: float
    auc: float | None
    unscored: float


@dataclass(frozen=True)
class MarketFacts:
    """Shares are of the recommended pairs unless said otherwise; None: no support."""

    pairs: int
    relevant: float
    grades: dict[str, float]
    jaccard_auc: float | None
    adopted: float
    search_passed: float
    search_auc: float | None
    clicked: int
    clicked_share: float
    clicked_relevant: float | None
    clicks: int
    sales: int
    head_clicks: float | None
    """Share of all clicks on the tenth of the keyphrases with most clicks."""
    unanimous: float | None
    """Share of annotated pairs to which all annotators gave the same grade."""
    unanimous_relevant: float | None
    unanimous_correct: float | None
    """Share of unanimous pairs whose label is the truth."""
    judges: tuple[JudgeFacts, ...]


_NEEDED = ("pairs", "truth", "items", "search", "clicks", "annotations", "judgments")
_PAIRS = """
SELECT p.item_id, p.keyphrase, coalesce(p.adopted, false) AS adopted, t.grade AS truth, t.relevant,
       i.title, s.passed, s.score, c.impressions, c.clicks, c.sales, a.votes, a.grades, a.yes
FROM read_parquet($pairs) p
JOIN read_parquet($truth) t USING (item_id, keyphrase)
JOIN read_parquet($items) i USING (item_id)
JOIN read_parquet($search) s USING (item_id, keyphrase)
LEFT JOIN (SELECT item_id, keyphrase, sum(impressions)::BIGINT AS impressions, sum(clicks)::BIGINT AS clicks,
                  sum(sales)::BIGINT AS sales
           FROM read_parquet($clicks) GROUP BY ALL) c USING (item_id, keyphrase)
LEFT JOIN (SELECT item_id, keyphrase, count(*) AS votes, count(DISTINCT grade) AS grades,
                  count(*) FILTER (grade IN ('good', 'excellent')) AS yes
           FROM read_parquet($annotations) GROUP BY ALL) a USING (item_id, keyphrase)
ORDER BY p.item_id, p.keyphrase
"""
_JUDGE = """
SELECT j.grade, j.probability, j.status = 'scored' AS scored
FROM read_parquet($judgments) j SEMI JOIN read_parquet($pairs) p USING (item_id, keyphrase)
WHERE j.judge = $judge ORDER BY j.item_id, j.keyphrase
"""


def measure(logs: Path, floors: ClickFloors | None = None) -> MarketFacts:
    """The facts of a market's folder. floors: which clicked pairs count as positives.

    Raises BadTable if a table is missing.
    """
    paths = {name: str(tables.log_path(logs, name)) for name in _NEEDED}
    judged = {name: paths[name] for name in ("judgments", "pairs")}
    with in_memory(f"{logs} cannot be measured: {{}}") as base:
        pairs = base.sql(_PAIRS, params={name: paths[name] for name in _NEEDED[:-1]}).to_arrow_table()
        names = base.execute(
            "SELECT DISTINCT judge FROM read_parquet($j) ORDER BY judge", {"j": paths["judgments"]}
        ).fetchall()
        answers = {
            name: base.sql(_JUDGE, params={**judged, "judge": name}).to_arrow_table() for (name,) in names
        }
    clicked = (floors or ClickFloors()).positive(_column(pairs, "impressions"), _column(pairs, "clicks"))
    truth = _column(pairs, "relevant").astype(bool)
    return MarketFacts(
        **_shares(pairs, truth),
        **_clicks(pairs, clicked, truth),
        **_annotators(pairs, truth),
        judges=tuple(_judge(name, table, pairs, clicked, truth) for name, table in answers.items()),
    )


def _column(table: pa.Table, name: str, missing: float = 0) -> Array:
    column = table[name]
    return column.to_numpy() if column.null_count == 0 else column.fill_null(missing).to_numpy()


def _shares(pairs: pa.Table, truth: Array) -> dict:
    grades = pairs["truth"].combine_chunks().dictionary_encode()
    counts = np.bincount(grades.indices.to_numpy(), minlength=len(grades.dictionary))
    words = overlap(pairs["keyphrase"].combine_chunks(), pairs["title"].combine_chunks())
    return {
        "pairs": pairs.num_rows,
        "relevant": float(truth.mean()),
        "grades": {
            g: float(c / pairs.num_rows) for g, c in zip(grades.dictionary.to_pylist(), counts, strict=True)
        },
        "jaccard_auc": _auc(truth, words.jaccard),
        "adopted": float(_column(pairs, "adopted").mean()),
        "search_passed": float(_column(pairs, "passed").mean()),
        "search_auc": _auc(truth, _column(pairs, "score")),
    }


def _clicks(pairs: pa.Table, clicked: Array, truth: Array) -> dict:
    clicks = _column(pairs, "clicks")
    phrase = pairs["keyphrase"].combine_chunks().dictionary_encode().indices.to_numpy()
    each = np.sort(np.bincount(phrase, weights=clicks))[::-1]
    head = each[: max(len(each) // 10, 1)].sum()
    return {
        "clicked": int(clicked.sum()),
        "clicked_share": float(clicked.mean()),
        "clicked_relevant": _mean(truth[clicked]),
        "clicks": int(clicks.sum()),
        "sales": int(_column(pairs, "sales").sum()),
        "head_clicks": float(head / clicks.sum()) if clicks.sum() else None,
    }


def _unanimous(pairs: pa.Table) -> tuple[Array, Array]:
    """Which pairs got one grade from all their annotators, and whether that grade is relevant."""
    return _column(pairs, "grades") == 1, _column(pairs, "yes") > 0


def _annotators(pairs: pa.Table, truth: Array) -> dict:
    sure, says = _unanimous(pairs)
    annotated = _column(pairs, "votes") > 0
    return {
        "unanimous": _mean(sure[annotated]),
        "unanimous_relevant": _mean(says[sure]),
        "unanimous_correct": _mean((says == truth)[sure]),
    }


def _judge(name: str, answers: pa.Table, pairs: pa.Table, clicked: Array, truth: Array) -> JudgeFacts:
    scored = _column(answers, "scored").astype(bool)
    says = _says(answers)
    sure, human = _unanimous(pairs)
    both = sure & scored
    return JudgeFacts(
        judge=name,
        kappa=_kappa(human[both], says[both]),
        clicked_yes=_mean(says[clicked & scored]),
        yes=float(says[scored].mean()),
        accuracy=float((says == truth)[scored].mean()),
        auc=_auc(truth[scored], _column(answers, "probability", 0.5)[scored]),
        unscored=float(1 - scored.mean()),
    )


def _says(answers: pa.Table) -> Array:
    return pc.fill_null(pc.equal(answers["grade"], "relevant"), False).to_numpy()


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _auc(truth: Array, score: Array) -> float | None:
    value = auc(score, truth)
    return None if np.isnan(value) else value


def _kappa(human: Array, judge: Array) -> float | None:
    """Cohen's kappa of two columns of booleans; None if it is undefined."""
    matrix = np.bincount(human * 2 + judge, minlength=4).reshape(2, 2).astype(np.float64)
    value = float(kappa(matrix))
    return None if np.isnan(value) else value
