"""What the job `cascade` asks of judges: through the job `judge` and its verdict log, so that nothing is paid
twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge import tables
from adjudge.cascade.judgments import JudgeTable
from adjudge.config import from_dict
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.cascade.config import CascadeConfig, is_table
from adjudge.jobs.judge import OVER_BUDGET, JudgeConfig, JudgeResult, judge
from adjudge.judge.estimate import CostEstimate
from adjudge.judge.judgments_table import NO_TEXT, NOT_ASKED
from adjudge.records import Progress
from adjudge.stats.cluster_bootstrap import Bools, Ints
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file
from adjudge.storage.views import create_view
from adjudge.trust.reading import Evidence, judge_of, second_verdicts

SET_HERE = ("pairs", "judge", "log", "out", "scale", "name", "dry_run", "batch")
"""Settings of `adjudge judge` that the cascade itself sets."""
_PICK = """SELECT p.* FROM pairs p JOIN keys k ON k.item_id = p.item_id AND k.keyphrase = p.keyphrase
ORDER BY p.item_id, p.keyphrase"""
_ASKED = """SELECT count(*) FROM (SELECT DISTINCT item_id, keyphrase FROM asked
WHERE reason IS NULL OR reason NOT IN (?, ?, ?))"""


@dataclass(frozen=True)
class StrongAnswers:
    """The strong judge's steps on the cheap one's pairs [n], meaningful if both scored the pair (`both`), and
    the table they are from."""

    step: Ints
    both: Bools
    table: JudgeTable


class Unanswered(Exception):
    """A dry run lacks answers that all further steps rest on: of the judge on `side`, as `estimate` says."""

    def __init__(self, side: str, estimate: CostEstimate) -> None:
        super().__init__(side, estimate)
        self.side, self.estimate = side, estimate


def cheap_table(config: CascadeConfig, progress: Progress) -> JudgeTable:
    """The cheap judge's table; the judge is asked first unless a table is given."""
    if is_table(config.cheap):
        return JudgeTable(Path(config.cheap), judge_of(Path(config.cheap), config.cheap_judge))
    out = config.out / "cheap.judgments.parquet"
    return _answers(config, "cheap", pairs_of(config), out, progress)


def strong_table(config: CascadeConfig) -> JudgeTable:
    """The table of the strong judge's answers on the rest, which may have to be asked for first."""
    if is_table(config.strong):
        return JudgeTable(Path(config.strong), judge_of(Path(config.strong), config.strong_judge))
    return JudgeTable(config.out / "rest.judgments.parquet", config.strong_judge or config.strong)


def strong_answers(
    config: CascadeConfig, strong: JudgeTable, evidence: Evidence, rows: Bools, progress: Progress
) -> StrongAnswers:
    """The strong judge's answers on some pairs: read from its table, or asked."""
    if not is_table(config.strong):
        held_pairs = config.out / "held.parquet"
        write_pairs(pairs_of(config), evidence, rows, held_pairs)
        out = config.out / "held.judgments.parquet"
        strong = _answers(config, "strong", held_pairs, out, progress)
    return StrongAnswers(*second_verdicts(evidence, strong.path, strong.judge), strong)


def judge_rest(
    config: CascadeConfig, evidence: Evidence, rows: Bools, progress: Progress
) -> CostEstimate | None:
    """Ask the strong judge about the rest, or estimate that on a run that asks no rest; None for a table."""
    if is_table(config.strong):
        return None
    rest = config.out / "rest.parquet"
    write_pairs(pairs_of(config), evidence, rows, rest)
    out = strong_table(config).path
    return _judge(config, "strong", rest, out, progress, dry=not config.asks_rest).estimate


def estimate_all(config: CascadeConfig, progress: Progress) -> CostEstimate | None:
    """What the strong judge takes if no answer of the cheap one stands; None if it is a table."""
    if is_table(config.strong):
        return None
    return _judge(config, "strong", pairs_of(config), strong_table(config).path, progress, dry=True).estimate


def write_pairs(pairs: Path, evidence: Evidence, rows: Bools, out: Path) -> None:
    """Write some of the judged pairs, with the texts that a judge reads.

    Raises BadTable if they are not there.
    """
    with in_memory(f"{pairs} cannot be read as pairs: {{}}") as db, fresh_file(out) as fresh:
        create_view(db, "pairs", tables.TO_SCORE, pairs)
        db.register("keys", keys(evidence, rows).filter(pa.array(rows)))
        db.sql(_PICK).write_parquet(str(fresh), compression="zstd")
        number = pq.read_metadata(fresh).num_rows
    if number == 0 and rows.any():
        raise BadTable(
            f"{pairs} holds none of the {int(rows.sum()):,} pairs wanted: give the pairs that were judged"
        )


def keys(evidence: Evidence, inside: Bools) -> pa.Table:
    """item_id, keyphrase, row and inside of every judged pair."""
    row = pa.array(np.arange(len(evidence), dtype=np.int64))
    named = {"item_id": evidence.item_id, "keyphrase": evidence.keyphrase, "row": row}
    return pa.table({**named, "inside": pa.array(inside)})


def asked_so_far(judgments: Sequence[Path]) -> int:
    """How many pairs in its tables a judge was asked about, which had a text and were within the budget."""
    with in_memory() as db:
        create_view(db, "asked", tables.JUDGMENTS, judgments or None)
        number = db.execute(_ASKED, [NO_TEXT, NOT_ASKED, OVER_BUDGET]).fetchone() or (0,)
    return int(number[0])


def pairs_of(config: CascadeConfig) -> Path:
    """The pairs to ask about. Raises BadConfig if none are named."""
    if config.pairs is None:
        raise BadConfig("a judge is to be asked: name the pairs with --pairs FILE.parquet")
    return config.pairs


def _answers(config: CascadeConfig, side: str, pairs: Path, out: Path, progress: Progress) -> JudgeTable:
    """One side's answers on these pairs; on a dry run those of the log.

    Raises Unanswered if a dry run's log does not know a text at all.
    """
    table = JudgeTable(out, getattr(config, f"{side}_judge") or getattr(config, side))
    if not config.dry_run:
        return replace(table, identity=_judge(config, side, pairs, out, progress).identity)
    missing = _judge(config, side, pairs, out, progress, dry=True).estimate
    if missing is not None and missing.texts > missing.again:
        raise Unanswered(side, missing)
    from_log = _judge(config, side, pairs, out, progress, ask=False)
    return replace(table, identity=from_log.identity, given_up=0 if missing is None else missing.again)


def _judge(
    config: CascadeConfig,
    side: str,
    pairs: Path,
    out: Path,
    progress: Progress,
    dry: bool = False,
    ask: bool = True,
) -> JudgeResult:
    """Ask one side's judge about these pairs. dry: estimate it; ask: if False, read the verdict log only."""
    spelled, name = getattr(config, side), getattr(config, f"{side}_judge")
    further: Mapping[str, Any] = getattr(config, f"{side}_settings")
    for key in further:
        if key in SET_HERE:
            raise BadConfig(f"{side}_settings.{key} is set by the cascade itself: leave it out")
    values = {**further, "pairs": pairs, "judge": spelled, "name": name or spelled, "scale": config.scale}
    values |= {"log": config.verdicts, "out": out, "dry_run": dry}
    return judge(from_dict(JudgeConfig, values), progress, ask=ask)
