"""Resumable pipelines: a step that has finished with the same settings is not run again."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import queue as queues
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import __version__
from adjudge.config import to_dict
from adjudge.records import Progress
from adjudge.storage.files import discard, write_json

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Step:
    """`job(config, progress)` writes `outputs`; `after` names the steps it builds on.

    To run in a process of its own, `job` must be a function of a module and `config` picklable.
    """

    name: str
    job: Callable[[Any, Progress], object]
    config: Any
    outputs: tuple[Path, ...]
    after: tuple[str, ...] = ()


class Steps:
    """The steps of one run, each with a note in `folder/.steps`.

    A step's key is a hash of its name, its config, the keys of the steps it builds on and adjudge's version.
    It counts as done if its note says that a run with that key finished, and its outputs still exist. A step
    with another key, or with a note that cannot be read, has its outputs removed and is run again, and so are
    the steps that build on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, str] = {}

    def run(self, step: Step, progress: Progress) -> bool:
        """Do the step unless it is done already; True if it ran."""
        if not self._begin(step):
            return False
        step.job(step.config, progress)
        self._note(step, done=True)
        return True

    def run_all(self, steps: Sequence[Step], workers: int, progress: Progress, what: str) -> None:
        """Do steps that do not build on one another, `workers` at a time, each in a process of its own.

        The first error is raised after the steps already begun have ended; what they finished is kept.
        """
        todo = [step for step in steps if self._begin(step)]
        progress(what, len(steps) - len(todo), len(steps))
        if workers == 1 or len(todo) < 2:
            for step in todo:
                step.job(step.config, named(progress, step.name))
                self._note(step, done=True)
        elif todo:
            self._run_in_processes(todo, workers, progress, what, len(steps))
        progress(what, len(steps), len(steps))

    def _run_in_processes(
        self, todo: list[Step], workers: int, progress: Progress, what: str, total: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Manager() as manager, ProcessPoolExecutor(workers, context) as pool:
            reports = manager.Queue()
            started = {pool.submit(_work, step, reports): step for step in todo}
            pending: set[Future[None]] = set(started)
            failures: list[BaseException] = []
            while pending:
                ended, pending = wait(pending, POLL_SECONDS)
                _forward(reports, progress)
                for future in ended:
                    error = None if future.cancelled() else future.exception()
                    if error is not None:
                        failures.append(error)
                        pool.shutdown(wait=False, cancel_futures=True)
                    elif not future.cancelled():
                        self._note(started[future], done=True)
                progress(what, total - len(pending), total)
            if failures:
                raise failures[0]

    def _begin(self, step: Step) -> bool:
        """Note the step as begun, without what another key left; False if it is done already."""
        key = hashlib.sha256(json.dumps(self._identity(step), sort_keys=True).encode()).hexdigest()
        self.keys[step.name] = key
        note = _read_note(self._path(step))
        if note.get("key") == key and note.get("done") and all(path.exists() for path in step.outputs):
            return False
        if note.get("key") != key:
            for path in step.outputs:
                discard(path)
        self._note(step, done=False)
        return True

    def _identity(self, step: Step) -> dict[str, Any]:
        """What a step's key is made of."""
        before = [self.keys[name] for name in step.after]
        return {"step": step.name, "config": to_dict(step.config), "after": before, "adjudge": __version__}

    def _note(self, step: Step, done: bool) -> None:
        path = self._path(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"key": self.keys[step.name], "done": done, **self._identity(step)})

    def _path(self, step: Step) -> Path:
        return self.folder / ".steps" / f"{step.name.replace('/', '_')}.json"


def named(progress: Progress, name: str) -> Progress:
    """The same progress with a name before what is done."""
    return lambda what, done, total: progress(f"{name}: {what}", done, total)


def _read_note(path: Path) -> dict[str, Any]:
    """A step's note; empty if there is none, or if a kill or a full disk left half of one."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _work(step: Step, reports: Any) -> None:
    step.job(step.config, lambda what, done, total: reports.put((f"{step.name}: {what}", done, total)))


def _forward(reports: Any, progress: Progress) -> None:
    """Hand the progress that the processes have reported so far to the caller's."""
    while True:
        try:
            progress(*reports.get_nowait())
        except queues.Empty:
            return
