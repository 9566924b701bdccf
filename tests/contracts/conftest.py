"""What the laws share: one Spark session a process, and a model that costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adjudge.jobs.train import TrainConfig, train
from planted import write_planted


@pytest.fixture(autouse=True)
def _one_session(request: pytest.FixtureRequest) -> None:
    """A test on Spark finds a session running, instead of starting one a run."""
    engine: Any = getattr(request.node, "callspec", None) and request.node.callspec.params.get("engine")
    if engine and engine["engine"] == "spark":
        request.getfixturevalue("spark")


@pytest.fixture(scope="session")
def overlap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word-overlap model: fast, and real."""
    home = tmp_path_factory.mktemp("overlap")
    return train(
        TrainConfig(write_planted(home / "t.parquet", 200), home / "artifact", kind="jaccard")
    ).artifact
