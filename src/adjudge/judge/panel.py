"""Panel of judges: several tables become one by majority, unanimity or weights; their disagreement stays a
column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import tables
from adjudge.config import check_choice
from adjudge.errors import AdjudgeError, BadConfig, BadTable, did_you_mean
from adjudge.judge.judgments_table import schema
from adjudge.records import Scale
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_parquet
from adjudge.storage.views import create_view

RULES = ("majority", "unanimous", "weighted")
CHUNK = 8_192
VOTES = """SELECT item_id, keyphrase, list({'judge': judge, 'grade': grade, 'probability': probability,
  'tokens': tokens, 'cost': cost} ORDER BY judge) AS votes FROM votes GROUP BY item_id, keyphrase
  ORDER BY item_id, keyphrase"""
_JUDGES = "SELECT DISTINCT judge FROM votes"
_TWICE = """SELECT judge, item_id, keyphrase FROM votes GROUP BY ALL HAVING count(*) > 1
  ORDER BY judge, item_id, keyphrase LIMIT 1"""
_HELD = """SELECT count(*) FROM votes WHERE judge = ? AND item_id::VARCHAR IS NOT DISTINCT FROM ?::VARCHAR
  AND keyphrase IS NOT DISTINCT FROM ?"""


@dataclass(frozen=True)
class Vote:
    """One judge's grade of a pair; None if it was unscored."""

    judge: str
    grade: str | None
    probability: float | None = None


@dataclass(frozen=True)
class PanelDecision:
    """The panel's verdict. disagreement: the share of weight that voted for another grade than the heaviest
    one
    (0 to 1); None under two votes: one vote cannot disagree."""

    grade: str | None
    reason: str | None
    probability: float | None
    disagreement: float | None


def decide(
    votes: Sequence[Vote], judges: Sequence[str], scale: Scale, rule: str, weights: Mapping[str, float]
) -> PanelDecision:
    """Decide one pair.

    majority: a grade with more than half of the panel's judges, those unscored included. unanimous: all
    judges scored, and alike. weighted: the grade of the greatest weight; a tie is unscored. The probability
    is the weighted mean of the judges' probabilities of relevance, a judge without one counting as 0 or 1. If
    too many judges gave no vote for the rule to be met, the reason is `too few votes (1 of 3)`.

    high, high, moderate: majority high; disagreement 1/3.
    """
    weigh = {judge: weights.get(judge, 1.0) if rule == "weighted" else 1.0 for judge in judges}
    cast: Counter[str] = Counter()
    relevant = 0.0
    for vote in votes:
        if vote.grade is not None:
            cast[vote.grade] += weigh[vote.judge]  # type: ignore[assignment]
            p = vote.probability if vote.probability is not None else float(scale.relevant(vote.grade))
            relevant += weigh[vote.judge] * p
    total = sum(cast.values())
    if not total:
        return PanelDecision(None, "no judge scored it", None, None)
    ranked = sorted(cast.items(), key=lambda part: (-part[1], scale.index(part[0])))
    grade, weight = ranked[0]
    voted = sum(vote.grade is not None for vote in votes)
    disagreement = 1 - weight / total if voted > 1 else None
    few = f"too few votes ({voted} of {len(judges)})"
    reason = None
    if rule == "majority" and not weight > len(judges) / 2:
        reason = "no majority" if voted > len(judges) / 2 else few
    elif rule == "unanimous" and (len(ranked) > 1 or voted < len(judges)):
        reason = "not unanimous" if len(ranked) > 1 else few
    elif rule == "weighted" and len(ranked) > 1 and ranked[1][1] == weight:
        reason = "tied"
    if reason:
        return PanelDecision(None, reason, None, disagreement)
    return PanelDecision(grade, None, min(1.0, relevant / total), disagreement)


@dataclass(frozen=True)
class PanelWritten:
    """pairs written, scored ones, the mean disagreement over pairs with two votes or more (None without any),
    and how
    many those are."""

    pairs: int
    scored: int
    disagreement: float | None
    compared: int


def write_panel(
    files: Sequence[Path],
    scale: Scale,
    out: Path,
    rule: str,
    weights: Mapping[str, float] | None = None,
    name: str = "",
) -> PanelWritten:
    """Join judgments tables (one or more judges per file, one or more files per judge) into the panel's own,
    in order of item and keyphrase.

    A judge has one vote per pair: BadTable if a table names a pair twice for one judge, BadConfig if two
    tables do. Columns: those of a judgments table, then `disagreement` and `votes` (as `judge=grade;
    judge=grade`).
    """
    import pyarrow as pa

    check_choice("panel", "rule", rule, RULES)
    judges = _judges(files)
    for judge in weights or {}:
        if judge not in judges:
            raise BadConfig(
                f"weight for {judge!r}: allowed are {', '.join(judges)}{did_you_mean(judge, judges)}"
            )
        if not (weights or {})[judge] > 0:
            raise BadConfig(f"the weight of {judge} is {(weights or {})[judge]}: allowed is more than 0")
    if len(judges) < 2:
        raise BadConfig(f"a panel needs two judges or more; seen: {', '.join(judges) or 'none'}")
    named = name or f"panel:{rule}({','.join(judges)})"
    shape = schema().append(pa.field("disagreement", pa.float64())).append(pa.field("votes", pa.string()))
    pairs = scored = compared = 0
    total = 0.0
    out.parent.mkdir(parents=True, exist_ok=True)
    with fresh_parquet(out, shape) as writer:
        for groups in _groups(files):
            rows = [_row(group, judges, scale, rule, weights or {}, named) for group in groups]
            writer.write_table(pa.Table.from_pylist(rows, schema=shape))
            pairs += len(rows)
            scored += sum(row["status"] == "scored" for row in rows)
            disagreements = [row["disagreement"] for row in rows if row["disagreement"] is not None]
            compared, total = compared + len(disagreements), total + sum(disagreements)
    return PanelWritten(pairs, scored, total / compared if compared else None, compared)


def _row(
    group: tuple[Any, ...],
    judges: Sequence[str],
    scale: Scale,
    rule: str,
    weights: Mapping[str, float],
    name: str,
) -> dict[str, Any]:
    item_id, keyphrase, answers = group
    votes = [Vote(vote["judge"], vote["grade"], vote["probability"]) for vote in answers]
    decision = decide(votes, judges, scale, rule, weights)
    tokens = [vote["tokens"] for vote in answers if vote["tokens"] is not None]
    costs = [vote["cost"] for vote in answers if vote["cost"] is not None]
    return {
        "item_id": item_id,
        "keyphrase": keyphrase,
        "grade": decision.grade,
        "probability": decision.probability,
        "status": "unscored" if decision.grade is None else "scored",
        "reason": decision.reason,
        "judge": name,
        "tokens": sum(tokens) if tokens else None,
        "cost": sum(costs) if costs else None,
        "disagreement": decision.disagreement,
        "votes": "; ".join(f"{vote.judge}={vote.grade or 'unscored'}" for vote in votes),
    }


@contextmanager
def _votes(files: Sequence[Path]) -> Iterator[Any]:
    """A DuckDB connection that sees all rows as the view `votes`."""
    names = ", ".join(map(str, files))
    with in_memory(f"{names}: cannot be read as judgments: {{}}", memory="2GB") as connection:
        create_view(connection, "votes", tables.JUDGMENTS, files)
        yield connection


def _judges(files: Sequence[Path]) -> list[str]:
    """All judges by name. Raises BadTable, BadConfig if one would have two votes on a pair."""
    named: set[str] = set()
    for file in files:
        with _votes((file,)) as connection:
            judges = {row[0] for row in connection.execute(_JUDGES).fetchall()}
        if None in judges:
            raise BadTable(
                f"{file}: some rows have no judge (null): name who judged them in the column judge, or drop "
                "them"
            )
        named |= judges
    with _votes(files) as connection:
        twice = connection.execute(_TWICE).fetchone()
    if twice is not None:
        raise _two_votes(files, *twice)
    return sorted(named)


def _two_votes(files: Sequence[Path], judge: str, item_id: Any, keyphrase: Any) -> AdjudgeError:
    """Which table, or which two, hold a judge's two votes on a pair, and what to do."""
    homes: list[Path] = []
    for file in files:
        with _votes((file,)) as connection:
            count = connection.execute(_HELD, [judge, item_id, keyphrase]).fetchone()[0]
        if count > 1:
            return BadTable(
                f"{file}: the pair {item_id!r}, {keyphrase!r} occurs twice for judge {judge!r}, allowed is "
                "once, as it would vote twice: drop the pairs that occur twice from what adjudge judge is "
                "given, and run it again (the log answers, nothing is asked)"
            )
        homes += [file] * count
    return BadConfig(
        f"judge {judge!r} has a vote on the pair {item_id!r}, {keyphrase!r} in "
        f"{' and in '.join(map(str, homes[:2]))}: allowed is one. Two judges need two names: run adjudge "
        "judge again with --set name=NAME (the log answers, nothing is asked). Parts of one judge's table "
        "may share no pair: leave it out of one of them"
    )


def _groups(files: Sequence[Path]) -> Iterator[list[tuple[Any, ...]]]:
    with _votes(files) as connection:
        cursor = connection.execute(VOTES)
        while rows := cursor.fetchmany(CHUNK):
            yield rows
