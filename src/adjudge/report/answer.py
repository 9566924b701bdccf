"""The part most readers stop at: the paper's table, which models the intervals speak for, the later period,
curves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adjudge.report import charts, published
from adjudge.report.cells import (
    EMPTY,
    TableCell,
    cells_by_model,
    change_cells,
    ordered,
    overall_rows,
    present,
    value_cells,
)
from adjudge.report.charts import Stroke
from adjudge.report.glossary import BUSINESS, LATER, PAPER_TABLE, MetricStyle, metric_style
from adjudge.report.reading import ResultsFolder, Row, Values

_TERM = re.compile(r"[a-z][a-z0-9_]*(\+-|\+|-)")


def is_recipe(model: str) -> bool:
    """Whether a model's name is a recipe's spelling.

    >>> is_recipe("click+ llm-"), is_recipe("jaccard")
    (True, False)
    """
    return bool(model.split()) and all(_TERM.fullmatch(term) for term in model.split())


def retention_target(meta: Mapping[str, Any]) -> float | None:
    """The share of clicks that thresholds keep, wherever the settings hold it."""
    return _find(meta.get("settings", {}), "retention")


def interval_level(meta: Mapping[str, Any]) -> float:
    """The level of the intervals; the scorecard's default if the settings do not hold it."""
    level = _find(meta.get("settings", {}), "level")
    return 0.95 if level is None else level


def model_strokes(results: ResultsFolder) -> dict[str, Stroke]:
    """How each model is drawn, the same in every chart."""
    models = ordered(results)
    recipes = [model for model in models if is_recipe(model)]
    return charts.strokes(models, results.meta.get("production"), recipes or models)


def is_business(results: ResultsFolder) -> bool:
    """Whether there were clicks to measure business metrics with; a labelled set has none."""
    return results.meta.get("kind") != "labelled" and bool(present(results, PAPER_TABLE))


def paper_table(results: ResultsFolder) -> Values | None:
    """Paper 1's table for the models at hand: production first, then recipes, then other models."""
    metrics = present(results, PAPER_TABLE)
    production = results.meta.get("production")
    if not is_business(results) or production is None:
        return None
    columns = _changes(results, metrics, production)
    models = ordered(results)
    first = [model for model in models if model == production]
    recipes = [model for model in models if is_recipe(model) and model != production]
    others = [model for model in models if not is_recipe(model) and model != production]
    return {
        "metrics": metrics,
        "published": [metric_style(name, results.meta) for name in published.METRICS],
        "source": published.SOURCE,
        "groups": [
            (title, [_row(model, columns, production) for model in group])
            for title, group in (("", first + recipes), ("Other models", others))
            if group
        ],
    }


def standing(results: ResultsFolder) -> Values | None:
    """Which models the intervals speak for: fewer keyphrases for certain, and sales not shown to fall.

    It only sorts what the scorecard says: a model stands if its keyphrase interval lies below zero and its
    sales interval reaches zero or lies above it; those whose sales rise come first, then the shortest list.
    """
    production = results.meta.get("production")
    if production is None or not is_business(results):
        return None
    columns = _changes(results, [metric_style(name, results.meta) for name in PAPER_TABLE], production)
    keyphrases, sales = columns["keyphrases_kept"], columns["sales_kept"]
    models = [m for m in ordered(results) if m != production and m in keyphrases and m in sales]
    stand = [m for m in models if keyphrases[m].tone == "fewer" and sales[m].tone in ("better", "same")]
    rows = overall_rows(results, "keyphrases_kept")
    stand.sort(key=lambda m: (sales[m].tone != "better", rows[m]["change"]))
    return {
        "stand": [_row(m, columns, production) for m in stand],
        "lose_sales": [m for m in models if sales[m].tone == "worse"],
        "not_shorter": [
            m for m in models if sales[m].tone != "worse" and keyphrases[m].tone in ("more", "same")
        ],
        "without_interval": [m for m in models if not keyphrases[m].tone or not sales[m].tone],
    }


def absolute_table(results: ResultsFolder) -> Values | None:
    """The same models in absolute terms, every business metric there is."""
    if not is_business(results):
        return None
    return _value_table(results, present(results, BUSINESS), "clicks_kept")


def later_table(results: ResultsFolder) -> Values | None:
    """Whether the frozen threshold keeps its share of the later period's clicks."""
    metrics = present(results, LATER)
    if not metrics:
        return None
    table = _value_table(results, metrics, "later_clicks_kept")
    return {**table, "target": retention_target(results.meta)}


def trade_off(results: ResultsFolder, strokes: Mapping[str, Stroke]) -> str | None:
    """The chart of keyphrases against sales, both as change against production."""
    production = results.meta.get("production")
    across, up = overall_rows(results, "keyphrases_kept"), overall_rows(results, "sales_kept")
    rows = [
        {
            "model": model,
            **_axis("x", across[model], model == production),
            **_axis("y", up[model], model == production),
        }
        for model in ordered(results)
        if model in across and model in up
    ]
    rows = [row for row in rows if row["x"] is not None and row["y"] is not None]
    if production is None or len(rows) < 2:
        return None
    words = ("keyphrases kept, change against production", "sales kept, change against production")
    return charts.trade_off(rows, strokes, words, "trade-off")


def curves(results: ResultsFolder, strokes: Mapping[str, Stroke]) -> list[tuple[str, str]]:
    """A retention curve (label, SVG) for each of the paper's metrics."""
    rows, drawn = results.rows("curves"), []
    for name in PAPER_TABLE:
        if sum(row[name] is not None for row in rows) > 1:
            label = metric_style(name, results.meta).label
            target = retention_target(results.meta)
            drawn.append((label, charts.retention(rows, name, label, strokes, target, f"curve-{name}")))
    return drawn


def _changes(
    results: ResultsFolder, metrics: list[MetricStyle], production: str
) -> dict[str, dict[str, TableCell]]:
    """Metric -> model -> its change against production."""
    return {
        style.name: change_cells(overall_rows(results, style.name), style, production) for style in metrics
    }


def _value_table(results: ResultsFolder, metrics: list[MetricStyle], at_target: str) -> Values:
    """The metrics' values; that of `at_target` with a mark at the share of clicks that thresholds keep."""
    target = retention_target(results.meta)
    columns = [
        value_cells(overall_rows(results, style.name), style, target if style.name == at_target else None)
        for style in metrics
    ]
    return {"metrics": metrics, "rows": cells_by_model(results, columns, every=True)}


def _row(model: str, columns: Mapping[str, Mapping[str, TableCell]], production: str) -> Values:
    return {
        "model": model,
        "production": model == production,
        "cells": [column.get(model, EMPTY) for column in columns.values()],
        "published": [published.change(model, name) for name in published.METRICS],
    }


def _axis(axis: str, row: Row, production: bool) -> dict[str, float | None]:
    if production:
        return {axis: 0.0, f"{axis}_low": None, f"{axis}_high": None}
    return {axis: row["change"], f"{axis}_low": row["change_low"], f"{axis}_high": row["change_high"]}


def _find(settings: Any, key: str) -> float | None:
    """The first number called `key` in nested settings."""
    if not isinstance(settings, Mapping):
        return None
    value = settings.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    nested = (_find(group, key) for group in settings.values())
    return next((number for number in nested if number is not None), None)
