"""Table cells: a figure, its interval in words and as a whisker, and what the interval says against a
mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adjudge.report import formats
from adjudge.report.glossary import MetricStyle, metric_style
from adjudge.report.reading import ResultsFolder, Row

WIDTH, PAD = 132.0, 5.0
"""Of a whisker's drawing, in its own units; the style sheet scales it."""


@dataclass(frozen=True)
class Whisker:
    """Places on a drawing WIDTH wide: the interval's ends, its middle, a mark (zero, or a target), and a band
    (a harmless range: its left end and its width)."""

    low: float | None
    high: float | None
    at: float
    mark: float | None
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class TableCell:
    """A figure and its interval. tone: better, worse, fewer, more, same (it holds the mark) or none."""

    text: str
    interval: str = ""
    whisker: Whisker | None = None
    tone: str = ""
    note: str = ""


EMPTY = TableCell("–")


def ordered(results: ResultsFolder) -> list[str]:
    """The models in the order given to evaluate; those that only the scorecard names come last."""
    models = dict.fromkeys(results.meta.get("models", {}))
    models.update(dict.fromkeys(row["model"] for row in results.rows("scorecard")))
    return list(models)


def rows_by_segment(results: ResultsFolder, name: str, by: str = "all") -> dict[str, dict[str, Row]]:
    """The scorecard's rows of one metric: segment -> model -> row."""
    segments: dict[str, dict[str, Row]] = {}
    for row in results.rows("scorecard"):
        if row["metric"] == name and row["segment_by"] == by:
            segments.setdefault(row["segment"], {})[row["model"]] = row
    return segments


def overall_rows(results: ResultsFolder, name: str) -> dict[str, Row]:
    """The rows of one metric over all pairs, by model."""
    return rows_by_segment(results, name).get("all", {})


def present(results: ResultsFolder, names: Iterable[str], by: str = "all") -> list[MetricStyle]:
    """Those metrics that have at least one value."""
    valued = {
        row["metric"]
        for row in results.rows("scorecard")
        if row["segment_by"] == by and row["value"] is not None
    }
    return [metric_style(name, results.meta) for name in names if name in valued]


def cells_by_model(
    results: ResultsFolder, columns: Sequence[Mapping[str, TableCell]], every: bool = False
) -> list[tuple[str, list[TableCell]]]:
    """A row per model that has a cell in a column (`every`: per model), with its cell in each."""
    return [
        (model, [column.get(model, EMPTY) for column in columns])
        for model in ordered(results)
        if every or any(model in column for column in columns)
    ]


def change_cells(rows: Mapping[str, Row], style: MetricStyle, zero: str | None) -> dict[str, TableCell]:
    """A cell per model: the change against production with its interval, on one scale for the column."""
    scale = _scale([(row["change"], row["change_low"], row["change_high"]) for row in rows.values()], 0.0)
    cells = {}
    for model, row in rows.items():
        low, high = row["change_low"], row["change_high"]
        at_zero = model == zero
        cells[model] = TableCell(
            text=formats.write(0.0 if at_zero else row["change"], style.change_unit),
            interval="" if at_zero else formats.span(low, high, style.change_unit),
            whisker=_whisker(row["change"], low, high, scale, 0.0),
            tone="" if at_zero else tone(low, high, 0.0, style.higher_is_better),
            note=row.get("note") or "",
        )
    return cells


def value_cells(
    rows: Mapping[str, Row], style: MetricStyle, mark: float | None = None
) -> dict[str, TableCell]:
    """A cell per model: the figure with its interval; `mark` draws a line, e.g. at the target share."""
    cells = estimates(list(rows.values()), style.unit, mark, better=style.higher_is_better)
    return dict(zip(rows, cells, strict=True))


def estimates(
    rows: Sequence[Row],
    unit: str,
    mark: float | None = None,
    scale: tuple[float, float] | None = None,
    better: bool | None = True,
) -> list[TableCell]:
    """A cell for each value with its interval, on one scale (their own if none is given); against `mark` the
    tone says on which side it lies. better: whether higher is better."""
    scale = scale or _scale([(row["value"], row["low"], row["high"]) for row in rows], mark)
    return [
        TableCell(
            text=formats.write(row["value"], unit),
            interval=formats.span(row["low"], row["high"], unit),
            whisker=_whisker(row["value"], row["low"], row["high"], scale, mark),
            tone="" if mark is None else tone(row["low"], row["high"], mark, better),
            note=row.get("note") or "",
        )
        for row in rows
    ]


def ranged(row: Row, unit: str, harmless: tuple[float, float], tone: str) -> TableCell:
    """A cell on a scale of its own, the harmless range shaded."""
    low, high = harmless
    scale = _scale([(row["value"], row["low"], row["high"]), (low, low, high)], None)
    drawn = _whisker(row["value"], row["low"], row["high"], scale, None)
    if drawn is not None:
        start = _position(low, scale)
        drawn = replace(drawn, band=(start, round(_position(high, scale) - start, 1)))
    interval = formats.span(row["low"], row["high"], unit)
    return TableCell(formats.write(row["value"], unit), interval, drawn, tone, row.get("note") or "")


def tone(low: float | None, high: float | None, mark: float, higher_is_better: bool | None) -> str:
    """What an interval says against `mark`: the side it lies on, in the metric's own sense of good."""
    if low is None or high is None:
        return ""
    if low <= mark <= high:
        return "same"
    up = low > mark
    if higher_is_better is None:
        return "more" if up else "fewer"
    return "better" if up == higher_is_better else "worse"


def _scale(triples: Sequence[tuple[Any, Any, Any]], mark: float | None) -> tuple[float, float]:
    values = [value for triple in triples for value in triple if value is not None]
    values += [] if mark is None else [mark]
    return (min(values), max(values)) if values else (0.0, 1.0)


def _whisker(
    at: float | None, low: float | None, high: float | None, scale: tuple[float, float], mark: float | None
) -> Whisker | None:
    if at is None:
        return None
    return Whisker(
        None if low is None else _position(low, scale),
        None if high is None else _position(high, scale),
        _position(at, scale),
        None if mark is None else _position(mark, scale),
    )


def _position(value: float, scale: tuple[float, float]) -> float:
    wide = scale[1] - scale[0] or 1.0
    return round(PAD + (WIDTH - 2 * PAD) * (value - scale[0]) / wide, 1)
