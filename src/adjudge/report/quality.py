"""How well scores order and mean what they say: truth metrics, ranking metrics, segments, reliability, distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjudge.report import charts, formats
from adjudge.report.cells import Cell, ordered, pick, present, value_cells
from adjudge.report.charts import Stroke
from adjudge.report.glossary import (
    AGAINST,
    BUSINESS,
    CALIBRATION,
    GROUPINGS,
    LATER,
    PAPER_TABLE,
    QUALITY,
    SEGMENTS,
    Metric,
    metric,
)
from adjudge.report.reading import Results, Row

STEPS = 4
"""Shades on either side of the middle in a heat table."""


def ranking_names(results: Results) -> list[str]:
    """Metrics of the scorecard that are no business and no pair metric: nDCG@10 and the like."""
    known = {*BUSINESS, *LATER, *QUALITY, *CALIBRATION, "threshold"}
    return list(
        dict.fromkeys(row["metric"] for row in results.rows("scorecard") if row["metric"] not in known)
    )


def truth_table(results: Results) -> dict[str, Any] | None:
    """Quality against labels, best AUC first (or best first metric where there is no AUC)."""
    return _quality_table(results, present(results, [*QUALITY, *ranking_names(results)]))


def calibration_table(results: Results) -> dict[str, Any] | None:
    """How far scores are from the truth they claim, smallest error first."""
    return _quality_table(results, present(results, CALIBRATION))


def _quality_table(results: Results, metrics: list[Metric]) -> dict[str, Any] | None:
    if not metrics:
        return None
    columns = [value_cells(_by_model(results, what.name, "all", "all"), what) for what in metrics]
    lead = _by_model(results, metrics[0].name, "all", "all")
    models = [model for model in ordered(results) if any(model in column for column in columns)]
    sign = 1 if metrics[0].higher_is_better is False else -1
    models.sort(key=lambda model: sign * _value(lead.get(model)))
    return {
        "metrics": metrics,
        "rows": [(model, [column.get(model, Cell("–")) for column in columns]) for model in models],
        "support": max((row["support"] or 0 for row in lead.values() if "support" in row), default=0),
    }


def per_source(results: Results) -> list[dict[str, Any]]:
    """For each quality metric, a row a model and a column a source or split, with intervals."""
    tables = []
    for what in present(results, [*QUALITY, *ranking_names(results)], "source"):
        rows = pick(results, what.name, "source")
        segments = sorted({segment for _, segment in rows})
        columns = {
            segment: value_cells(_by_model(results, what.name, "source", segment), what)
            for segment in segments
        }
        models = [
            model for model in ordered(results) if any(model in columns[segment] for segment in segments)
        ]
        lines = [
            (model, [columns[segment].get(model, Cell("–")) for segment in segments]) for model in models
        ]
        tables.append({"metric": what, "segments": segments, "rows": lines})
    return tables


def segment_tables(results: Results) -> list[dict[str, Any]]:
    """A heat table a metric: rows are segments, columns are models, shade is the distance from the middle.

    Business metrics show the change against production (middle 0), others the value (middle: the overall value).
    """
    tables = []
    for name in [*PAPER_TABLE, "auc", "precision", "recall", *ranking_names(results)]:
        groups = [
            (title, rows)
            for by, title in GROUPINGS.items()
            if (by != "source" or name in PAPER_TABLE)  # quality by source has tables of its own
            and (rows := _segment_rows(results, metric(name, results.meta), by))
        ]
        if groups:
            what, relative = metric(name, results.meta), name in PAPER_TABLE
            tables.append(
                {"metric": what, "relative": relative, "models": ordered(results), "groups": groups}
            )
    return tables


def reliability(results: Results, strokes: Mapping[str, Stroke]) -> list[dict[str, Any]]:
    """Diagrams grouped by what scores are held against, the truth first; one (model, SVG) a model."""
    rows = results.rows("reliability")
    kinds = sorted(dict.fromkeys(row["against"] for row in rows), key=_truth_first)
    groups = []
    for place, against in enumerate(kinds):
        drawn = []
        for number, model in enumerate(strokes):
            own = [
                row for row in rows if row["model"] == model and row["against"] == against and row["pairs"]
            ]
            if own:
                label = f"Reliability of {model} against {against}: share relevant over mean score in {len(own)} bins"
                svg = charts.reliability(own, strokes[model], f"rel-{place}-{number}", label)
                drawn.append((model, svg))
        if drawn:
            title = AGAINST.get(against, f"Against the judge “{against}”")
            groups.append({"title": title, "charts": drawn})
    return groups


def distributions(results: Results, strokes: Mapping[str, Stroke]) -> list[tuple[str, str]]:
    """One (model, SVG) a model: where the scores of each group of pairs lie, with the model's threshold."""
    drawn = []
    for number, model in enumerate(strokes):
        groups: dict[str, list[Row]] = {}
        for row in results.rows("histograms"):
            if row["model"] == model:
                groups.setdefault(row["group"], []).append(row)
        groups = {group: rows for group, rows in groups.items() if sum(row["pairs"] or 0 for row in rows)}
        if groups:
            threshold = results.meta.get("models", {}).get(model, {}).get("threshold")
            at = "" if threshold is None else f", threshold {formats.decimal(threshold)}"
            label = f"Scores of {model} by group of pairs: {', '.join(groups)}{at}"
            drawn.append(
                (model, charts.histogram(groups, threshold, strokes[model], f"dist-{number}", label))
            )
    return drawn


def shade(value: float | None, middle: float, reach: float) -> int:
    """The heat step of a value: 0 in the middle, up to STEPS above and -STEPS below.

    >>> shade(0.5, 0.0, 0.5), shade(-0.2, 0.0, 0.5), shade(None, 0.0, 0.5)
    (4, -2, 0)
    """
    if value is None or reach <= 0:
        return 0
    return max(-STEPS, min(STEPS, round(STEPS * (value - middle) / reach)))


def _segment_rows(results: Results, what: Metric, by: str) -> list[dict[str, Any]]:
    """The rows of one grouping, most pairs first; those of a known grouping in its own order."""
    relative = what.name in PAPER_TABLE
    keys = ("change", "change_low", "change_high") if relative else ("value", "low", "high")
    found, whole = pick(results, what.name, by), pick(results, what.name)
    middles = {model: 0.0 if relative else _value(row) for (model, _), row in whole.items()}
    gaps = sorted(
        abs(row[keys[0]] - middles.get(model, 0.0))
        for (model, _), row in found.items()
        if row[keys[0]] is not None
    )
    reach = gaps[int(0.9 * (len(gaps) - 1))] if gaps else 0.0
    lines: list[dict[str, Any]] = []
    for segment in sorted({segment for _, segment in found}):
        rows = {model: found.get((model, segment)) for model in ordered(results)}
        if any(row and row[keys[0]] is not None for row in rows.values()):
            cells = [_heat(row, keys, what, middles.get(model, 0.0), reach) for model, row in rows.items()]
            support = max((row.get("support") or 0 for row in rows.values() if row), default=0)
            lines.append({"name": SEGMENTS.get((by, segment), segment), "support": support, "cells": cells})
    known = list(SEGMENTS.values())
    lines.sort(key=lambda line: (known.index(line["name"]) if line["name"] in known else 0, -line["support"]))
    return lines


def _heat(
    row: Row | None, keys: tuple[str, str, str], what: Metric, middle: float, reach: float
) -> dict[str, Any]:
    """A cell of a heat table; `sure` when its whole interval lies on one side of the middle."""
    value, low, high = (row[key] for key in keys) if row else (None, None, None)
    unit, digits = (what.change_unit, 0) if keys[0] == "change" else (what.unit, None)
    return {
        "text": formats.write(value, unit, digits),
        "span": formats.span(low, high, unit),
        "shade": shade(value, middle, reach),
        "sure": low is not None and high is not None and not low <= middle <= high,
    }


def _by_model(results: Results, name: str, by: str, segment: str) -> dict[str, Row]:
    return {model: row for (model, part), row in pick(results, name, by).items() if part == segment}


def _value(row: Row | None) -> float:
    return row["value"] if row and row["value"] is not None else 0.0


def _truth_first(against: str) -> tuple[int, str]:
    order = list(AGAINST)
    return (order.index(against) if against in order else len(order), against)
