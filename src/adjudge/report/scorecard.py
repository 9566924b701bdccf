"""A results folder of `adjudge evaluate` as a page shows it: its tables, its sections, and the values they
show."""

from __future__ import annotations

from adjudge.report import answer, formats, quality, sources
from adjudge.report.cells import ordered
from adjudge.report.glossary import metric_style
from adjudge.report.reading import FolderKind, ResultsFolder, Section, Values

META = (
    *("title", "simulated", "simulated_what", "counts", "notes"),
    *("models", "choice", "seed", "seconds", "versions"),
)
"""The keys of `meta.json` that templates show; one that is missing is shown as absent."""
_INTERVAL = ("value", "low", "high", "change", "change_low", "change_high")
TABLES = {
    "scorecard": ("model", "metric", "segment_by", "segment", *_INTERVAL),
    "curves": ("model", "retention", "keyphrases_kept", "sales_kept", "search_pass_rate"),
    "reliability": ("model", "against", "bin_low", "bin_high", "mean_score", "share_relevant", "pairs"),
    "histograms": ("model", "group", "bin_low", "bin_high", "pairs"),
    "agreement": ("source_a", "source_b", "pairs", "agree", "kappa"),
    "disagreements": ("why", "item_id", "keyphrase", "category", "title", "sources", "scores", "gap"),
    "sources": ("recipe", "source", "split", "positives", "negatives", "rows"),
    "conflicts": ("recipe", "winner", "loser", "pairs", "winner_says"),
}
SECTIONS = (
    Section("answer", "The answer", ("paper",), leads=True),
    Section("truth", "Is the model right?", ("truth", "per_source"), leads=True),
    Section("later", "Does the threshold hold?", ("later",)),
    Section("curves", "At other shares of clicks", ("curves",)),
    Section("segments", "Where it helps and where it hurts", ("segments",)),
    Section("calibration", "Do scores mean what they say?", ("reliability", "calibration")),
    Section("distributions", "Where the scores lie", ("distributions",)),
    Section("training", "What the models learned from", ("training", "conflicts")),
    Section("agreement", "Do the sources agree?", ("kappa",)),
    Section("disagreements", "Pairs they disagree on", ("disagreements",)),
)


def view(results: ResultsFolder) -> Values:
    """All that the templates show."""
    meta, strokes = results.meta, answer.model_strokes(results)
    return {
        "page_title": meta.get("title") or "Scorecard",
        "meta": {**dict.fromkeys(META), **meta},
        "models": ordered(results),
        "production": meta.get("production"),
        "target": answer.retention_target(meta),
        "level": formats.share(answer.interval_level(meta), 0),
        "business": answer.is_business(results),
        "paper": answer.paper_table(results),
        "standing": answer.standing(results),
        "absolute": answer.absolute_table(results),
        "later": answer.later_table(results),
        "trade_off": answer.trade_off(results, strokes),
        "curves": answer.curves(results, strokes),
        "truth": quality.truth_table(results),
        "calibration": quality.calibration_table(results),
        "per_source": quality.per_source(results),
        "segments": quality.segment_tables(results),
        "reliability": quality.reliability(results, strokes),
        "distributions": quality.distributions(results, strokes),
        "training": sources.training_sets(results),
        "conflicts": results.rows("conflicts"),
        "kappa": sources.kappa_matrix(results),
        "disagreements": sources.disagreements(results),
        "commands": sources.commands(results),
        "settings": sources.settings(meta),
        "settings_json": sources.settings_json(meta),
        "glossary": [metric_style(name, meta) for name in meta.get("metrics", {})],
    }


SCORECARD = FolderKind(
    name="scorecard",
    command="adjudge evaluate",
    marker="scorecard.parquet",
    document="meta.json",
    keys=(),
    tables=TABLES,
    sections=SECTIONS,
    view=view,
    terms="scorecard_terms",
    head="head",
)
