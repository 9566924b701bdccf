"""One small world and its folder for the whole room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_market import SMALL

from adjudge.market.generated import generated_world
from adjudge.market.simulate import MarketReport, simulate
from adjudge.market.world import World
from adjudge.records import no_progress


@pytest.fixture(scope="session")
def world() -> World:
    return generated_world(SMALL, no_progress)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> MarketReport:
    return simulate(SMALL, tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def logs(made: MarketReport) -> Path:
    return made.out
