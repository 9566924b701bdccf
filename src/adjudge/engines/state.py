"""Crash-safe state of a run: what makes two runs the same run, and which parts are finished.

`.NAME.run/` stands beside the output: parts, `_unscored/`, and `.run/` with `run.json` and one small file (a
mark) per finished part. A mark counts if the files it speaks of are there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.config import from_dict, to_dict
from adjudge.engines.parts import UNSCORED, Counts, part_name
from adjudge.engines.stamp import Stamp, default_run_id, iso
from adjudge.engines.task import Task, input_files
from adjudge.errors import BadConfig
from adjudge.scoring.core import Scorer
from adjudge.storage.files import bring_back, discard, write_json
from adjudge.storage.lock import one_writer

FORMAT = 1
INNER = ".run"


@dataclass(frozen=True)
class RunState:
    """An open working folder, held by this process alone."""

    folder: Path
    stamp: Stamp


def finish(folder: Path, number: int, counts: Counts, mark: str = "part") -> None:
    """Note that the files of a part are complete; `mark` as for `write_part`."""
    write_json(folder / INNER / f"{number:06d}.json", to_dict(counts), mark, durable=True)


def finished(folder: Path, known: dict[int, Counts] | None = None) -> dict[int, Counts]:
    """The counts of all finished parts by number; those in `known` are not read again."""
    done = dict(known or {})
    for path in (folder / INNER).glob("[0-9]*.json"):
        number = int(path.stem)
        if number not in done:
            try:
                counts = from_dict(Counts, json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, BadConfig):
                continue
            if _complete(folder, part_name(number), counts):
                done[number] = counts
    return done


def _complete(folder: Path, name: str, counts: Counts) -> bool:
    """Whether the files are there: a folder that was half removed holds marks of parts that are gone."""
    scores, unscored = folder / name, folder / UNSCORED / name
    return (not counts.rows or scores.is_file()) and (not counts.unscored or unscored.is_file())


def folder_of(out: Path) -> Path:
    """The working folder of an output."""
    return out.with_name(f".{out.name}.run")


def fingerprint(task: Task, scorer: Scorer, **engine: Any) -> dict[str, Any]:
    """What makes two runs give the same parts; `--resume` compares it entry by entry. engine: what is its
    own."""

    def files(source: Path | None) -> list[list[Any]] | None:
        if source is None:
            return None
        stats = [(path.name, path.stat()) for path in input_files(source)]
        return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]

    return {
        "pairs": files(task.pairs),
        "items": files(task.items),
        "keyphrases": files(task.keyphrases),
        "model_version": scorer.version,
        "threshold": scorer.threshold,
        "chunk": task.chunk,
        **engine,
        "settings": task.settings,
        "run_id": task.run_id,
    }


@contextmanager
def opened(task: Task, scorer: Scorer, fingerprint: dict[str, Any]) -> Iterator[RunState]:
    """The working folder of a task: fresh, or with `resume` that of the killed run, whose stamp then holds.

    Left without a finished part, the folder goes. Raises BadConfig if the killed run was another one, or a
    run is still at it.
    """
    out, folder = task.out, folder_of(task.out)
    run_id = task.run_id or default_run_id(task.scored_at, scorer.version)
    stamp = Stamp(run_id, scorer.version, scorer.threshold, iso(task.scored_at))
    out.parent.mkdir(parents=True, exist_ok=True)
    busy = f"another run is writing {out}: wait for it, or choose another --out"
    with one_writer(out.with_name(f".{out.name}.lock"), busy, remove=True):
        if out.suffix != ".parquet":
            bring_back(out)
        killed = _killed_run(folder) if task.resume else None
        if killed is not None:
            _check_same(killed, fingerprint, out)
            stamp = from_dict(Stamp, killed["stamp"])
            _sweep(folder)
        else:
            discard(folder)
            (folder / UNSCORED).mkdir(parents=True)
            (folder / INNER).mkdir()
            about = {**fingerprint, "format": FORMAT, "stamp": to_dict(stamp)}
            write_json(folder / INNER / "run.json", about, durable=True)
        try:
            yield RunState(folder, stamp)
        finally:
            if folder.exists() and not any((folder / INNER).glob("[0-9]*.json")):
                discard(folder)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written."""
    for parts in (folder, folder / UNSCORED):
        for path in parts.glob(".part-*"):
            path.unlink()


def _killed_run(folder: Path) -> dict[str, Any] | None:
    try:
        values = json.loads((folder / INNER / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _check_same(killed: dict[str, Any], fingerprint: dict[str, Any], out: Path) -> None:
    mine = json.loads(json.dumps({**fingerprint, "format": FORMAT}))
    other = [name for name in mine if mine[name] != killed.get(name)]
    if other:
        name = other[0]
        raise BadConfig(
            f"--resume: the killed run of {out} had another {name} ({killed.get(name)}; now {mine[name]}). "
            "Give what it had, or leave --resume out to start anew."
        )
