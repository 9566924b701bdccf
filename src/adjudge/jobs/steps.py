"""A run made of steps that is resumed where it stopped: a finished step with the same settings is not run again."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import queue as queues
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import __version__
from adjudge.config import to_dict
from adjudge.records import Progress

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Step:
    """`job(config, progress)` writes `outputs`; `after` names the steps it builds on.

    To run beside others, `job` must be a function of a module and `config` picklable.
    """

    name: str
    job: Callable[[Any, Progress], object]
    config: Any
    outputs: tuple[Path, ...]
    after: tuple[str, ...] = ()


class Steps:
    """The steps of one run, noted in `folder/.steps`.

    A step's key is a hash of its name, its config, the keys of the steps it builds on and adjudge's version.
    It counts as done when a run with that key finished and its outputs are still there; a step with another
    key has its outputs removed and is run again, and so are the steps that build on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, str] = {}

    def run(self, step: Step, progress: Progress) -> bool:
        """Do the step unless it was done already; True when it ran."""
        if self._open(step):
            step.job(step.config, progress)
            self._note(step, done=True)
            return True
        return False

    def run_all(self, steps: Sequence[Step], workers: int, progress: Progress, what: str) -> None:
        """Do steps that do not build on one another, `workers` at a time, each in a process of its own.

        The first error is raised once the steps already begun have ended; what they finished is kept.
        """
        todo = [step for step in steps if self._open(step)]
        progress(what, len(steps) - len(todo), len(steps))
        if workers == 1 or len(todo) < 2:
            for step in todo:
                step.job(step.config, named(progress, step.name))
                self._note(step, done=True)
        elif todo:
            self._beside(todo, workers, progress, what, len(steps))
        progress(what, len(steps), len(steps))

    def _beside(self, todo: list[Step], workers: int, progress: Progress, what: str, total: int) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Manager() as manager, ProcessPoolExecutor(workers, context) as pool:
            told = manager.Queue()
            begun = {pool.submit(_work, step, told): step for step in todo}
            pending: set[Future[None]] = set(begun)
            failed: list[BaseException] = []
            while pending:
                ended, pending = wait(pending, POLL_SECONDS)
                _pass_on(told, progress)
                for future in ended:
                    error = None if future.cancelled() else future.exception()
                    if error is not None:
                        failed.append(error)
                        pool.shutdown(wait=False, cancel_futures=True)
                    elif not future.cancelled():
                        self._note(begun[future], done=True)
                progress(what, total - len(pending), total)
            if failed:
                raise failed[0]

    def _open(self, step: Step) -> bool:
        """Note the step as begun and clear what another key left; False where it is done already."""
        told = self._told(step)
        key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        self.keys[step.name] = key
        note = self._path(step)
        seen = json.loads(note.read_text()) if note.exists() else {}
        if seen.get("key") == key and seen.get("done") and all(path.exists() for path in step.outputs):
            return False
        if seen.get("key") != key:
            _remove(step.outputs)
        self._note(step, done=False)
        return True

    def _told(self, step: Step) -> dict[str, Any]:
        before = [self.keys[name] for name in step.after]
        return {"step": step.name, "config": to_dict(step.config), "after": before, "adjudge": __version__}

    def _note(self, step: Step, done: bool) -> None:
        note = self._path(step)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"key": self.keys[step.name], "done": done, **self._told(step)}, indent=1))

    def _path(self, step: Step) -> Path:
        return self.folder / ".steps" / f"{step.name.replace('/', '_')}.json"


def named(progress: Progress, name: str) -> Progress:
    """The same progress with a name before what is done."""
    return lambda what, done, total: progress(f"{name}: {what}", done, total)


def _work(step: Step, told: Any) -> None:
    step.job(step.config, lambda what, done, total: told.put((f"{step.name}: {what}", done, total)))


def _pass_on(told: Any, progress: Progress) -> None:
    while True:
        try:
            progress(*told.get_nowait())
        except queues.Empty:
            return


def _remove(outputs: Sequence[Path]) -> None:
    for path in outputs:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
