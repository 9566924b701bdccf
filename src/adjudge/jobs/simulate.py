"""The job `simulate`: a simulated marketplace, its logs, its judges, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import setting, settings, to_dict
from adjudge.jobs.start import job
from adjudge.market.settings import MarketSettings
from adjudge.records import Progress, no_progress
from adjudge.storage.files import write_json

if TYPE_CHECKING:
    from adjudge.market.measure import MarketFacts


@settings
class SimulateConfig:
    """A market to simulate and where to write it."""

    out: Annotated[Path, setting("The logs folder to write.")]
    market: MarketSettings = field(default_factory=MarketSettings)
    measure: Annotated[bool, setting("Measure what the causes came to, and write facts.json.")] = True


@dataclass(frozen=True)
class SimulateReport:
    """Rows by table, and the measured facts (None if not measured)."""

    out: Path
    rows: dict[str, int]
    facts: MarketFacts | None


@job(lambda config: config.out)
def simulate(config: SimulateConfig, progress: Progress = no_progress) -> SimulateReport:
    """Write the market's folder and, if measured, `facts.json`."""
    from adjudge.market import simulate as market
    from adjudge.market.measure import measure
    from adjudge.recipes.settings import RecipeSettings
    from adjudge.stats.click_floors import ClickFloors

    done = market.simulate(config.market, config.out, progress)
    facts = None
    if config.measure:
        progress("measure", 0, 1)
        recipe = RecipeSettings()
        floors = ClickFloors(recipe.min_impressions, recipe.min_clicks, recipe.min_ctr)
        facts = measure(config.out, floors)
        write_json(config.out / "facts.json", to_dict(facts))
        progress("measure", 1, 1)
    return SimulateReport(config.out, done.rows, facts)
