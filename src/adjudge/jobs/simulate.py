"""Simulate a marketplace: its logs, its judges, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge import config
from adjudge.market.settings import MarketSettings
from adjudge.records import Progress, no_progress

if TYPE_CHECKING:
    from adjudge.market.measure import MarketFacts


@dataclass(frozen=True)
class SimulateConfig:
    """`out`: the logs folder to write. `measure`: also measure what came out (needs scikit-learn)."""

    out: Path
    market: MarketSettings = field(default_factory=MarketSettings)
    measure: bool = True


@dataclass(frozen=True)
class SimulateReport:
    """Rows by table, and the measured facts (None where not measured)."""

    out: Path
    rows: dict[str, int]
    facts: MarketFacts | None


def simulate(config_: SimulateConfig, progress: Progress = no_progress) -> SimulateReport:
    """Write the market's folder with `simulate.json` (this config) and, if measured, `facts.json`."""
    from adjudge.market import simulate as market
    from adjudge.market.measure import Floors, measure
    from adjudge.recipes.settings import RecipeSettings

    done = market.simulate(config_.market, config_.out, progress)
    config.save(config_, config_.out / "simulate.json")
    facts = None
    if config_.measure:
        progress("measure", 0, 1)
        usual = RecipeSettings()
        floors = Floors(usual.min_impressions, usual.min_clicks, usual.min_ctr)
        facts = measure(config_.out, floors)
        config.save(facts, config_.out / "facts.json")
        progress("measure", 1, 1)
    return SimulateReport(config_.out, done.rows, facts)
