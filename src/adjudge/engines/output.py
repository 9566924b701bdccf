"""A run's result on disk: from finished parts to one file or a folder, and how a result is read back.

One file: `OUT.parquet`, and `OUT.unscored.parquet` beside it if rows have no score. A folder:
`part-*.parquet`, `_unscored/part-*.parquet`, and `_SUCCESS`, written last: a folder without it is not a
result. The stamp stands in the Parquet metadata (key `adjudge`) and, for a folder, in `_SUCCESS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.config import from_dict, to_dict
from adjudge.engines.parts import UNSCORED, Counts, part_name
from adjudge.engines.stamp import KEY, SUCCESS, Stamp, stamped
from adjudge.engines.state import INNER, RunState
from adjudge.engines.task import ScoreResult, Task
from adjudge.errors import BadConfig, BadTable
from adjudge.scoring.rows import SCORES_SCHEMA, UNSCORED_SCHEMA
from adjudge.storage.files import discard, fresh_parquet, move_in, write_json

Combine = Callable[[list[Path], Path, pa.Schema], None]
"""Puts the rows of parts into one file, in the order of the input."""


@dataclass(frozen=True)
class Success:
    """The contents of `_SUCCESS`. files: parts by name, in the order of their rows."""

    run: Stamp
    engine: str
    rows: int
    kept: int
    unscored: int
    reasons: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def publish(task: Task, run: RunState, total: Counts, engine: str, combine: Combine) -> ScoreResult:
    """Turn the finished parts into the task's output; the working folder goes."""
    if task.out.suffix == ".parquet":
        aside = _publish_file(task.out, run, total, combine)
    else:
        aside = _publish_folder(task.out, run, total, engine)
    return ScoreResult(
        task.out,
        total.rows,
        total.kept,
        total.unscored,
        aside if total.unscored else None,
        run.stamp.model_version,
        run.stamp.threshold,
        run.stamp.run_id,
        run.stamp.time,
        total.reasons,
    )


def _publish_file(out: Path, run: RunState, total: Counts, combine: Combine) -> Path:
    """The parts in one file; the unscored beside it, gone if there are none."""
    aside = out.with_name(f"{out.stem}.unscored.parquet")
    if total.unscored:
        combine(sorted((run.folder / UNSCORED).glob("part-*.parquet")), aside, UNSCORED_SCHEMA)
    else:
        aside.unlink(missing_ok=True)
    combine(sorted(run.folder.glob("part-*.parquet")), out, stamped(SCORES_SCHEMA, run.stamp))
    discard(run.folder)
    return aside


def _publish_folder(out: Path, run: RunState, total: Counts, engine: str) -> Path:
    """The working folder becomes the output; `_SUCCESS` is in it before it takes the name."""
    names = sorted(path.name for path in run.folder.glob("part-*.parquet"))
    if not names:
        names = [part_name(0)]
        concatenate([], run.folder / names[0], stamped(SCORES_SCHEMA, run.stamp))
    counts = (total.rows, total.kept, total.unscored, total.reasons)
    write_success(run.folder, Success(run.stamp, engine, *counts, tuple(names)))
    # Left in an older result by a kill: it would make that one, moved out, a run to resume.
    discard(out / INNER)
    move_in(run.folder, out)
    discard(out / INNER)
    return out / UNSCORED


def concatenate(files: list[Path], out: Path, schema: pa.Schema) -> None:
    """Parts that follow the input, put together row group by row group."""
    with fresh_parquet(out, schema) as writer:
        for path in files:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(group).replace_schema_metadata(schema.metadata))


def write_success(folder: Path, success: Success) -> None:
    """Make a folder of parts a result."""
    write_json(folder / SUCCESS, to_dict(success), durable=True)


def read_success(folder: Path) -> Success:
    """What a folder of parts says of itself. Raises BadTable if it is no finished result."""
    try:
        return from_dict(Success, json.loads((folder / SUCCESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, BadConfig) as error:
        raise BadTable(
            f"{folder} holds no finished run: {folder / SUCCESS} cannot be read ({error}). Run `adjudge "
            "score` to the end (--resume goes on from its parts)."
        ) from error


def read_result(path: Path) -> tuple[Stamp, list[Path]]:
    """A run's stamp and its Parquet files, from one file or a folder. Raises BadTable."""
    if path.is_dir():
        success = read_success(path)
        files = [path / name for name in success.files]
        gone = [file.name for file in files if not file.is_file()]
        if gone:
            raise BadTable(f"{path} is incomplete: {', '.join(gone[:3])} missing. Score again.")
        return success.run, files
    try:
        metadata = pq.read_schema(path).metadata or {}
        return from_dict(Stamp, json.loads(metadata[KEY])), [path]
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}. Write it with: adjudge score") from error
    except (KeyError, ValueError, BadConfig) as error:
        raise BadTable(
            f"{path} does not say which run wrote it (no Parquet metadata 'adjudge'). Write it with: adjudge "
            "score"
        ) from error
