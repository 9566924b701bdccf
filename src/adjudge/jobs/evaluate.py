"""The job `evaluate`: logs and models' scores become a results folder, thresholds and the paper's table."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa

from adjudge.config import SETTINGS, check_choice, read_values, setting, settings, to_dict
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.start import job
from adjudge.market.simulate import MARKET
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import SPLITS, Progress, no_progress
from adjudge.scorecard import results
from adjudge.scorecard.agreement import source_agreement
from adjudge.scorecard.card import card_rows
from adjudge.scorecard.curves import histograms, reliability, retention_curve
from adjudge.scorecard.definitions import metric
from adjudge.scorecard.disagreements import disagreement_rows, pick_disagreements
from adjudge.scorecard.evidence import PairEvidence, gather
from adjudge.scorecard.measure import Measurement, measure
from adjudge.scorecard.ranking import ranking_metrics
from adjudge.scorecard.scores import AlignedScores, align, read_titles
from adjudge.scorecard.segments import segmentations
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scorecard.threshold import Thresholds
from adjudge.storage.duck import in_memory
from adjudge.storage.files import write_json

PAPER_TABLE = ("keyphrases_kept", "sales_kept", "search_pass_rate", "auc")
PACKAGES = ("adjudge", "numpy", "scipy", "duckdb", "pyarrow", "scikit-learn", "ir-measures")
ABSENT = {
    "clicks": "the logs hold no clicks, so no threshold can be chosen",
    "sales": "the logs hold no sales",
    "revenue": "the logs hold no revenue",
    "later_clicks": "the logs hold no clicks_later, so frozen thresholds are not tried on a later window",
    "search": "the logs hold no Search verdicts",
}
"""Why a quantity is not measured."""
RECIPE_TABLES = {
    "sources": (
        "training.parquet",
        """SELECT ? AS recipe, source, split, count(*) FILTER (WHERE label > 0) AS positives,
               count(*) FILTER (WHERE label <= 0) AS negatives, count(*) AS rows
           FROM read_parquet(?) GROUP BY source, split ORDER BY source, split""",
    ),
    "conflicts": (
        "conflicts.parquet",
        """SELECT ? AS recipe, winner, loser, pairs, winner_says FROM read_parquet(?)
           ORDER BY pairs DESC, winner, loser""",
    ),
}
"""Table of the results folder -> a recipe's file, and what is read off it."""


@settings
class EvaluateConfig:
    """What to measure, on which logs, against which model."""

    logs: Annotated[Path, setting("A logs folder.")]
    scores: Annotated[dict[str, str], setting("Model name -> its scores file, in the order to show.")]
    out: Annotated[Path, setting("The results folder to write.")]
    production: Annotated[
        str | None, setting("The model that changes are relative to; none = no changes.")
    ] = None
    split: Annotated[
        str | None,
        setting("Measure only the pairs that `splits` puts here; none = all pairs.", choices=SPLITS),
    ] = None
    splits: Annotated[RecipeSettings, setting("The split settings of the recipe.")] = field(
        default_factory=RecipeSettings
    )
    groups: Annotated[
        Path | None, setting("Parquet of item_id, keyphrase, source: a further segmentation.")
    ] = None
    thresholds: Annotated[
        Path | None, setting("A thresholds.json of an earlier run, to use its thresholds frozen.")
    ] = None
    recipes: Annotated[
        dict[str, str],
        setting("Recipe -> the folder that `adjudge recipe` wrote, for the tables of sources and conflicts."),
    ] = field(default_factory=dict)
    simulated: Annotated[tuple[str, ...], setting("What is simulated; the report says so at its top.")] = ()
    title: Annotated[str, setting("The report's title.")] = "Scorecard"
    seed: Annotated[int, setting("Seed of all randomness.")] = 0
    scorecard: Annotated[ScorecardSettings, setting("How the scorecard measures.")] = field(
        default_factory=ScorecardSettings
    )

    def __post_init__(self) -> None:
        if not self.scores:
            raise BadConfig("EvaluateConfig.scores is empty: give at least one model as NAME=SCORES.parquet")
        if self.production is not None:
            check_choice("EvaluateConfig", "production", self.production, self.scores)


@dataclass(frozen=True)
class PaperRow:
    """A model's row of paper 1's table and its AUC: fractions, None if not to be had; changes against
    production."""

    model: str
    threshold: float | None
    values: dict[str, float | None]
    changes: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`, to print: the paper's table, thresholds by model, notes, and the folder
    written."""

    out: Path
    pairs: int
    table: tuple[PaperRow, ...]
    thresholds: dict[str, float | None]
    notes: tuple[str, ...]
    seconds: float


@job(lambda config: config.out)
def evaluate(config: EvaluateConfig, progress: Progress = no_progress) -> Evaluation:
    """Measure models and write the results folder (`scorecard.results`) and thresholds.json.

    Raises BadTable on logs or scores that cannot be used, BadConfig on settings.
    """
    started = time.perf_counter()
    split = None if config.split is None else (split_sql(config.splits), config.split)
    evidence = gather(config.logs, config.scorecard, split, config.groups, progress)
    aligned = {name: align(evidence, Path(path), name) for name, path in config.scores.items()}
    values = {name: scores.scores for name, scores in aligned.items()}
    rng, ranking_rng = np.random.default_rng(config.seed).spawn(2)
    frozen = None if config.thresholds is None else read_thresholds(config.thresholds, list(values))
    measured = measure(evidence, values, config.scorecard, config.production, rng, frozen, progress)
    progress("scorecard: ranking metrics", 0, 0)
    kinds = segmentations(evidence, config.scorecard.most_categories)
    ranked = ranking_metrics(evidence, values, kinds, config.scorecard, ranking_rng)
    baseline = ranked.get(config.production or "")
    rows = measured.rows + [
        row for model in ranked for row in card_rows(model, ranked[model], baseline, config.scorecard)
    ]
    progress("scorecard: curves and disagreements", 0, 0)
    tables = {"scorecard": results.rows("scorecard", rows), **_tables(config, evidence, values, measured)}
    notes = [note for name, scores in aligned.items() for note in scores.notes(name)]
    notes += [*measured.notes, *_absent_notes(evidence)]
    thresholds = {name: _overall(chosen) for name, chosen in measured.thresholds.items()}
    seconds = time.perf_counter() - started
    meta = _meta(config, evidence, rows, notes, seconds)
    meta["models"] = {name: _model(aligned[name], measured.thresholds[name]) for name in values}
    results.write(config.out, tables, meta)
    _write_thresholds(config, measured.thresholds, evidence)
    table = tuple(paper_row(name, rows, thresholds[name]) for name in values)
    return Evaluation(config.out, len(evidence), table, thresholds, tuple(notes), seconds)


def paper_row(model: str, rows: list[dict[str, Any]], threshold: float | None) -> PaperRow:
    """The row of paper 1's table that a scorecard's rows hold."""
    overall = {row["metric"]: row for row in rows if row["model"] == model and row["segment_by"] == "all"}
    columns = {name: overall.get(name, {}) for name in PAPER_TABLE}
    return PaperRow(
        model,
        threshold,
        {name: row.get("value") for name, row in columns.items()},
        {name: row.get("change") for name, row in columns.items()},
        {
            name: None if row.get("change_low") is None else (row["change_low"], row["change_high"])
            for name, row in columns.items()
        },
    )


def read_thresholds(path: Path, models: list[str]) -> dict[str, float]:
    """Thresholds of all pairs from an earlier run's thresholds.json. Raises BadConfig if a model has none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        thresholds = {model: stored[model]["threshold"] for model in models if model in stored}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadConfig(
            f"{path} cannot be read as a thresholds.json of adjudge evaluate: {error!r}"
        ) from error
    lacking = [model for model in models if thresholds.get(model) is None]
    if lacking:
        raise BadConfig(f"{path} has no threshold for {', '.join(lacking)}: it has {', '.join(stored)}")
    return {model: float(value) for model, value in thresholds.items()}


def _tables(
    config: EvaluateConfig,
    evidence: PairEvidence,
    values: Mapping[str, np.ndarray],
    measured: Measurement,
) -> dict[str, pa.Table]:
    """Every table of the results folder but the scorecard."""
    limits = config.scorecard
    rows: dict[str, list[dict[str, Any]]] = {"curves": [], "reliability": [], "histograms": []}
    for model, scores in values.items():
        rows["curves"] += retention_curve(model, evidence, scores, limits)
        rows["reliability"] += reliability(model, evidence, scores, limits.bins)
        rows["histograms"] += histograms(model, evidence, scores, limits.histogram_bins)
    rows["agreement"] = source_agreement(evidence.sources)
    picked = pick_disagreements(evidence, values, limits.examples)
    kept = {model: measured.thresholds[model].kept(scores) for model, scores in values.items()}
    titles = read_titles(config.logs, {evidence.name(pair.row)[0] for pair in picked})
    rows["disagreements"] = disagreement_rows(evidence, picked, values, kept, titles)
    tables = {name: results.rows(name, of_table) for name, of_table in rows.items()}
    return tables | _recipe_tables(config.recipes)


def _recipe_tables(recipes: Mapping[str, str]) -> dict[str, pa.Table]:
    """Each recipe's rows by source and split, and its conflicts, from what `adjudge recipe` wrote."""
    tables = {name: [results.SCHEMAS[name].empty_table()] for name in RECIPE_TABLES}
    with in_memory("a recipe's tables cannot be read: {}") as db:
        for recipe, folder in recipes.items():
            for name, (file, query) in RECIPE_TABLES.items():
                path = Path(folder) / file
                if not path.exists():
                    raise BadTable(
                        f"recipe {recipe}: {folder} holds no {file}; write it with: adjudge recipe"
                    )
                rows: pa.Table = db.sql(query, params=[recipe, str(path)]).to_arrow_table()
                tables[name].append(rows.cast(results.SCHEMAS[name]))
    return {name: pa.concat_tables(of_recipes) for name, of_recipes in tables.items()}


def _absent_notes(evidence: PairEvidence) -> list[str]:
    notes = [f"Not measured: {why}." for name, why in ABSENT.items() if name not in evidence.has]
    if not evidence.truth.support:
        notes.append(
            f"Not measured: no label of {evidence.labels} on these pairs, so no precision, recall or AUC."
        )
    return notes


def _overall(chosen: Thresholds) -> float | None:
    return None if np.isnan(chosen.overall[0]) else float(chosen.overall[0])


def _model(aligned: AlignedScores, chosen: Thresholds) -> dict[str, Any]:
    return {
        "threshold": _overall(chosen),
        "scored": len(aligned.scores) - aligned.missing - aligned.unscored,
        "unscored": aligned.unscored,
        "missing": aligned.missing,
        "version": aligned.version,
        "note": chosen.problem or None,
    }


def _write_thresholds(
    config: EvaluateConfig, thresholds: Mapping[str, Thresholds], evidence: PairEvidence
) -> None:
    """thresholds.json: model -> {threshold, categories}, categories only if they have one of their own."""
    stored = {}
    for model, chosen in thresholds.items():
        separate = np.flatnonzero(chosen.separate).tolist() if len(chosen.separate) > 1 else []
        stored[model] = {
            "threshold": _overall(chosen),
            "retention": config.scorecard.retention,
            "weighting": config.scorecard.weighting,
            "categories": {evidence.categories[g]: float(chosen.values[g, 0]) for g in separate},
        }
    write_json(config.out / "thresholds.json", stored)


def _are_simulated(logs: Path) -> bool:
    """Whether `adjudge simulate` wrote the logs; older versions left its settings in settings.json."""
    old = logs / SETTINGS
    return (logs / MARKET).exists() or (old.exists() and "catalogue" in read_values(old))


def _meta(
    config: EvaluateConfig,
    evidence: PairEvidence,
    rows: list[dict[str, Any]],
    notes: list[str],
    seconds: float,
) -> dict[str, Any]:
    simulated = list(config.simulated)
    if not simulated and _are_simulated(config.logs):
        simulated = ["market"]
    names = dict.fromkeys(row["metric"] for row in rows)
    stated = ("label", "unit", "kind", "higher_is_better", "definition")
    return {
        "title": config.title,
        "simulated": bool(simulated),
        "simulated_what": simulated,
        "production": config.production,
        "models": {},
        "metrics": {name: {key: getattr(metric(name), key) for key in stated} for name in names},
        "counts": dict(evidence.counts),
        "settings": to_dict(config),
        "seed": config.seed,
        "seconds": round(seconds, 3),
        "versions": {name: version(name) for name in PACKAGES},
        "notes": notes,
    }
