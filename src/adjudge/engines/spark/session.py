"""A run's Spark session (the active one, spark-submit's, or a local one that ends with the run), its errors
in one line, and its progress, read from the marks of finished parts."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.engines.parts import Counts
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.state import finished, folder_of
from adjudge.engines.task import Task
from adjudge.errors import AdjudgeError, BadConfig

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


BATCH_BYTES = 128 * 2**20
QUIET = Path(__file__).with_name("log4j2.properties")


class NoSpark(AdjudgeError):
    """Spark cannot be started here."""


class SparkFailed(AdjudgeError):
    """Spark gave a run up."""


def usual(settings: SparkSettings, cores: int, chunk: int) -> dict[str, str]:
    """The session's settings. One thread a worker: Spark runs as many workers as there are cores."""
    one_thread = {f"spark.executorEnv.{name}": "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return {
        "spark.app.name": "adjudge score",
        "spark.master": settings.master or f"local[{cores}]",
        "spark.driver.memory": settings.driver_memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={QUIET.as_uri()}",
        "spark.executorEnv.TOKENIZERS_PARALLELISM": "false",
        **one_thread,
        **batches(chunk),
        **settings.conf,
    }


def batches(chunk: int) -> dict[str, str]:
    """How many rows reach a Python worker at a time, and bytes (from Spark 4.1 on): titles may be long.

    And columns by their very names: a table may have `Title` beside `title`.
    """
    arrow = "spark.sql.execution.arrow"
    return {
        f"{arrow}.maxRecordsPerBatch": str(chunk),
        f"{arrow}.maxBytesPerBatch": str(BATCH_BYTES),
        "spark.sql.caseSensitive": "true",
    }


@contextmanager
def borrowed(spark: SparkSession, chunk: int) -> Iterator[SparkSession]:
    """Somebody else's session with `batches`; its own settings are put back at the end."""
    theirs = spark.conf.getAll
    wanted = batches(chunk)
    for name, value in wanted.items():
        spark.conf.set(name, value)
    try:
        yield spark
    finally:
        for name in wanted:
            if name in theirs:
                spark.conf.set(name, theirs[name])
            else:
                spark.conf.unset(name)


@contextmanager
def opened(settings: SparkSettings, cores: int, chunk: int) -> Iterator[SparkSession]:
    """A session. One that runs already is used, and left running with the settings it had. Raises NoSpark."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        with borrowed(active, chunk):
            yield active
        return
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted and not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise NoSpark(
            "engine spark needs Java 17 or later: no `java` on PATH and no JAVA_HOME. Install a JRE."
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    chosen = {**batches(chunk), **settings.conf} if submitted else usual(settings, cores, chunk)
    try:
        spark = SparkSession.builder.config(map={**chosen}).getOrCreate()
    except PySparkException as error:
        raise NoSpark(
            f"Spark does not start: {error}. Check Java (17 or later) and spark.master={settings.master!r}."
        ) from error
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def archived(artifact: Path | None, ship: bool) -> Iterator[Path | None]:
    """The artifact as a zip of a name of its own, if it is to be shipped: addFile takes no folder on a
    cluster.

    Raises BadConfig.
    """
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
            parts = finished(folder_of(task.out))
            rest = "Finished parts are kept: go on with --resume." if parts else "No part was finished."
            raise SparkFailed(f"Spark gave the run up: {reason(str(error))}. {rest}") from error


def reason(text: str) -> str:
    """What a worker raised (the last line of its traceback), or the first line of Spark's own message.

    >>> reason("[PYTHON_EXCEPTION] ...: Traceback ...\\n  File ...\\nMemoryError: no room\\n SQLSTATE: 38000")
    'MemoryError: no room'
    >>> reason("An error occurred while calling o6.collect.\\n: java.io.IOException: no disk\\n  at ...")
    'java.io.IOException: no disk'
    """
    message = text.split("SQLSTATE")[0] if "Traceback" in text else text
    lines = [line.strip().removeprefix(": ") for line in message.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        lines = lines[1:]
    lines = lines or ["no message"]
    return lines[-1] if "Traceback" in text else lines[0].split("SQLSTATE")[0].strip().rstrip(".")


class PartWatch:
    """Reads the marks of finished parts as they appear, each once; within `with`, reports their rows every
    second."""

    def __init__(self, folder: Path, report: Callable[[int], None]) -> None:
        self.folder, self.report = folder, report
        self.counts: dict[int, Counts] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def look(self) -> dict[int, Counts]:
        """The counts of all finished parts, by number."""
        self.counts = finished(self.folder, self.counts)
        return self.counts

    def rows(self) -> int:
        """The rows of all finished parts."""
        return sum(counts.rows for counts in self.look().values())

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.report(self.rows())

    def __enter__(self) -> PartWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
