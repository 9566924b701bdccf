"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder really trained (seconds) on a planted relation. Tests that change it copy it first."""
    from adjudge.jobs.train import TrainConfig, train
    from adjudge.student.settings import StudentSettings
    from planted import write_planted

    folder = tmp_path_factory.mktemp("student")
    settings = StudentSettings(
        epochs=10, lr=2e-3, max_length=24, batch_tokens=512, threads=1, evaluations=2, patience=0
    )
    training = write_planted(folder / "training.parquet", 600)
    return train(TrainConfig(training, folder / "artifact", "llm+-", student=settings)).artifact


@pytest.fixture(scope="session")
def overlap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word-overlap model: fast, and real. Tests that change it copy it first."""
    from adjudge.jobs.train import TrainConfig, train
    from planted import write_planted

    home = tmp_path_factory.mktemp("overlap")
    training = write_planted(home / "t.parquet", 200)
    return train(TrainConfig(training, home / "artifact", kind="jaccard")).artifact


@pytest.fixture(scope="session")
def split_artifact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split student really trained (seconds) on a planted relation. Tests that change it copy it first."""
    from adjudge.jobs.train import TrainConfig, train
    from adjudge.student.settings import StudentSettings
    from planted import write_planted

    folder = tmp_path_factory.mktemp("split")
    settings = StudentSettings(
        kind="split",
        layers=1,
        epochs=4,
        max_length=24,
        batch_tokens=512,
        threads=1,
        evaluations=2,
        patience=0,
    )
    training = write_planted(folder / "training.parquet", 600)
    return train(TrainConfig(training, folder / "artifact", "llm+-", student=settings)).artifact


@pytest.fixture(scope="session")
def needs_spark() -> None:
    """Skips without pyspark or Java."""
    import os
    import shutil

    pytest.importorskip("pyspark", reason="pyspark is not installed: make spark")
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        pytest.skip("Spark needs Java 17: neither java on PATH nor JAVA_HOME")


@pytest.fixture(scope="session")
def spark(needs_spark: None) -> Iterator[object]:
    """One Spark session for all tests of a process; the engine uses the one it finds."""
    from adjudge.engines.spark.session import opened
    from adjudge.engines.spark.settings import SparkSettings

    settings = SparkSettings(
        master="local[2]", driver_memory="1g", conf={"spark.sql.shuffle.partitions": "4"}
    )
    with opened(settings, 2, 65_536) as session:
        yield session
