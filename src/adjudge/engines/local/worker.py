"""Parts scored and written in this process, or in worker processes that die with the one that started
them."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyarrow as pa

from adjudge.engines.local.layout import Part, read
from adjudge.engines.parts import Counts, write_part
from adjudge.errors import AdjudgeError
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import Rows, score_rows
from adjudge.scoring.texts import TextJoin


class WorkerDied(AdjudgeError):
    """A scoring process ended without a word."""


@dataclass(frozen=True)
class PartWork:
    """What is the same for all parts. `schema` carries the run's stamp; `folder` takes the parts."""

    load: Callable[..., Scorer]
    join: TextJoin
    schema: pa.Schema
    scored_at: datetime
    chunk: int
    folder: Path


def score_part(work: PartWork, scorer: Scorer, part: Part, report: Callable[[int], None]) -> Counts:
    """Score a part into `folder`; its files take their names when they are complete.

    Reports rows, chunk by chunk.
    """

    def scored() -> Iterator[Rows]:
        first = part.first
        for table in read(part, work.join.columns, work.chunk):
            yield score_rows(scorer, work.join.texts(table), work.scored_at, first)
            first += len(table)
            report(len(table))

    return write_part(work.folder, part.number, work.schema, scored(), str(os.getpid()))


def inline(
    work: PartWork, scorer: Scorer, parts: Iterable[Part], report: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    """Score parts in this process, in order."""
    for part in parts:
        yield part, score_part(work, scorer, part, report)


def side_by_side(
    work: PartWork, workers: int, parts: Iterable[Part], report: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    """Score parts in `workers` spawned processes of one thread each, in whatever order they finish.

    Raises what a process raised, and WorkerDied if one ended without a word.
    """
    todo = iter(parts)
    context = multiprocessing.get_context("spawn")
    processes: dict[Connection, Any] = {}
    try:
        for part in islice(todo, workers):
            ours, theirs = context.Pipe()
            processes[ours] = context.Process(target=_serve_parts, args=(theirs, work), daemon=True)
            processes[ours].start()
            theirs.close()
            ours.send(part)
        yield from _results(processes, todo, report)
    finally:
        for connection, process in processes.items():
            connection.close()
            process.terminate()
            process.join()


def _results(
    processes: dict[Connection, Any], todo: Iterator[Part], report: Callable[[int], None]
) -> Iterator[tuple[Part, Counts]]:
    busy = set(processes)
    while busy:
        ready = wait(list(busy))
        for connection in [connection for connection in processes if connection in ready]:
            message = _receive(connection, processes[connection])
            if isinstance(message, int):
                report(message)
                continue
            yield message
            part = next(todo, None)
            if part is None:
                busy.discard(connection)
            else:
                connection.send(part)


def _receive(connection: Connection, process: Any) -> Any:
    """A process's message: rows done, or a part and its counts. Raises the error it met, or WorkerDied."""
    try:
        message = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        process.join(5)
        raise WorkerDied(
            f"a scoring process ended with code {process.exitcode} (out of memory ends it with -9). "
            "Finished parts are kept: go on with --resume, with fewer --workers if memory is short."
        ) from error
    if isinstance(message, AdjudgeError):
        raise message
    return message


def _serve_parts(connection: Connection, work: PartWork) -> None:
    """Main function of a worker process: it receives parts and sends their counts until its parent is
    gone."""
    # A terminal's Ctrl-C reaches the whole group; what it means is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parts: queue.Queue[Part] = queue.Queue()
    threading.Thread(target=_receive_parts, args=(connection, parts), daemon=True).start()
    try:
        scorer = work.load(workers=1)
        while True:
            part = parts.get()
            connection.send((part, score_part(work, scorer, part, connection.send)))
    except AdjudgeError as error:
        connection.send(error)


def _receive_parts(connection: Connection, parts: queue.Queue[Part]) -> None:
    """Receive in a thread of its own, so that a worker notices its parent's end while it scores."""
    while True:
        try:
            parts.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)
