"""The local engine: parts planned, scored on all cores, put together in the order of the input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.local import state
from adjudge.engines.local.parts import Part, input_files, open_file, plan
from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.local.worker import Counts, Work, one_by_one, side_by_side
from adjudge.engines.output import UNSCORED, Stamp, Success, default_run_id, iso, stamped, write_success
from adjudge.engines.task import Scored, Task
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import SCORES_SCHEMA, UNSCORED_SCHEMA
from adjudge.scoring.texts import Join, build_store, open_store
from adjudge.storage.files import discard, fresh_parquet, move_in

Crew = Callable[[Work, Scorer, list[Part], Callable[[int], None]], Iterator[tuple[Part, Counts]]]
"""Scores parts in whatever order, telling rows done; gives each with its counts when its files are complete."""


def score_pairs(task: Task, progress: Progress = no_progress) -> Scored:
    """Score every row of `task.pairs` into `task.out`, in the same order.

    A row that cannot be scored keeps its place with null score and kept, and stands with its 0-based row number and
    reason among the unscored. The output appears only when it is complete, the same bytes whatever the workers and
    however often the run was killed. Raises BadTable, BadConfig, WorkerDied.
    """
    return score_parts(task, progress)


def score_parts(
    task: Task, progress: Progress = no_progress, engine: str = "local", crew: Crew | None = None
) -> Scored:
    """`score_pairs`, with the parts scored by `crew` (none = threads or processes of this machine)."""
    join = Join(task.items, task.keyphrases)
    paths = input_files(task.pairs)
    files = [open_file(path, join.needed) for path in paths]
    parts = plan(files, paths, task.part_rows)
    workers = _workers(task, parts)
    scorer = task.load(workers=task.workers if workers == 1 and crew is None else 1)
    stamp = Stamp(
        task.run_id or default_run_id(task.scored_at, scorer.version),
        scorer.version,
        scorer.threshold,
        iso(task.scored_at),
    )
    with state.opened(task.out, _fingerprint(task, paths, scorer), stamp, task.resume) as run:
        with _stores(task, run.folder / state.INNER, progress) as built:
            schema = stamped(SCORES_SCHEMA, run.stamp)
            work = Work(task.load, built, schema, run.stamp.time, task.chunk, run.folder)
            crew = crew or partial(_crew, workers=workers)
            total = _score(work, scorer, run, parts, crew, progress)
        if task.out.suffix == ".parquet":
            aside = _one_file(task.out, run, parts, total)
        else:
            aside = _folder(task.out, run, parts, total, engine)
    left = aside if total.unscored else None
    return Scored(
        task.out,
        total.rows,
        total.kept,
        total.unscored,
        left,
        scorer.version,
        scorer.threshold,
        run.stamp.run_id,
        run.stamp.time,
        total.reasons,
    )


def _workers(task: Task, parts: list[Part]) -> int:
    cores = task.workers or len(os.sched_getaffinity(0))
    settings = task.options.get("local") or LocalSettings()
    small = sum(part.rows for part in parts) <= settings.inline_up_to_rows
    return 1 if small else max(1, min(cores, len(parts)))


def _fingerprint(task: Task, paths: list[Path], scorer: Scorer) -> dict[str, Any]:
    """What makes two runs give the same bytes; --resume compares it entry by entry."""
    return {
        "pairs": [_identity(path) for path in paths],
        "items": [_identity(path) for path in input_files(task.items)] if task.items else None,
        "keyphrases": [_identity(path) for path in input_files(task.keyphrases)] if task.keyphrases else None,
        "model_version": scorer.version,
        "threshold": scorer.threshold,
        "chunk": task.chunk,
        "part_rows": task.part_rows,
        "settings": task.settings,
        "run_id": task.run_id,
    }


def _identity(path: Path) -> list[Any]:
    seen = path.stat()
    return [path.name, seen.st_size, seen.st_mtime_ns]


@contextmanager
def _stores(task: Task, folder: Path, progress: Progress) -> Iterator[Join]:
    """The join with its stores built beside the run's state; a store of a killed run is used again."""
    places: dict[str, Path | None] = {"items": None, "keyphrases": None}
    asked = {
        "items": (task.items, "item_id", ("title", "category")),
        "keyphrases": (task.keyphrases, "keyphrase_id", ("keyphrase",)),
    }
    for name, (source, key, columns) in asked.items():
        if source is None:
            continue
        place, fresh = folder / name, folder / f"{name}.new"
        if not place.exists():
            shutil.rmtree(fresh, ignore_errors=True)
            progress(name, 0, 0)
            paths = input_files(source)
            for path in paths:
                open_file(path, (key, columns[0])).close()
            rows = build_store(paths, key, columns, fresh)
            os.replace(fresh, place)
            progress(name, rows, rows)
        places[name] = place
    try:
        yield Join(**places)
    finally:
        open_store.cache_clear()


def _crew(
    work: Work, scorer: Scorer, todo: list[Part], tell: Callable[[int], None], workers: int
) -> Iterator[tuple[Part, Counts]]:
    return one_by_one(work, scorer, todo, tell) if workers == 1 else side_by_side(work, workers, todo, tell)


def _score(
    work: Work, scorer: Scorer, run: state.State, parts: list[Part], crew: Crew, progress: Progress
) -> Counts:
    """Score the parts that are not finished yet; the sum over all."""
    finished = {part.number: counts for part in parts if (counts := run.finished(part))}
    todo = [part for part in parts if part.number not in finished]
    rows, done = sum(part.rows for part in parts), sum(counts.rows for counts in finished.values())

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress("score", done, rows)

    for part, counts in crew(work, scorer, todo, tell):
        run.finish(part, counts)
        finished[part.number] = counts
    return sum((finished[part.number] for part in parts), Counts())


def _one_file(out: Path, run: state.State, parts: list[Part], total: Counts) -> Path:
    """The parts put together, row group by row group; the unscored beside it, gone where there are none."""
    aside = out.with_name(f"{out.stem}.unscored.parquet")
    held = [run.folder / part.name for part in parts]
    if total.unscored:
        _concat(sorted((run.folder / UNSCORED).glob("part-*.parquet")), aside, UNSCORED_SCHEMA)
    else:
        aside.unlink(missing_ok=True)
    _concat(held, out, stamped(SCORES_SCHEMA, run.stamp))
    discard(run.folder)
    return aside


def _concat(files: list[Path], out: Path, schema: pa.Schema) -> None:
    with fresh_parquet(out, schema) as writer:
        for path in files:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(group).replace_schema_metadata(schema.metadata))


def _folder(out: Path, run: state.State, parts: list[Part], total: Counts, engine: str) -> Path:
    """The working folder becomes the output; `_SUCCESS` is in it before it takes the name."""
    names = tuple(part.name for part in parts)
    if not names:
        names = ("part-000000.parquet",)
        _concat([], run.folder / names[0], stamped(SCORES_SCHEMA, run.stamp))
    counts = (total.rows, total.kept, total.unscored, total.reasons)
    write_success(run.folder, Success(run.stamp, engine, *counts, names))
    # Left in an older result by a kill: it would make that one, moved out, a run to resume.
    discard(out / state.INNER)
    move_in(run.folder, out)
    discard(out / state.INNER)
    return out / UNSCORED
