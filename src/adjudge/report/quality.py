"""How well scores order and mean what they say: truth metrics, ranking metrics, segments, reliability, distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjudge.report import charts, formats
from adjudge.report.cells import Cell, ordered, pick, present, value_cells
from adjudge.report.charts import Stroke
from adjudge.report.reading import Results, Row
from adjudge.report.words import (
    AGAINST,
    BUSINESS,
    GROUPINGS,
    LATER,
    PAPER_TABLE,
    QUALITY,
    SEGMENTS,
    Metric,
    metric,
)

STEPS = 4
"""Shades on either side of the middle in a heat table."""


def ranking_names(results: Results) -> list[str]:
    """Metrics of the scorecard that are no business and no pair metric: nDCG@10 and the like."""
    known = {*BUSINESS, *LATER, *QUALITY, "threshold"}
    return list(
        dict.fromkeys(row["metric"] for row in results.rows("scorecard") if row["metric"] not in known)
    )


def truth_table(results: Results) -> dict[str, Any] | None:
    """Quality against labels, best AUC first (or best first metric where there is no AUC)."""
    metrics = present(results, [*QUALITY, *ranking_names(results)])
    if not metrics:
        return None
    columns = [value_cells(_by_model(results, what.name, "all", "all"), what) for what in metrics]
    lead = _by_model(results, metrics[0].name, "all", "all")
    models = [model for model in ordered(results) if any(model in column for column in columns)]
    models.sort(key=lambda model: -_value(lead.get(model)))
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
            if (rows := _segment_rows(results, metric(name, results.meta), by))
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
    relative = what.name in PAPER_TABLE
    key, unit = ("change", what.change_unit) if relative else ("value", what.unit)
    found, whole = pick(results, what.name, by), pick(results, what.name)
    middles = {model: 0.0 if relative else _value(row) for (model, _), row in whole.items()}
    gaps = [
        abs(row[key] - middles.get(model, 0.0)) for (model, _), row in found.items() if row[key] is not None
    ]
    reach = sorted(gaps)[int(0.9 * (len(gaps) - 1))] if gaps else 0.0
    lines = []
    for segment in sorted({segment for _, segment in found}):
        rows = [found.get((model, segment)) for model in ordered(results)]
        if not any(row and row[key] is not None for row in rows):
            continue
        cells = [
            {
                "text": formats.write(row[key] if row else None, unit, 0 if relative else None),
                "span": formats.span(
                    row[f"{key}_low" if relative else "low"], row[f"{key}_high" if relative else "high"], unit
                )
                if row
                else "",
                "shade": shade(row[key] if row else None, middles.get(model, 0.0), reach),
            }
            for model, row in zip(ordered(results), rows, strict=True)
        ]
        support = max((row["support"] or 0 for row in rows if row and "support" in row), default=0)
        lines.append({"name": SEGMENTS.get((by, segment), segment), "support": support, "cells": cells})
    return lines


def _by_model(results: Results, name: str, by: str, segment: str) -> dict[str, Row]:
    return {model: row for (model, part), row in pick(results, name, by).items() if part == segment}


def _value(row: Row | None) -> float:
    return row["value"] if row and row["value"] is not None else 0.0


def _truth_first(against: str) -> tuple[int, str]:
    order = list(AGAINST)
    return (order.index(against) if against in order else len(order), against)
