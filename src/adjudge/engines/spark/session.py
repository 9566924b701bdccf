"""A Spark session: the one that is there, spark-submit's, or a local one that ends with the run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.engines.spark.settings import SparkSettings
from adjudge.errors import AdjudgeError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


BATCH_BYTES = 128 * 2**20
QUIET = Path(__file__).with_name("log4j2.properties")


class NoSpark(AdjudgeError):
    """Spark cannot be started here."""


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
