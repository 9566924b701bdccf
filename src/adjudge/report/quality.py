"""How well scores order and mean what they say: truth metrics, ranking metrics, segments, reliability,
distributions."""

from __future__ import annotations

from collections.abc import Mapping

from adjudge.report import charts, formats
from adjudge.report.cells import cells_by_model, ordered, overall_rows, present, rows_by_segment, value_cells
from adjudge.report.charts import Stroke
from adjudge.report.glossary import (
    BUSINESS,
    CALIBRATION,
    LATER,
    PAPER_TABLE,
    QUALITY,
    MetricStyle,
    glossary,
    metric_style,
    segment_name,
)
from adjudge.report.reading import ResultsFolder, Row, Values

STEPS = 4
"""Shades on either side of the middle in a heat table."""


def ranking_names(results: ResultsFolder) -> list[str]:
    """Metrics of the scorecard that are neither business nor pair metrics: nDCG@10 and the like."""
    others = {*BUSINESS, *LATER, *QUALITY, *CALIBRATION, "threshold"}
    names = dict.fromkeys(row["metric"] for row in results.rows("scorecard"))
    return [name for name in names if name not in others]


def truth_table(results: ResultsFolder) -> Values | None:
    """Quality against labels, best AUC first (or best first metric if there is no AUC)."""
    return _quality_table(results, present(results, [*QUALITY, *ranking_names(results)]))


def calibration_table(results: ResultsFolder) -> Values | None:
    """How far scores are from the truth they claim, smallest error first."""
    return _quality_table(results, present(results, CALIBRATION))


def _quality_table(results: ResultsFolder, metrics: list[MetricStyle]) -> Values | None:
    if not metrics:
        return None
    columns = [value_cells(overall_rows(results, style.name), style) for style in metrics]
    lead = overall_rows(results, metrics[0].name)
    sign = 1 if metrics[0].higher_is_better is False else -1
    rows = cells_by_model(results, columns)
    rows.sort(key=lambda line: sign * _value(lead.get(line[0])))
    support = max((row["support"] or 0 for row in lead.values() if "support" in row), default=0)
    return {"metrics": metrics, "rows": rows, "support": support}


def per_source(results: ResultsFolder) -> list[Values]:
    """For each quality metric, a row per model and a column per source or split, with intervals."""
    tables = []
    for style in present(results, [*QUALITY, *ranking_names(results)], "source"):
        rows = rows_by_segment(results, style.name, "source")
        columns = [value_cells(rows[segment], style) for segment in sorted(rows)]
        lines = cells_by_model(results, columns)
        tables.append({"metric": style, "segments": sorted(rows), "rows": lines})
    return tables


def segment_tables(results: ResultsFolder) -> list[Values]:
    """A heat table per metric: rows are segments, columns are models, shade is the distance from the middle.

    Business metrics show the change against production (middle 0), others the value (middle: the overall
    value).
    """
    tables = []
    for name in [*PAPER_TABLE, "auc", "precision", "recall", *ranking_names(results)]:
        style, relative = metric_style(name, results.meta), name in PAPER_TABLE
        groups = [
            (title, rows)
            for by, title in glossary()["groupings"].items()
            if (by != "source" or relative)  # quality by source has tables of its own
            and (rows := _segment_rows(results, style, by))
        ]
        if groups:
            models = ordered(results)
            tables.append({"metric": style, "relative": relative, "models": models, "groups": groups})
    return tables


def reliability(results: ResultsFolder, strokes: Mapping[str, Stroke]) -> list[Values]:
    """Diagrams grouped by what scores are compared with, the truth first; one (model, SVG) per model."""
    rows, titles = results.rows("reliability"), glossary()["against"]
    order = list(titles)
    kinds = sorted(
        dict.fromkeys(row["against"] for row in rows),
        key=lambda against: (order.index(against) if against in order else len(order), against),
    )
    groups = []
    for group, against in enumerate(kinds):
        drawn = []
        for number, model in enumerate(strokes):
            bins = [
                row for row in rows if row["model"] == model and row["against"] == against and row["pairs"]
            ]
            if bins:
                label = (
                    f"Reliability of {model} against {against}: "
                    f"share relevant over mean score in {len(bins)} bins"
                )
                svg = charts.reliability(bins, strokes[model], f"rel-{group}-{number}", label)
                drawn.append((model, svg))
        if drawn:
            title = titles.get(against, f"Against the judge “{against}”")
            groups.append({"title": title, "charts": drawn})
    return groups


def distributions(results: ResultsFolder, strokes: Mapping[str, Stroke]) -> list[tuple[str, str]]:
    """One (model, SVG) per model: where the scores of each group of pairs lie, with the model's threshold."""
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
            svg = charts.histogram(groups, threshold, strokes[model], f"dist-{number}", label)
            drawn.append((model, svg))
    return drawn


def shade(value: float | None, middle: float, reach: float) -> int:
    """The heat step of a value: 0 in the middle, up to STEPS above and -STEPS below.

    >>> shade(0.5, 0.0, 0.5), shade(-0.2, 0.0, 0.5), shade(None, 0.0, 0.5)
    (4, -2, 0)
    """
    if value is None or reach <= 0:
        return 0
    return max(-STEPS, min(STEPS, round(STEPS * (value - middle) / reach)))


def _segment_rows(results: ResultsFolder, style: MetricStyle, by: str) -> list[Values]:
    """The rows of one grouping, most pairs first; those of volume and words in the glossary's order."""
    relative = style.name in PAPER_TABLE
    keys = ("change", "change_low", "change_high") if relative else ("value", "low", "high")
    segments = rows_by_segment(results, style.name, by)
    overall = overall_rows(results, style.name)
    middles = {model: 0.0 if relative else _value(row) for model, row in overall.items()}
    gaps = sorted(
        abs(row[keys[0]] - middles.get(model, 0.0))
        for rows in segments.values()
        for model, row in rows.items()
        if row[keys[0]] is not None
    )
    # The deepest shade stands at the 90th percentile, so that one outlier does not pale all others.
    reach = gaps[int(0.9 * (len(gaps) - 1))] if gaps else 0.0
    lines: list[Values] = []
    for segment, rows in sorted(segments.items()):
        if any(row[keys[0]] is not None for row in rows.values()):
            cells = [
                _heat(rows.get(model), keys, style, middles.get(model, 0.0), reach)
                for model in ordered(results)
            ]
            support = max(row.get("support") or 0 for row in rows.values())
            lines.append({"name": segment_name(by, segment), "support": support, "cells": cells})
    order = [name for names in glossary()["segments"].values() for name in names.values()]
    lines.sort(key=lambda line: (order.index(line["name"]) if line["name"] in order else 0, -line["support"]))
    return lines


def _heat(
    row: Row | None, keys: tuple[str, str, str], style: MetricStyle, middle: float, reach: float
) -> Values:
    """A cell of a heat table; `sure` if its whole interval lies on one side of the middle."""
    value, low, high = (row[key] for key in keys) if row else (None, None, None)
    unit, digits = (style.change_unit, 0) if keys[0] == "change" else (style.unit, None)
    return {
        "text": formats.write(value, unit, digits),
        "span": formats.span(low, high, unit),
        "shade": shade(value, middle, reach),
        "sure": low is not None and high is not None and not low <= middle <= high,
    }


def _value(row: Row | None) -> float:
    return row["value"] if row and row["value"] is not None else 0.0
