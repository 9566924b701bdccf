"""The local engine: parts planned, scored on all cores, put together in the order of the input."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from adjudge.engines import state
from adjudge.engines.local.layout import Part, open_file, plan
from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.local.worker import PartWork, inline, side_by_side
from adjudge.engines.output import concatenate, publish
from adjudge.engines.parts import Counts
from adjudge.engines.stamp import stamped
from adjudge.engines.task import ScoreResult, Task, input_files
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.scoring.texts import TextJoin, build_store, open_store
from adjudge.storage.files import fresh_folder

Crew = Callable[[PartWork, Scorer, list[Part], Callable[[int], None]], Iterator[tuple[Part, Counts]]]
"""Scores parts in whatever order, reporting rows done; gives each with its counts when its files are
complete."""


def score_pairs(task: Task, progress: Progress = no_progress) -> ScoreResult:
    """Score every row of `task.pairs` into `task.out`, in the same order.

    A row that cannot be scored keeps its place with null score and kept, and stands with its 0-based row
    number and reason among the unscored. The output appears only when it is complete, the same bytes whatever
    the workers and however often the run was killed. Raises BadTable, BadConfig, WorkerDied.
    """
    return score_parts(task, progress)


def score_parts(
    task: Task, progress: Progress = no_progress, engine: str = "local", crew: Crew | None = None
) -> ScoreResult:
    """`score_pairs`, with the parts scored by `crew` (None = threads or processes of this machine)."""
    join = TextJoin(task.items, task.keyphrases)
    paths = input_files(task.pairs)
    parts = plan([open_file(path, join.needed) for path in paths], paths, task.part_rows)
    workers = _workers(task, parts)
    scorer = task.load(workers=task.workers if workers == 1 and crew is None else 1)
    with state.opened(task, scorer, state.fingerprint(task, scorer, part_rows=task.part_rows)) as run:
        with _stores(task, run.folder / state.INNER, progress) as built:
            work = PartWork(
                task.load, built, stamped(SCORES_SCHEMA, run.stamp), run.stamp.time, task.chunk, run.folder
            )
            total = _score(work, scorer, parts, crew or partial(_local_crew, workers=workers), progress)
        return publish(task, run, total, engine, concatenate)


def _workers(task: Task, parts: list[Part]) -> int:
    cores = task.workers or len(os.sched_getaffinity(0))
    settings = task.options.get("local") or LocalSettings()
    small = sum(part.rows for part in parts) <= settings.inline_up_to_rows
    return 1 if small else max(1, min(cores, len(parts)))


@contextmanager
def _stores(task: Task, folder: Path, progress: Progress) -> Iterator[TextJoin]:
    """The join with its stores built beside the run's state; a store of a killed run is used again."""
    tables = {
        "items": (task.items, "item_id", ("title", "category")),
        "keyphrases": (task.keyphrases, "keyphrase_id", ("keyphrase",)),
    }
    stores: dict[str, Path | None] = dict.fromkeys(tables)
    for name, (source, key, columns) in tables.items():
        if source is None:
            continue
        stores[name] = folder / name
        if not (folder / name).exists():
            progress(name, 0, 0)
            paths = input_files(source)
            for path in paths:
                open_file(path, (key, columns[0])).close()
            with fresh_folder(folder / name) as fresh:
                rows = build_store(paths, key, columns, fresh)
            progress(name, rows, rows)
    try:
        yield TextJoin(**stores)
    finally:
        open_store.cache_clear()


def _local_crew(
    work: PartWork, scorer: Scorer, todo: list[Part], report: Callable[[int], None], workers: int
) -> Iterator[tuple[Part, Counts]]:
    return inline(work, scorer, todo, report) if workers == 1 else side_by_side(work, workers, todo, report)


def _score(work: PartWork, scorer: Scorer, parts: list[Part], crew: Crew, progress: Progress) -> Counts:
    """Score the parts that are not finished yet; the sum over all."""
    counts = state.finished(work.folder)
    todo = [part for part in parts if part.number not in counts]
    rows, done = sum(part.rows for part in parts), sum(part.rows for part in counts.values())

    def report(more: int) -> None:
        nonlocal done
        done += more
        progress("score", done, rows)

    for part, result in crew(work, scorer, todo, report):
        state.finish(work.folder, part.number, result)
        counts[part.number] = result
    return sum((counts[part.number] for part in parts), Counts())
