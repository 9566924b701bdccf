"""The ten pairs worked by hand, and a random market, with their models' scores."""

from __future__ import annotations

from pathlib import Path

import logs_world
import numpy as np
import pytest
from logs_world import Inputs

from adjudge.scorecard.evidence import gather
from adjudge.scorecard.scores import align
from adjudge.scorecard.settings import ScorecardSettings


def read(folder: Path, models: str, settings: ScorecardSettings) -> Inputs:
    evidence = gather(folder, settings)
    return evidence, {m: align(evidence, folder / f"{m}.parquet", m).scores for m in models}


@pytest.fixture(scope="session")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = logs_world.write_ten(tmp_path_factory.mktemp("ten"))
    return read(folder, "AB", ScorecardSettings())


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = logs_world.random_logs(tmp_path_factory.mktemp("market"), np.random.default_rng(4), 300)
    return read(folder, "ABC", ScorecardSettings())
