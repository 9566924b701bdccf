"""Simulation of a marketplace: a world, what its parties do, and a logs folder with the hidden truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from adjudge import config
from adjudge.market import buyers, graders, output
from adjudge.market.buyers import MarketState
from adjudge.market.generated import generated_world
from adjudge.market.labelled import labelled_world, read_labelled
from adjudge.market.parties import adoption, search_scores
from adjudge.market.settings import MarketSettings
from adjudge.market.world import Array, World, stream
from adjudge.records import Progress, no_progress

MARKET = "market.json"
"""The market's settings in its logs folder: what tells a simulated folder from a real one."""
PutTable = Callable[[str, pa.Table], None]
"""Writes a table under its name."""


@dataclass(frozen=True)
class MarketReport:
    """Rows written, by table."""

    out: Path
    rows: dict[str, int]


def simulate(settings: MarketSettings, out: Path, progress: Progress = no_progress) -> MarketReport:
    """Write a logs folder (see `tables.LOGS`, all of it) and `market.json` into `out`.

    Same settings, same bytes. Raises BadTable if the labelled set cannot be used.
    """
    if settings.labelled is None:
        world = generated_world(settings, progress)
    else:
        world = labelled_world(read_labelled(settings.labelled), settings)
    return play(world, settings, out, progress)


def play(world: World, settings: MarketSettings, out: Path, progress: Progress = no_progress) -> MarketReport:
    """Simulate what the parties do in a world, and write their logs."""
    out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}

    def put(name: str, table: pa.Table) -> None:
        rows[name] = output.write(table, out, name)
        progress("tables", len(rows), 9)

    score, passed = search_scores(world, settings.search, settings.seed)
    put("items", output.items_table(world))
    put("pairs", output.pairs_table(world, adoption(world, settings)[0]))
    put("search", output.search_table(world, score, passed))
    put("truth", output.truth_table(world))
    _log_windows(world, settings, auction(world, settings, passed), score, put)
    margin = score - settings.search.threshold
    annotations = graders.annotate(world, settings.annotators, margin, settings.seed)
    put("annotations", output.annotations_table(world, annotations))
    llm = graders.general_judge(world, settings.judges, settings.seed)
    tuned = graders.tuned_judge(world, settings.judges, annotations, settings.seed)
    judged = [output.judgments_table(world, name, v) for name, v in (("llm", llm), ("tuned", tuned))]
    put("judgments", pa.concat_tables(judged, promote_options="none").unify_dictionaries())
    config.save(settings, out / MARKET)
    return MarketReport(out, rows)


def auction(world: World, settings: MarketSettings, passed: Array) -> Array:
    """Sorted indices of the pairs that get impressions: admitted by Search (unless the middleman is switched
    off)
    and adopted by their seller, or shown unpaid."""
    adopted, organic = adoption(world, settings)
    admitted = passed if settings.search.middleman else np.ones(world.pairs, bool)
    return np.flatnonzero(admitted & (adopted | organic))


def _log_windows(world: World, settings: MarketSettings, auction: Array, score: Array, put: PutTable) -> None:
    """Two windows over the pairs in the auction: `clicks`, and after the drift `clicks_later`."""
    history = buyers.no_history(len(world.item_id))
    state = MarketState(auction, score[auction], world.volume, settings.buyers, history)
    rng = stream(settings.seed, "window")
    log, state = buyers.play_window(world, state, rng)
    put("keyphrases", output.keyphrases_table(world, rng.poisson(world.volume)))
    put("clicks", output.clicks_table(world, log))
    log, _ = buyers.play_window(world, drifted(world, state, settings), stream(settings.seed, "later window"))
    put("clicks_later", output.clicks_table(world, log))


def drifted(world: World, state: MarketState, settings: MarketSettings) -> MarketState:
    """The state with the later window's volumes and noise clicks."""
    drift = settings.drift
    rng = stream(settings.seed, "drift")
    season = drift.season * rng.standard_normal(len(world.category_names))
    shift = season[world.keyphrase_category] + drift.volume * rng.standard_normal(len(world.volume))
    noise = min(settings.buyers.noise_clicks * drift.noise_clicks, 1.0)
    return dataclasses.replace(
        state,
        volume=world.volume * np.exp(shift),
        buyers=dataclasses.replace(settings.buyers, noise_clicks=noise),
    )
