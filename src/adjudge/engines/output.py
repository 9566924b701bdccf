"""A run's result on disk: what it says of itself, files that appear whole, and how it is read back.

One file: `OUT.parquet`, and `OUT.unscored.parquet` beside it where rows have no score. A folder: `part-*.parquet`,
`_unscored/part-*.parquet`, and `_SUCCESS`, written last: a folder without it is not a result. The stamp stands in
the Parquet metadata (key `adjudge`) and, for a folder, in `_SUCCESS`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadConfig, BadTable

SUCCESS, UNSCORED = "_SUCCESS", "_unscored"
KEY = b"adjudge"


@dataclass(frozen=True)
class Stamp:
    """What a run says of itself: `scored_at` as ISO 8601 in UTC; `threshold` is the model's at that time."""

    run_id: str
    model_version: str
    threshold: float | None
    scored_at: str

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.scored_at)


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


def iso(time: datetime) -> str:
    """A time in UTC, as stamps spell it.

    >>> iso(datetime(2026, 11, 22, 6, tzinfo=UTC))
    '2026-11-22T06:00:00.000000Z'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def default_run_id(scored_at: datetime, model_version: str) -> str:
    """A run's name where none is given: its time and model."""
    return f"{scored_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{model_version}"


def stamped(schema: pa.Schema, stamp: Stamp) -> pa.Schema:
    """The schema with the stamp in its metadata."""
    return schema.with_metadata({KEY: json.dumps(to_dict(stamp), sort_keys=True).encode()})


def write_success(folder: Path, success: Success) -> None:
    """Make a folder of parts a result."""
    write_json(folder / SUCCESS, to_dict(success))


def write_json(path: Path, values: dict[str, Any]) -> None:
    """A small JSON file that is there whole or not at all, and outlives a power cut."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read_success(folder: Path) -> Success:
    """What a folder of parts says of itself. Raises BadTable where it is no finished result."""
    try:
        return from_dict(Success, json.loads((folder / SUCCESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, BadConfig) as error:
        raise BadTable(
            f"{folder} holds no finished run: {folder / SUCCESS} cannot be read ({error}). Run `adjudge score` to the "
            "end (--resume goes on from its parts)."
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
            f"{path} does not say which run wrote it (no Parquet metadata 'adjudge'). Write it with: adjudge score"
        ) from error
