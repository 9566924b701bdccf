"""What the job `cascade` asks of judges: through the job `judge` and its verdict log, so that nothing is paid twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge import tables
from adjudge.cascade.judgments import Told
from adjudge.config import from_dict
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.cascade.config import CascadeConfig, is_table
from adjudge.jobs.judge import OVER_BUDGET, JudgeConfig, JudgeResult, judge
from adjudge.judge.estimate import Estimate
from adjudge.judge.judgments_table import NO_TEXT, NOT_ASKED
from adjudge.records import Progress
from adjudge.stats.cluster_bootstrap import Bools, Ints
from adjudge.trust.reading import Evidence, judge_of, second_verdicts

OWN = ("pairs", "judge", "log", "out", "scale", "name", "dry_run", "batch")
_PICK = """SELECT p.* FROM pairs p JOIN keys k ON k.item_id = p.item_id AND k.keyphrase = p.keyphrase
ORDER BY p.item_id, p.keyphrase"""


@dataclass(frozen=True)
class Asked:
    """The strong judge's steps on the cheap one's pairs [n], where both scored one, and the table they are from.
    given_up: texts of a dry run that were asked before without a verdict."""

    step: Ints
    both: Bools
    told: Told
    given_up: int = 0


@dataclass(frozen=True)
class Cheap:
    """The cheap judge's table, the judge's name in it (None: the only one), and what it is exactly ("" where a table is
    given, which does not say). given_up: as in `Asked`."""

    judgments: Path
    judge: str | None
    identity: str = ""
    given_up: int = 0


class Unanswered(Exception):
    """A dry run lacks answers that all further steps rest on: of the judge on `side`, as `estimate` tells."""

    def __init__(self, side: str, estimate: Estimate) -> None:
        super().__init__(side, estimate)
        self.side, self.estimate = side, estimate


def cheap_table(config: CascadeConfig, progress: Progress) -> Cheap:
    """The cheap judge's table; asked for first where the judge is spelled."""
    if is_table(config.cheap):
        return Cheap(Path(config.cheap), config.cheap_judge)
    out = config.out / "cheap.judgments.parquet"
    done, given_up = _answers(config, "cheap", _existing(config), out, progress)
    return Cheap(out, config.cheap_judge or config.cheap, done.identity, given_up)


def strong_on(config: CascadeConfig, evidence: Evidence, rows: Bools, progress: Progress) -> Asked:
    """The strong judge's answers on some pairs: read from its table, or asked."""
    told, given_up = strong_table(config), 0
    if not is_table(config.strong):
        asked = config.out / "held.parquet"
        pick(_existing(config), evidence, rows, asked)
        told = Told(told.judgments.with_name("held.judgments.parquet"), told.judge)
        _, given_up = _answers(config, "strong", asked, told.judgments, progress)
    step, both = second_verdicts(evidence, told.judgments, told.judge)
    return Asked(step, both, told, given_up)


def strong_table(config: CascadeConfig) -> Told:
    """Where the strong judge's answers on the rest are, or will be."""
    if is_table(config.strong):
        return Told(Path(config.strong), judge_of(Path(config.strong), config.strong_judge))
    return Told(config.out / "rest.judgments.parquet", config.strong_judge or config.strong)


def strong_rest(
    config: CascadeConfig, evidence: Evidence, rows: Bools, progress: Progress
) -> JudgeResult | None:
    """Ask the strong judge about the rest (estimate it, where the rest is not to be asked); None where it is a table."""
    if is_table(config.strong):
        return None
    rest = config.out / "rest.parquet"
    pick(_existing(config), evidence, rows, rest)
    out = config.out / "rest.judgments.parquet"
    return _judge(config, "strong", rest, out, progress, dry=not config.asks_rest)


def at_most(config: CascadeConfig, progress: Progress) -> Estimate | None:
    """What the strong judge takes if no answer of the cheap one stands; None where it is a table."""
    if is_table(config.strong):
        return None
    out = config.out / "rest.judgments.parquet"
    return _judge(config, "strong", _existing(config), out, progress, dry=True).estimate


def pick(pairs: Path, evidence: Evidence, rows: Bools, out: Path) -> None:
    """Write some of the judged pairs, with the texts that a judge reads. Raises BadTable where they are not there."""
    import duckdb

    try:
        with duckdb.connect(config={"memory_limit": "4GB"}) as db:
            there = db.read_parquet(str(pairs))
            tables.TO_SCORE.check_columns(there.columns, pairs)
            there.project(", ".join(n for n in tables.TO_SCORE.names if n in there.columns)).create_view(
                "pairs"
            )
            db.register("keys", keys(evidence, rows).filter(pa.array(rows)))
            db.sql(_PICK).write_parquet(str(out), compression="zstd")
            found = db.execute("SELECT count(*) FROM read_parquet(?)", [str(out)]).fetchone() or (0,)
    except duckdb.Error as error:
        raise BadTable(f"{pairs} cannot be read as pairs: {str(error).splitlines()[0]}") from error
    if found[0] == 0 and rows.any():
        raise BadTable(
            f"{pairs} holds none of the {int(rows.sum()):,} pairs wanted: give the pairs that were judged"
        )


def keys(evidence: Evidence, inside: Bools) -> pa.Table:
    """item_id, keyphrase, row and inside of every judged pair."""
    row = pa.array(np.arange(len(evidence), dtype=np.int64))
    named = {"item_id": evidence.item_id, "keyphrase": evidence.keyphrase, "row": row}
    return pa.table({**named, "inside": pa.array(inside)})


def costs(told: Told) -> tuple[float | None, float | None]:
    """(total, mean a pair) of what a judge's table says was spent; None where it names no cost."""
    import duckdb

    with duckdb.connect() as db:
        there = db.read_parquet(str(told.judgments))
        if "cost" not in there.columns:
            return None, None
        there.create_view("told")
        asked = "SELECT sum(cost), avg(cost) FROM told WHERE judge = ?"
        total, mean = db.execute(asked, [told.judge]).fetchone() or (None, None)
    return total, mean


def so_far(judgments: Sequence[Path]) -> int:
    """How many pairs of a judge's tables it was asked about: not those without a text, nor those past the budget."""
    import duckdb

    if not judgments:
        return 0
    asked = """SELECT count(*) FROM (SELECT DISTINCT item_id, keyphrase FROM read_parquet(?)
    WHERE reason IS NULL OR reason NOT IN (?, ?, ?))"""
    with duckdb.connect() as db:
        found = db.execute(
            asked, [list(map(str, judgments)), NO_TEXT, NOT_ASKED, OVER_BUDGET]
        ).fetchone() or (0,)
    return int(found[0])


def _existing(config: CascadeConfig) -> Path:
    if config.pairs is None:
        raise BadConfig("a judge is to be asked: name the pairs with --pairs FILE.parquet")
    return config.pairs


def _answers(
    config: CascadeConfig, side: str, pairs: Path, out: Path, progress: Progress
) -> tuple[JudgeResult, int]:
    """One side's answers on these pairs; on a dry run those of the log, and how many texts it knows without a verdict.
    Raises Unanswered where a dry run's log does not know a text at all."""
    if not config.dry_run:
        return _judge(config, side, pairs, out, progress), 0
    told = _judge(config, side, pairs, out, progress, dry=True).estimate
    if told is not None and told.texts > told.again:
        raise Unanswered(side, told)
    from_log = judge(_judge_config(config, side, pairs, out), progress, ask=False)
    return from_log, 0 if told is None else told.again


def _judge(
    config: CascadeConfig, side: str, pairs: Path, out: Path, progress: Progress, dry: bool = False
) -> JudgeResult:
    """Ask one side's judge about these pairs; dry: estimate it."""
    return judge(_judge_config(config, side, pairs, out, dry), progress)


def _judge_config(config: CascadeConfig, side: str, pairs: Path, out: Path, dry: bool = False) -> JudgeConfig:
    spelled, named = getattr(config, side), getattr(config, f"{side}_judge")
    further: Mapping[str, Any] = getattr(config, f"{side}_settings")
    for setting in further:
        if setting in OWN:
            raise BadConfig(f"{side}_settings.{setting} is set by the cascade itself: leave it out")
    given = {**further, "pairs": pairs, "judge": spelled, "name": named or spelled, "scale": config.scale}
    given |= {"log": config.verdicts, "out": out, "dry_run": dry}
    return from_dict(JudgeConfig, given)
