"""Reads judgments, human grades, clicks and items, joined by pair: DuckDB joins, numpy holds the columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from adjudge import tables
from adjudge.errors import BadConfig, BadTable, did_you_mean
from adjudge.records import BINARY, Scale
from adjudge.stats.segments import head_keyphrases
from adjudge.storage.duck import in_memory
from adjudge.storage.views import create_view

if TYPE_CHECKING:
    import duckdb

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

_VERDICTS = """CREATE TEMP TABLE verdicts AS
SELECT row_number() OVER (ORDER BY item_id, keyphrase) - 1 AS row, item_id, keyphrase, s.step, j.grade,
       j.status = 'scored' AS scored, j.probability, j.expected::DOUBLE AS expected
FROM judgments j LEFT JOIN steps s ON s.side = 'judge' AND s.grade = j.grade WHERE j.judge = $judge"""
_PAIRS = """SELECT v.item_id, v.keyphrase, v.scored, v.step, v.probability, v.expected, i.title, i.category,
       coalesce(c.impressions, 0)::BIGINT AS impressions, coalesce(c.clicks, 0)::BIGINT AS clicks, h.head
FROM verdicts v LEFT JOIN item_texts i USING (item_id)
LEFT JOIN (SELECT item_id, keyphrase, sum(impressions) AS impressions, sum(clicks) AS clicks
           FROM clicks GROUP BY ALL) c USING (item_id, keyphrase)
LEFT JOIN heads h USING (keyphrase) ORDER BY v.row"""
_CLICKED = "SELECT keyphrase, sum(clicks)::BIGINT AS clicks FROM clicks GROUP BY keyphrase ORDER BY keyphrase"
_VOTES = """SELECT unit, any_value(item_id) AS item_id, any_value(row) AS row, step, count(*) AS votes FROM (
  SELECT dense_rank() OVER (ORDER BY h.item_id, h.keyphrase) - 1 AS unit, h.item_id, v.row, s.step
  FROM human h JOIN steps s ON s.side = 'human' AND s.grade = h.grade
  LEFT JOIN verdicts v ON v.item_id = h.item_id AND v.keyphrase = h.keyphrase)
GROUP BY unit, step ORDER BY unit, step"""
_SHOWN = """SELECT c.item_id, least(c.position, $most) AS position, v.step,
       sum(c.impressions)::BIGINT AS impressions, sum(c.clicks)::BIGINT AS clicks
FROM clicks c LEFT JOIN verdicts v ON v.item_id = c.item_id AND v.keyphrase = c.keyphrase AND v.scored
WHERE c.position IS NOT NULL AND c.impressions > 0 GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True)
class Sources:
    """Which files to read, and on which scales: judge None takes the only one in the file."""

    judgments: Path
    human: Path | None
    scale: Scale
    human_scale: Scale
    clicks: Path | None = None
    items: Path | None = None
    judge: str | None = None


@dataclass(frozen=True)
class Votes:
    """Every pair that people graded, judged or not.

    item: cluster codes [u]; votes: [u, K]; row: [u] the pair's row among the judged, if `judged`.
    """

    item: Ints
    votes: Ints
    row: Ints
    judged: Bools


@dataclass(frozen=True)
class ClicksByPosition:
    """Clicks by item, position and verdict: item, position (from 0), impressions, clicks: [m].

    group: [m], the judge's step, or the scale's number of grades if the pair has no verdict.
    """

    item: Ints
    position: Ints
    group: Ints
    impressions: Ints
    clicks: Ints


@dataclass(frozen=True)
class Evidence:
    """One judge's verdicts, [n], one entry per pair, and what else is known of those pairs.

    step: on the judge's scale, 0 if not `scored`. probability, expected (step): NaN if the table holds none.
    votes: human grades [n, K of the human scale]. head: known only if clicks are (`clicked_table`). titles
    None: no items were given. shown None: clicks carry no positions.
    """

    judge: str
    scale: Scale
    human_scale: Scale
    item_id: pa.Array
    keyphrase: pa.Array
    item: Ints
    step: Ints
    scored: Bools
    probability: NDArray[np.float64]
    expected: NDArray[np.float64]
    votes: Ints
    units: Votes
    titles: pa.Array | None
    category: pa.Array | None
    impressions: Ints
    clicks: Ints
    head: Bools
    clicked_table: bool
    shown: ClicksByPosition | None
    without_position: int

    def __len__(self) -> int:
        return len(self.step)


def read(sources: Sources, head: float = 0.9, positions: int = 30) -> Evidence:
    """Join everything about one judge. Raises BadTable, BadConfig on what cannot be used."""
    with _opened(sources) as db:
        judge = _judge(db, sources)
        db.execute(_VERDICTS, {"judge": judge})
        _refuse_bad(db, sources)
        db.register("heads", _heads(db, head))
        pairs: pa.Table = db.sql(_PAIRS).to_arrow_table()
        votes: pa.Table = db.sql(_VOTES).to_arrow_table()
        shown: pa.Table = db.sql(_SHOWN, params={"most": positions}).to_arrow_table()
        [(lost,)] = db.execute(
            "SELECT coalesce(sum(impressions), 0)::BIGINT FROM clicks WHERE position IS NULL"
        ).fetchall()
    return _evidence(judge, sources, pairs, votes, shown, lost)


def second_verdicts(first: Evidence, judgments: Path, judge: str | None = None) -> tuple[Ints, Bools]:
    """Another table's verdicts on the same pairs: steps [n] and whether both judged them.

    The table may name another judge, as long as it holds only one, or one of the first's name, or `judge`
    says which. Raises BadTable if no pair is in both.
    """
    sources = Sources(judgments, None, first.scale, first.human_scale, judge=judge)
    with _opened(sources) as db:
        judge = _judge(db, sources, first.judge)
        db.execute(_VERDICTS, {"judge": judge})
        _refuse_bad(db, sources)
        db.register("pairs", pair_keys(first))
        verdicts: pa.Table = db.sql(
            "SELECT p.row, v.step FROM pairs p JOIN verdicts v USING (item_id, keyphrase) WHERE v.scored"
        ).to_arrow_table()
    step, both = np.zeros(len(first), np.int64), np.zeros(len(first), bool)
    rows = verdicts["row"].to_numpy()
    step[rows], both[rows] = verdicts["step"].to_numpy(), True
    both &= first.scored
    if not both.any():
        raise BadTable(f"{judgments} judges no pair that judge {first.judge} judged: give it the same pairs")
    return step, both


def judge_of(judgments: Path, judge: str | None = None) -> str:
    """The name of the judge asked for, or of the only one in the table. Raises BadConfig, BadTable."""
    sources = Sources(judgments, None, BINARY, BINARY, judge=judge)
    with _opened(sources) as db:
        return _judge(db, sources)


def pair_keys(evidence: Evidence) -> pa.Table:
    """The judged pairs as a table (item_id, keyphrase, row), to join others with."""
    row = pa.array(np.arange(len(evidence), dtype=np.int64))
    return pa.table({"item_id": evidence.item_id, "keyphrase": evidence.keyphrase, "row": row})


@contextmanager
def _opened(sources: Sources) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with views judgments, human, clicks, item_texts (empty if not given) and table
    steps."""
    message = (
        f"{sources.judgments}: the tables cannot be read or joined: {{}}. "
        "Bring each in with: adjudge import table"
    )
    with in_memory(message) as db:
        create_view(db, "judgments", tables.JUDGMENTS, sources.judgments, extra={"expected": "DOUBLE"})
        create_view(db, "human", _human_shape(db, sources.human), sources.human)
        create_view(db, "clicks", tables.CLICKS, sources.clicks, strict=True)
        create_view(db, "item_texts", tables.ITEMS, sources.items)
        _steps(db, sources)
        yield db


def _human_shape(db: duckdb.DuckDBPyConnection, path: Path | None) -> tables.Table:
    """Annotations, or (without an annotator column) one settled grade per pair, as in `truth`."""
    if path is None or not path.exists() or "annotator" in db.read_parquet(str(path)).columns:
        return tables.ANNOTATIONS
    columns = [replace(column, required=column.name != "annotator") for column in tables.ANNOTATIONS.columns]
    return tables.Table("annotations", "settled human grades", tuple(columns), tables.PAIR_KEY)


def _heads(db: duckdb.DuckDBPyConnection, share: float) -> pa.Table:
    """Every clicked keyphrase, and whether it is among the head."""
    clicked = db.sql(_CLICKED).to_arrow_table()
    head = head_keyphrases(clicked["clicks"].to_numpy(), share)
    return pa.table({"keyphrase": clicked["keyphrase"], "head": head})


def _steps(db: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    db.execute("CREATE TEMP TABLE steps (side VARCHAR, grade VARCHAR, step BIGINT)")
    for side, scale in (("judge", sources.scale), ("human", sources.human_scale)):
        db.executemany(
            "INSERT INTO steps VALUES (?, ?, ?)", [[side, grade, n] for n, grade in enumerate(scale.grades)]
        )


def _judge(db: duckdb.DuckDBPyConnection, sources: Sources, fallback: str | None = None) -> str:
    """The judge asked for, or the only one there."""
    judges = [row[0] for row in db.execute("SELECT DISTINCT judge FROM judgments ORDER BY judge").fetchall()]
    if not judges:
        raise BadTable(f"{sources.judgments} holds no judgment: judge pairs with: adjudge judge")
    if sources.judge is None:
        if len(judges) == 1:
            return str(judges[0])
        if fallback in judges:
            return str(fallback)
        raise BadConfig(
            f"{sources.judgments} holds judges {', '.join(judges)}: say which one with --judge NAME"
        )
    if sources.judge not in judges:
        raise BadConfig(
            f"judge {sources.judge!r} is not in {sources.judgments}: allowed are {', '.join(judges)}"
            f"{did_you_mean(sources.judge, judges)}"
        )
    return sources.judge


_BAD = (
    ("judgments", "SELECT grade FROM verdicts WHERE scored AND step IS NULL LIMIT 1", "judge"),
    (
        "human",
        "SELECT h.grade FROM human h ANTI JOIN (SELECT grade FROM steps WHERE side = 'human') s USING "
        "(grade) LIMIT 1",
        "human",
    ),
)
_TWICE = (
    ("judgments", "SELECT item_id, keyphrase FROM verdicts GROUP BY ALL HAVING count(*) > 1 LIMIT 1"),
    (
        "human",
        "SELECT item_id, keyphrase FROM human GROUP BY item_id, keyphrase, annotator HAVING count(*) > 1 "
        "LIMIT 1",
    ),
    (
        "items",
        "SELECT item_id, any_value(title) FROM item_texts GROUP BY item_id HAVING count(*) > 1 LIMIT 1",
    ),
)

_ONCE_FOR = {"judgments": "pair and judge", "human": "pair and annotator", "items": "item"}


def _refuse_bad(db: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    """Raise BadTable on grades off the scale and on pairs that occur twice."""
    scales = {"judge": sources.scale, "human": sources.human_scale}
    for name, query, side in _BAD:
        bad = db.execute(query).fetchone()
        if bad is not None:
            option = "--scale" if side == "judge" else "--human-scale"
            raise BadTable(
                f"{getattr(sources, name)}: grade {bad[0]!r} is not on scale {scales[side].name} "
                f"({', '.join(scales[side].grades)}): name its scale with {option}"
            )
    for name, query in _TWICE:
        twice = db.execute(query).fetchone()
        if twice is not None:
            raise BadTable(
                f"{getattr(sources, name)}: {twice[0]!r}, {twice[1]!r} occurs twice, allowed is once for "
                f"each {_ONCE_FOR[name]}: bring it in with: adjudge import table"
            )


def _evidence(
    judge: str, sources: Sources, pairs: pa.Table, votes: pa.Table, shown: pa.Table, lost: int
) -> Evidence:
    units = _units(votes, len(sources.human_scale.grades))
    by_pair = np.zeros((pairs.num_rows, units.votes.shape[1]), np.int64)
    by_pair[units.row[units.judged]] = units.votes[units.judged]
    items = pairs["item_id"].combine_chunks()
    return Evidence(
        judge=judge,
        scale=sources.scale,
        human_scale=sources.human_scale,
        item_id=items,
        keyphrase=pairs["keyphrase"].combine_chunks(),
        item=codes(items),
        step=_filled(pairs["step"], 0),
        scored=_filled(pairs["scored"], False).astype(bool),
        probability=_filled(pairs["probability"], np.nan),
        expected=_filled(pairs["expected"], np.nan),
        votes=by_pair,
        units=units,
        titles=pairs["title"].combine_chunks() if sources.items else None,
        category=pairs["category"].combine_chunks() if sources.items else None,
        impressions=pairs["impressions"].to_numpy(),
        clicks=pairs["clicks"].to_numpy(),
        head=_filled(pairs["head"], False).astype(bool),
        clicked_table=sources.clicks is not None,
        shown=_shown(shown, len(sources.scale.grades)) if shown.num_rows else None,
        without_position=lost,
    )


def codes(values: pa.Array) -> Ints:
    """A number for each distinct value."""
    return np.asarray(values.dictionary_encode().indices.to_numpy(zero_copy_only=False)).astype(np.int64)


def _units(votes: pa.Table, grades: int) -> Votes:
    unit = votes["unit"].to_numpy()
    number = int(unit.max()) + 1 if len(unit) else 0
    counted = np.zeros((number, grades), np.int64)
    counted[unit, votes["step"].to_numpy()] = votes["votes"].to_numpy()
    first = np.unique(unit, return_index=True)[1]
    row, judged = _filled(votes["row"], 0)[first], votes["row"].is_valid().to_numpy()[first]
    return Votes(codes(votes["item_id"].combine_chunks())[first], counted, row, judged)


def _shown(shown: pa.Table, grades: int) -> ClicksByPosition:
    return ClicksByPosition(
        codes(shown["item_id"].combine_chunks()),
        shown["position"].to_numpy() - 1,
        _filled(shown["step"], grades),
        shown["impressions"].to_numpy(),
        shown["clicks"].to_numpy(),
    )


def _filled(column: pa.ChunkedArray, missing: Any) -> NDArray[Any]:
    filled = column.fill_null(missing) if column.null_count else column
    return np.asarray(filled.to_numpy())
