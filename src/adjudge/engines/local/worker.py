"""One part scored and written; in this process, or in many that die with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyarrow as pa

from adjudge.engines.local.parts import Part, read
from adjudge.engines.output import UNSCORED
from adjudge.errors import AdjudgeError
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import UNSCORED_SCHEMA, score_rows
from adjudge.scoring.texts import Join
from adjudge.storage.files import fresh_parquet


class WorkerDied(AdjudgeError):
    """A scoring process ended without a word."""


@dataclass(frozen=True)
class Work:
    """What is the same for all parts. `schema` carries the run's stamp; `folder` takes the parts."""

    load: Callable[..., Scorer]
    join: Join
    schema: pa.Schema
    scored_at: datetime
    chunk: int
    folder: Path


@dataclass(frozen=True)
class Counts:
    """What became of a part's rows."""

    rows: int = 0
    kept: int = 0
    unscored: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        reasons = Counter(self.reasons) + Counter(other.reasons)
        rows, kept = self.rows + other.rows, self.kept + other.kept
        return Counts(rows, kept, self.unscored + other.unscored, dict(sorted(reasons.items())))


def score_part(work: Work, scorer: Scorer, part: Part, tell: Callable[[int], None]) -> Counts:
    """Score a part into `folder`; its files take their names when they are complete. Tells rows done, chunk by chunk."""
    total, done, mark = Counts(), 0, str(os.getpid())
    aside: list[pa.Table] = []
    with fresh_parquet(work.folder / part.name, work.schema, mark) as scores:
        for table in read(part, work.join.columns, work.chunk):
            rows = score_rows(scorer, work.join.texts(table), work.scored_at, part.first + done)
            scores.write_table(rows.scores)
            aside += [rows.unscored] if len(rows.unscored) else []
            reasons = Counter(rows.unscored["reason"].to_pylist())
            total = total + Counts(len(table), rows.kept, len(rows.unscored), dict(reasons))
            done += len(table)
            tell(len(table))
        if aside:
            with fresh_parquet(work.folder / UNSCORED / part.name, UNSCORED_SCHEMA, mark) as unscored:
                unscored.write_table(pa.concat_tables(aside))
    return total


def one_by_one(
    work: Work, scorer: Scorer, parts: Iterable[Part], tell: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    """Score parts in this process, in order."""
    for part in parts:
        yield part, score_part(work, scorer, part, tell)


def side_by_side(
    work: Work, workers: int, parts: Iterable[Part], tell: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    """Score parts in `workers` spawned processes of one thread each, in whatever order they finish.

    Raises what a process raised, and WorkerDied where one ended without a word.
    """
    todo = iter(parts)
    context = multiprocessing.get_context("spawn")
    crew: dict[Connection, Any] = {}
    try:
        for part in islice(todo, workers):
            ours, theirs = context.Pipe()
            crew[ours] = context.Process(target=_work, args=(theirs, work), daemon=True)
            crew[ours].start()
            theirs.close()
            ours.send(part)
        yield from _listen(crew, todo, tell)
    finally:
        for connection, process in crew.items():
            connection.close()
            process.terminate()
            process.join()


def _listen(
    crew: dict[Connection, Any], todo: Iterator[Part], tell: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    busy = set(crew)
    while busy:
        ready = wait(list(busy))
        for connection in [one for one in crew if one in ready]:
            said = _hear_from(connection, crew[connection])
            if isinstance(said, int):
                tell(said)
                continue
            yield said
            part = next(todo, None)
            if part is None:
                busy.discard(connection)
            else:
                connection.send(part)


def _hear_from(connection: Connection, process: Any) -> Any:
    """What a process says: rows done, or a part and its counts. Raises the error it met, or WorkerDied."""
    try:
        said = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        process.join(5)
        raise WorkerDied(
            f"a scoring process ended with code {process.exitcode} (out of memory ends it with -9). "
            "Finished parts are kept: go on with --resume, with fewer --workers if memory is short."
        ) from error
    if isinstance(said, AdjudgeError):
        raise said
    return said


def _work(connection: Connection, work: Work) -> None:
    """A process's life: parts come, counts go; when the parent is gone, so is this."""
    # A terminal's Ctrl-C reaches the whole group; what it means is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parts: queue.Queue[Part] = queue.Queue()
    threading.Thread(target=_hear, args=(connection, parts), daemon=True).start()
    try:
        scorer = work.load(workers=1)
        while True:
            part = parts.get()
            connection.send((part, score_part(work, scorer, part, connection.send)))
    except AdjudgeError as error:
        connection.send(error)


def _hear(connection: Connection, parts: queue.Queue[Part]) -> None:
    while True:
        try:
            parts.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)
