"""A scoring task and its result: the same for every engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adjudge.config import check_range
from adjudge.errors import BadConfig, BadTable
from adjudge.scoring.core import Scorer


def now() -> datetime:
    """The present, to the second: one value per run."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Task:
    """What to score, with what, and where to.

    load       gives a Scorer by keyword `workers` (threads; 0 = one per core). It travels to other processes,
               so it is a module's function or a `functools.partial` of one. If `artifact` is set, it takes
               keyword `artifact` as well: the place to open the model from instead
    pairs      Parquet file, or folder of them (taken in the order of their names)
    out        a `.parquet` file, or a folder of part files
    items      item_id, title and optionally category: then the pairs' own title and category are not read
    keyphrases keyphrase_id, keyphrase: then the pairs name a keyphrase by keyphrase_id
    workers    processes; 0 = one per core
    chunk      rows that a scorer sees at a time
    part_rows  rows per part, about: what a killed run loses at most, per worker
    settings   what else decides the bytes of a result (--resume compares it)
    artifact   the model's folder, for an engine that ships it to other machines
    options    an engine's own settings, by the engine's name
    """

    load: Callable[..., Scorer]
    pairs: Path
    out: Path
    scored_at: datetime = field(default_factory=now)
    run_id: str = ""
    items: Path | None = None
    keyphrases: Path | None = None
    workers: int = 0
    chunk: int = 65_536
    part_rows: int = 262_144
    resume: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    artifact: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("Task", "workers", self.workers, 0, 1024)
        check_range("Task", "chunk", self.chunk, 1, 10**8)
        check_range("Task", "part_rows", self.part_rows, 1, 10**9)
        if self.scored_at.tzinfo is None:
            raise BadConfig(
                f"Task.scored_at is {self.scored_at}: it needs a time zone, as 2026-11-22T06:00:00Z"
            )

    @property
    def inputs(self) -> dict[str, Path]:
        """The tables by the option that names them."""
        named = {"pairs": self.pairs, "items": self.items, "keyphrases": self.keyphrases}
        return {name: path for name, path in named.items() if path is not None}


@dataclass(frozen=True)
class ScoreResult:
    """What a run wrote: `unscored_path` is None if every row has a score; `reasons` counts those that have
    none; `threshold_set` is False if the artifact says that its threshold is the default that nobody set."""

    out: Path
    rows: int
    kept: int
    unscored: int
    unscored_path: Path | None
    model_version: str
    threshold: float | None
    run_id: str = ""
    scored_at: datetime | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    threshold_set: bool = True


def input_files(path: Path) -> list[Path]:
    """A file, or the Parquet files of a folder in the order of their names.

    Raises BadTable if there is none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.glob("*.parquet") if not file.name.startswith((".", "_")))
    if not files:
        raise BadTable(f"{path} holds no .parquet file. Other formats come in with: adjudge import")
    return files
