"""The job `evaluate`: logs and models' scores become a results folder, thresholds and the paper's table."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from adjudge import config as settings_of
from adjudge.config import check_choice
from adjudge.errors import BadConfig, BadTable
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import SPLITS, Progress, no_progress
from adjudge.scorecard import agreement, curves, disagreements, measure, ranking, results, scores
from adjudge.scorecard.card import card_rows
from adjudge.scorecard.definitions import metric
from adjudge.scorecard.evidence import Evidence, gather
from adjudge.scorecard.segments import segmentations
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scorecard.threshold import Thresholds

PAPER_TABLE = ("keyphrases_kept", "sales_kept", "search_pass_rate", "auc")
PACKAGES = ("adjudge", "numpy", "scipy", "duckdb", "pyarrow", "scikit-learn", "ir-measures")


@dataclass(frozen=True)
class EvaluateConfig:
    """logs: a logs folder. scores: model name -> its scores file, in the order to show. out: the results folder.

    production: the model that changes are relative to; none = no changes. split: measure only the pairs that
    `splits` puts there; none = all pairs. groups: Parquet of item_id, keyphrase, source: a further segmentation.
    thresholds: a thresholds.json of an earlier run, to use frozen. recipes: recipe -> the folder `adjudge recipe`
    wrote, for the tables of sources and conflicts. simulated: what is simulated, for the report's face.
    """

    logs: Path
    scores: dict[str, str]
    out: Path
    production: str | None = None
    split: str | None = None
    splits: RecipeSettings = field(default_factory=RecipeSettings)
    groups: Path | None = None
    thresholds: Path | None = None
    recipes: dict[str, str] = field(default_factory=dict)
    simulated: tuple[str, ...] = ()
    title: str = "Scorecard"
    seed: int = 0
    scorecard: ScorecardSettings = field(default_factory=ScorecardSettings)

    def __post_init__(self) -> None:
        if not self.scores:
            raise BadConfig("EvaluateConfig.scores is empty: give at least one model as NAME=SCORES.parquet")
        if self.production is not None:
            check_choice("EvaluateConfig", "production", self.production, self.scores)
        if self.split is not None:
            check_choice("EvaluateConfig", "split", self.split, SPLITS)


@dataclass(frozen=True)
class PaperRow:
    """A model's row of paper 1's table and its AUC: fractions, None where not to be had; changes against production."""

    model: str
    threshold: float | None
    values: dict[str, float | None]
    changes: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Evaluated:
    """What `evaluate` found, to print: the paper's table, thresholds by model, notes, and where it lies."""

    out: Path
    pairs: int
    table: tuple[PaperRow, ...]
    thresholds: dict[str, float | None]
    notes: tuple[str, ...]
    seconds: float


def evaluate(config: EvaluateConfig, progress: Progress = no_progress) -> Evaluated:
    """Measure models and write the results folder (`scorecard.results`), thresholds.json and config.json.

    Raises BadTable on logs or scores that cannot be used, BadConfig on settings.
    """
    started = time.perf_counter()
    split = None if config.split is None else (split_sql(config.splits), config.split)
    evidence = gather(config.logs, config.scorecard, split, config.groups, progress)
    aligned = {name: scores.align(evidence, Path(path), name) for name, path in config.scores.items()}
    values = {name: one.scores for name, one in aligned.items()}
    seeded = np.random.default_rng(config.seed)
    rng, ranking_rng = seeded.spawn(2)
    frozen = None if config.thresholds is None else read_thresholds(config.thresholds, list(values))
    measured = measure.measure(evidence, values, config.scorecard, config.production, rng, frozen, progress)
    rows = measured.rows + _ranking_rows(config, evidence, values, ranking_rng, progress)
    tables = _tables(config, evidence, values, measured, progress)
    tables["scorecard"] = results.rows("scorecard", rows)
    notes = [*_missing_notes(aligned, len(evidence)), *measured.notes, *_absent_notes(evidence)]
    thresholds = {name: _threshold(found) for name, found in measured.thresholds.items()}
    seconds = time.perf_counter() - started
    meta = _meta(config, evidence, rows, notes, seconds)
    meta["models"] = {name: _model(aligned[name], measured.thresholds[name]) for name in values}
    results.write(config.out, tables, meta)
    _write_thresholds(config, measured.thresholds, evidence)
    settings_of.save(config, config.out / "config.json")
    table = tuple(paper_row(name, rows, thresholds[name]) for name in values)
    return Evaluated(config.out, len(evidence), table, thresholds, tuple(notes), seconds)


def paper_row(model: str, rows: list[dict[str, Any]], threshold: float | None) -> PaperRow:
    """The row of paper 1's table that a scorecard's rows hold."""
    mine = {row["metric"]: row for row in rows if row["model"] == model and row["segment_by"] == "all"}
    found = {name: mine.get(name, {}) for name in PAPER_TABLE}
    return PaperRow(
        model,
        threshold,
        {name: row.get("value") for name, row in found.items()},
        {name: row.get("change") for name, row in found.items()},
        {
            name: None if row.get("change_low") is None else (row["change_low"], row["change_high"])
            for name, row in found.items()
        },
    )


def read_thresholds(path: Path, models: list[str]) -> dict[str, float]:
    """Thresholds of all pairs from an earlier run's thresholds.json. Raises BadConfig where a model has none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        found = {model: stored[model]["threshold"] for model in models if model in stored}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadConfig(
            f"{path} cannot be read as a thresholds.json of adjudge evaluate: {error!r}"
        ) from error
    lacking = [model for model in models if found.get(model) is None]
    if lacking:
        raise BadConfig(f"{path} has no threshold for {', '.join(lacking)}: it has {', '.join(stored)}")
    return {model: float(value) for model, value in found.items()}


def _ranking_rows(
    config: EvaluateConfig,
    evidence: Evidence,
    values: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    progress: Progress,
) -> list[dict[str, Any]]:
    progress("scorecard: ranking metrics", 0, 0)
    kinds = segmentations(evidence, config.scorecard.most_categories)
    cells = ranking.ranking_cells(evidence, values, kinds, config.scorecard, rng)
    production = cells.get(config.production or "")
    return [row for model in cells for row in card_rows(model, cells[model], production, config.scorecard)]


def _tables(
    config: EvaluateConfig,
    evidence: Evidence,
    values: Mapping[str, np.ndarray],
    measured: measure.Measured,
    progress: Progress,
) -> dict[str, pa.Table]:
    progress("scorecard: curves and disagreements", 0, 0)
    own = config.scorecard
    found: dict[str, list[dict[str, Any]]] = {"curves": [], "reliability": [], "histograms": []}
    for model, one in values.items():
        found["curves"] += curves.retention_curve(model, evidence, one, own)
        found["reliability"] += curves.reliability(model, evidence, one, own.bins)
        found["histograms"] += curves.histograms(model, evidence, one, own.histogram_bins)
    found["agreement"] = agreement.agreement(evidence.sources)
    picked = disagreements.pick(evidence, values, own.examples)
    wanted = {evidence.items[int(evidence.item[row])].as_py() for _, row, _ in picked}
    kept = {model: measured.thresholds[model].kept(one) for model, one in values.items()}
    titles = scores.titles(config.logs, wanted)
    found["disagreements"] = disagreements.rows(evidence, picked, values, kept, titles)
    tables = {name: results.rows(name, rows) for name, rows in found.items()}
    tables["sources"], tables["conflicts"] = _recipe_tables(config.recipes)
    return tables


def _recipe_tables(recipes: Mapping[str, str]) -> tuple[pa.Table, pa.Table]:
    """Each recipe's rows by source and split, and its conflicts, read off what `adjudge recipe` wrote."""
    sources, conflicts = [results.SOURCES.empty_table()], [results.CONFLICTS.empty_table()]
    with duckdb.connect() as db:
        for name, folder in recipes.items():
            for file in ("training.parquet", "conflicts.parquet"):
                if not (Path(folder) / file).exists():
                    raise BadTable(f"recipe {name}: {folder} holds no {file}; write it with: adjudge recipe")
            counted: pa.Table = db.sql(
                """SELECT ? AS recipe, source, split, count(*) FILTER (WHERE label > 0) AS positives,
                       count(*) FILTER (WHERE label <= 0) AS negatives, count(*) AS rows
                   FROM read_parquet(?) GROUP BY source, split ORDER BY source, split""",
                params=[name, str(Path(folder) / "training.parquet")],
            ).to_arrow_table()
            sources.append(counted.cast(results.SOURCES))
            won: pa.Table = db.sql(
                """SELECT ? AS recipe, winner, loser, pairs, winner_says FROM read_parquet(?)
                   ORDER BY pairs DESC, winner, loser""",
                params=[name, str(Path(folder) / "conflicts.parquet")],
            ).to_arrow_table()
            conflicts.append(won.cast(results.CONFLICTS))
    return pa.concat_tables(sources), pa.concat_tables(conflicts)


def _missing_notes(aligned: Mapping[str, scores.Aligned], pairs: int) -> list[str]:
    notes = []
    for name, one in aligned.items():
        if one.missing:
            notes.append(
                f"{name}: {one.missing} of {pairs} pairs are not in its scores file, e.g. {one.example}; they "
                "count as not kept and their clicks as lost"
            )
        if one.unscored:
            notes.append(f"{name}: {one.unscored} of {pairs} pairs have no score; they count as not kept")
        if one.extra:
            notes.append(f"{name}: {one.extra} scored pairs are not among those measured and were left out")
    return notes


def _absent_notes(evidence: Evidence) -> list[str]:
    reasons = {
        "clicks": "the logs hold no clicks, so no threshold can be chosen",
        "sales": "the logs hold no sales",
        "revenue": "the logs hold no revenue",
        "later_clicks": "the logs hold no clicks_later, so frozen thresholds are not tried on a later window",
        "search": "the logs hold no Search verdicts",
    }
    notes = [f"Not measured: {why}." for name, why in reasons.items() if name not in evidence.has]
    if not evidence.truth.support:
        notes.append(
            f"Not measured: no label of {evidence.labels} on these pairs, so no precision, recall or AUC."
        )
    return notes


def _threshold(found: Thresholds) -> float | None:
    return None if np.isnan(found.overall[0]) else float(found.overall[0])


def _model(aligned: scores.Aligned, found: Thresholds) -> dict[str, Any]:
    return {
        "threshold": _threshold(found),
        "scored": len(aligned.scores) - aligned.missing - aligned.unscored,
        "unscored": aligned.unscored,
        "missing": aligned.missing,
        "version": aligned.version,
        "note": found.problem or None,
    }


def _write_thresholds(config: EvaluateConfig, found: Mapping[str, Thresholds], evidence: Evidence) -> None:
    """thresholds.json: model -> {threshold, categories}, categories only where they have one of their own."""
    stored = {}
    for model, one in found.items():
        own = np.flatnonzero(one.own).tolist() if len(one.own) > 1 else []
        stored[model] = {
            "threshold": _threshold(one),
            "retention": config.scorecard.retention,
            "weighting": config.scorecard.weighting,
            "categories": {evidence.categories[g]: float(one.values[g, 0]) for g in own},
        }
    text = json.dumps(stored, indent=2, ensure_ascii=False, allow_nan=False)
    (config.out / "thresholds.json").write_text(text + "\n", encoding="utf-8")


def _meta(
    config: EvaluateConfig, evidence: Evidence, rows: list[dict[str, Any]], notes: list[str], seconds: float
) -> dict[str, Any]:
    simulated = list(config.simulated)
    if not simulated and any((config.logs / name).exists() for name in ("market.json", "simulate.json")):
        simulated = ["market"]
    names = dict.fromkeys(row["metric"] for row in rows)
    return {
        "title": config.title,
        "simulated": bool(simulated),
        "simulated_what": simulated,
        "production": config.production,
        "models": {},
        "metrics": {name: _stated(name) for name in names},
        "counts": dict(evidence.counts),
        "settings": settings_of.to_dict(config),
        "seed": config.seed,
        "seconds": round(seconds, 3),
        "versions": {name: version(name) for name in PACKAGES},
        "notes": notes,
    }


def _stated(name: str) -> dict[str, Any]:
    stated = settings_of.to_dict(metric(name))
    return {key: stated[key] for key in ("label", "unit", "kind", "higher_is_better", "definition")}
