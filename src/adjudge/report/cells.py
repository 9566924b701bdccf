"""Table cells: a figure, its interval in words and as a whisker, and what the interval tells against zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adjudge.report import formats
from adjudge.report.glossary import Metric, metric
from adjudge.report.reading import Results, Row

WIDTH, PAD = 132.0, 5.0
"""Of a whisker's drawing, in its own units; the style sheet scales it."""


@dataclass(frozen=True)
class Whisker:
    """Places on a drawing WIDTH wide: the interval's ends, its middle, a mark (zero, or a target), and a band (a harmless
    range: its left end and its width)."""

    low: float | None
    high: float | None
    at: float
    mark: float | None
    band: tuple[float, float] | None = None


@dataclass(frozen=True)
class Cell:
    """`tone`: better, worse, fewer, more, same (the interval holds the mark), or empty where nothing is told."""

    text: str
    interval: str = ""
    whisker: Whisker | None = None
    tone: str = ""
    note: str = ""


def ordered(results: Results) -> list[str]:
    """The models in the order given to evaluate; those that only the scorecard names come last."""
    seen = dict.fromkeys(results.meta.get("models", {}))
    seen.update(dict.fromkeys(row["model"] for row in results.rows("scorecard")))
    return list(seen)


def pick(results: Results, name: str, segment_by: str = "all") -> dict[tuple[str, str], Row]:
    """The scorecard's rows of one metric by (model, segment)."""
    return {
        (row["model"], row["segment"]): row
        for row in results.rows("scorecard")
        if row["metric"] == name and row["segment_by"] == segment_by
    }


def present(results: Results, names: Iterable[str], segment_by: str = "all") -> list[Metric]:
    """Those metrics that have at least one value."""
    found = {
        row["metric"]
        for row in results.rows("scorecard")
        if row["segment_by"] == segment_by and row["value"] is not None
    }
    return [metric(name, results.meta) for name in names if name in found]


def change_cells(rows: Mapping[str, Row], what: Metric, zero: str | None) -> dict[str, Cell]:
    """A cell a model: the change against production with its interval, on one scale for the column."""
    scale = _scale([(row["change"], row["change_low"], row["change_high"]) for row in rows.values()], 0.0)
    cells = {}
    for model, row in rows.items():
        low, high = row["change_low"], row["change_high"]
        at_zero = model == zero
        cells[model] = Cell(
            text=formats.write(0.0 if at_zero else row["change"], what.change_unit),
            interval="" if at_zero else formats.span(low, high, what.change_unit),
            whisker=_whisker(row["change"], low, high, scale, 0.0),
            tone="" if at_zero else tone(low, high, 0.0, what),
            note=row.get("note") or "",
        )
    return cells


def value_cells(rows: Mapping[str, Row], what: Metric, mark: float | None = None) -> dict[str, Cell]:
    """A cell a model: the figure itself with its interval; `mark` draws a line, e.g. at the target share."""
    scale = _scale([(row["value"], row["low"], row["high"]) for row in rows.values()], mark)
    return {
        model: Cell(
            text=formats.write(row["value"], what.unit),
            interval=formats.span(row["low"], row["high"], what.unit),
            whisker=_whisker(row["value"], row["low"], row["high"], scale, mark),
            tone="" if mark is None else tone(row["low"], row["high"], mark, what),
            note=row.get("note") or "",
        )
        for model, row in rows.items()
    }


def estimates(
    rows: Sequence[Row], unit: str, mark: float | None = None, scale: tuple[float, float] | None = None
) -> list[Cell]:
    """A cell for each value with its interval, on one scale (their own where none is given); against `mark` the tone says
    on which side it lies."""
    scale = scale or _scale([(row["value"], row["low"], row["high"]) for row in rows], mark)
    sides = Metric("", "", unit, unit, True, "", "")
    return [
        Cell(
            text=formats.write(row["value"], unit),
            interval=formats.span(row["low"], row["high"], unit),
            whisker=_whisker(row["value"], row["low"], row["high"], scale, mark),
            tone="" if mark is None else tone(row["low"], row["high"], mark, sides),
            note=row.get("note") or "",
        )
        for row in rows
    ]


def ranged(row: Row, unit: str, harmless: tuple[float, float], tone: str) -> Cell:
    """A cell on a scale of its own, the harmless range shaded."""
    low, high = harmless
    scale = _scale([(row["value"], row["low"], row["high"]), (low, low, high)], None)
    drawn = _whisker(row["value"], row["low"], row["high"], scale, None)
    if drawn is not None:
        start = _place(low, scale)
        drawn = replace(drawn, band=(start, round(_place(high, scale) - start, 1)))
    interval = formats.span(row["low"], row["high"], unit)
    return Cell(formats.write(row["value"], unit), interval, drawn, tone, row.get("note") or "")


def tone(low: float | None, high: float | None, mark: float, what: Metric) -> str:
    """What an interval tells against `mark`: which side it lies on, in the metric's own sense of good."""
    if low is None or high is None:
        return ""
    if low <= mark <= high:
        return "same"
    up = low > mark
    if what.higher_is_better is None:
        return "more" if up else "fewer"
    return "better" if up == what.higher_is_better else "worse"


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
        None if low is None else _place(low, scale),
        None if high is None else _place(high, scale),
        _place(at, scale),
        None if mark is None else _place(mark, scale),
    )


def _place(value: float, scale: tuple[float, float]) -> float:
    wide = scale[1] - scale[0] or 1.0
    return round(PAD + (WIDTH - 2 * PAD) * (value - scale[0]) / wide, 1)
