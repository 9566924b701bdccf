"""A run's working folder: what makes two runs the same run, and which parts are done.

`.NAME.run/` stands beside the output: parts, `_unscored/`, and `.run/` with `run.json` and one small file (a mark) a
finished part. A mark counts where the files it speaks of are there.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.config import from_dict, to_dict
from adjudge.engines.local.parts import Part
from adjudge.engines.local.worker import Counts
from adjudge.engines.output import UNSCORED, Stamp, write_json
from adjudge.errors import BadConfig
from adjudge.storage.files import bring_back, discard

FORMAT = 1
INNER = ".run"


@dataclass(frozen=True)
class State:
    """An open working folder, held by this process alone."""

    folder: Path
    stamp: Stamp

    def finish(self, part: Part, counts: Counts) -> None:
        """Note that a part's files are complete."""
        write_json(self.folder / INNER / f"{part.number:06d}.json", to_dict(counts))

    def finished(self, part: Part) -> Counts | None:
        """A part's counts, where its files are complete."""
        try:
            values = json.loads((self.folder / INNER / f"{part.number:06d}.json").read_text("utf-8"))
            counts = from_dict(Counts, values)
        except (OSError, ValueError, BadConfig):
            return None
        return counts if complete(self.folder, part.name, counts) else None


def complete(folder: Path, name: str, counts: Counts) -> bool:
    """Whether the files of a part that is marked as finished are there: the scores, and the unscored where it has any."""
    scores, unscored = folder / name, folder / UNSCORED / name
    return (not counts.rows or scores.is_file()) and (not counts.unscored or unscored.is_file())


def folder_of(out: Path) -> Path:
    """The working folder of an output."""
    return out.with_name(f".{out.name}.run")


@contextmanager
def opened(out: Path, print_: dict[str, Any], stamp: Stamp, resume: bool) -> Iterator[State]:
    """The working folder of `out`: fresh, or with `resume` that of the killed run, whose stamp then holds.

    `print_` is the run's fingerprint. Left without a finished part, the folder goes. Raises BadConfig where the killed
    run was another one, or a run is still at it.
    """
    folder = folder_of(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        if out.suffix != ".parquet":
            bring_back(out)
        found = _found(folder) if resume else None
        if found is not None:
            _check_same(found, print_, out)
            stamp = from_dict(Stamp, found["stamp"])
            sweep(folder)
        else:
            discard(folder)
            (folder / UNSCORED).mkdir(parents=True)
            (folder / INNER).mkdir()
            write_json(folder / INNER / "run.json", {**print_, "format": FORMAT, "stamp": to_dict(stamp)})
        try:
            yield State(folder, stamp)
        finally:
            if folder.exists() and not any((folder / INNER).glob("[0-9]*.json")):
                discard(folder)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written."""
    for place in (folder, folder / UNSCORED):
        for path in place.glob(".part-*"):
            path.unlink()


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Holds a lock that goes with the process, however it ends."""
    path = out.with_name(f".{out.name}.lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                raise BlockingIOError("the file was another's, which has just ended")
        except (BlockingIOError, FileNotFoundError) as error:
            raise BadConfig(f"another run is writing {out}: wait for it, or choose another --out") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _found(folder: Path) -> dict[str, Any] | None:
    try:
        values = json.loads((folder / INNER / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _check_same(found: dict[str, Any], print_: dict[str, Any], out: Path) -> None:
    mine = {**print_, "format": FORMAT}
    other = [name for name in mine if json.loads(json.dumps(mine[name])) != found.get(name)]
    if other:
        name = other[0]
        raise BadConfig(
            f"--resume: the killed run of {out} had another {name} ({found.get(name)}; now {mine[name]}). "
            "Give what it had, or leave --resume out to start anew."
        )
