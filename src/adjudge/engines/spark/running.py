"""What both layouts share: a session whose errors are told in one line, and an eye on finished parts."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import from_dict
from adjudge.engines.local.state import complete, folder_of
from adjudge.engines.local.worker import Counts
from adjudge.engines.spark.session import opened
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.spark.worker import INNER, part_name
from adjudge.engines.task import Task
from adjudge.errors import AdjudgeError, BadConfig

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkFailed(AdjudgeError):
    """Spark gave a run up."""


@contextmanager
def archived(artifact: Path | None, ship: bool) -> Iterator[Path | None]:
    """The artifact as a zip of a name of its own, where it is to be shipped: addFile takes no folder on a cluster.
    Raises BadConfig."""
    if not ship:
        yield None
        return
    if artifact is None:
        raise BadConfig("spark.ship is true, but this task does not say where its artifact lies")
    with tempfile.TemporaryDirectory(prefix="adjudge-artifact-") as folder:
        yield Path(shutil.make_archive(f"{folder}/{Path(folder).name}", "zip", artifact))


@contextmanager
def running(task: Task, settings: SparkSettings, archive: Path | None) -> Iterator[SparkSession]:
    """A session whose executors have the archive unpacked, under its stem. Raises NoSpark, SparkFailed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    cores = task.workers or len(os.sched_getaffinity(0))
    with opened(settings, cores, task.chunk) as spark:
        if archive is not None:
            spark.sparkContext.addArchive(f"{archive}#{archive.stem}")
        try:
            yield spark
        except (PySparkException, Py4JError) as error:
            kept = Watch(folder_of(task.out), lambda _: None).look()
            rest = "Finished parts are kept: go on with --resume." if kept else "No part was finished."
            raise SparkFailed(f"Spark gave the run up: {reason(str(error))}. {rest}") from error


def reason(text: str) -> str:
    """What a worker raised (the last line of its traceback), or the first line of Spark's own message.

    >>> reason("[PYTHON_EXCEPTION] ...: Traceback ...\\n  File ...\\nMemoryError: no room\\n SQLSTATE: 38000")
    'MemoryError: no room'
    >>> reason("An error occurred while calling o6.collect.\\n: java.io.IOException: no disk\\n  at ...")
    'java.io.IOException: no disk'
    """
    told = text.split("SQLSTATE")[0] if "Traceback" in text else text
    lines = [line.strip().removeprefix(": ") for line in told.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        lines = lines[1:]
    lines = lines or ["no message"]
    return lines[-1] if "Traceback" in text else lines[0].split("SQLSTATE")[0].strip().rstrip(".")


class Watch:
    """Reads the marks of finished parts as they appear, each once; within `with`, tells their rows every second.

    A mark counts where its part's files are there: a folder that was half removed holds marks of parts that are gone.
    """

    def __init__(self, folder: Path, tell: Callable[[int], None]) -> None:
        self.folder, self.tell = folder, tell
        self.seen: dict[int, Counts] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def look(self) -> dict[int, Counts]:
        """The counts of all finished parts, by number."""
        for path in (self.folder / INNER).glob("[0-9]*.json"):
            number = int(path.stem)
            if number not in self.seen:
                try:
                    counts = from_dict(Counts, json.loads(path.read_text("utf-8")))
                except (OSError, ValueError, BadConfig):
                    continue
                if complete(self.folder, part_name(number), counts):
                    self.seen[number] = counts
        return self.seen

    def rows(self) -> int:
        """The rows of all finished parts."""
        return sum(counts.rows for counts in self.look().values())

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.tell(self.rows())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
