"""The demo: the whole loop on a simulated marketplace with known truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge.jobs.compare import CompareConfig, Compared, compare
from adjudge.jobs.simulate import SimulateConfig, simulate
from adjudge.jobs.steps import Step, Steps
from adjudge.market.settings import MarketSettings
from adjudge.records import Progress, no_progress

SIMULATED = ("market", "clicks and sales", "Search verdicts", "annotators", "language-model judges")


@dataclass(frozen=True)
class DemoConfig:
    """out: the run's folder; market: the world; compare: the loop, less its folders and its words."""

    out: Path = Path("runs/demo")
    market: MarketSettings = field(default_factory=MarketSettings)
    compare: dict = field(default_factory=dict)  # type: ignore[type-arg]


def demo(config: DemoConfig, progress: Progress = no_progress) -> Compared:
    """Simulate a marketplace and compare paper 1's six recipes on it; resumes where it stopped."""
    from adjudge.config import from_dict

    world = SimulateConfig(config.out / "market", config.market)
    Steps(config.out).run(Step("simulate", simulate, world, (world.out,)), progress)
    fixed = {
        "logs": world.out,
        "out": config.out,
        "simulated": list(SIMULATED),
        "title": "Which labels make the best keyphrase filter? A demo on a simulated marketplace",
    }
    return compare(from_dict(CompareConfig, {**config.compare, **fixed}), progress)
