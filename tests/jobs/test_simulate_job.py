from __future__ import annotations

import json
from pathlib import Path

from adjudge import config
from adjudge.jobs.simulate import SimulateConfig, simulate
from adjudge.market.settings import AnnotatorSettings, CatalogueSettings, MarketSettings

TINY = MarketSettings(
    catalogue=CatalogueSettings(items=300, keyphrases=800, pairs_per_item=10),
    annotators=AnnotatorSettings(pairs=400),
)


def test_a_market_is_simulated_measured_and_described(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    wanted = SimulateConfig(tmp_path / "market", TINY)
    done = simulate(wanted, lambda *step: seen.append(step))
    assert config.load(SimulateConfig, done.out / "settings.json") == wanted
    assert done.facts is not None
    assert done.facts.pairs == done.rows["pairs"]
    written = json.loads((done.out / "facts.json").read_text())
    assert written["jaccard_auc"] == done.facts.jaccard_auc
    assert [judge["judge"] for judge in written["judges"]] == ["llm", "tuned"]
    assert {what for what, _, _ in seen} == {"catalogue", "tables", "measure"}
    assert all(0 <= at <= total for _, at, total in seen)


def test_measuring_can_be_left_out(tmp_path: Path) -> None:
    done = simulate(SimulateConfig(tmp_path, TINY, measure=False))
    assert done.facts is None
    assert not (tmp_path / "facts.json").exists()
