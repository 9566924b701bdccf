"""The charts, as inline SVG. They draw what the result tables say and nothing else.

Every line is labelled where it ends, so that no two colours need be distinguished; colours are stand-ins that
`svg.finish` swaps for the page's (a palette safe for colour-blind readers, in light and in dark).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjudge.report import labels, svg
from adjudge.report.svg import INK, MUTED, RULE, SERIES, SOFT

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stroke:
    """How one model is drawn everywhere: production in ink, recipes in colours, the rest in dashed grey."""

    colour: str
    dash: str
    width: float = 1.7


def strokes(models: Sequence[str], production: str | None, recipes: Sequence[str]) -> dict[str, Stroke]:
    """One stroke per model. Past the palette's end colours come round again with another dash."""
    by_model: dict[str, Stroke] = dict.fromkeys(models, Stroke(INK, "-", 2.2))
    dashes, greys = ("-", "--", "-."), ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))
    coloured = [model for model in models if model in recipes and model != production]
    grey = [model for model in models if model not in recipes and model != production]
    for n, model in enumerate(coloured):
        by_model[model] = Stroke(SERIES[n % len(SERIES)], dashes[n // len(SERIES) % len(dashes)])
    for n, model in enumerate(grey):
        by_model[model] = Stroke(MUTED, greys[n % len(greys)], 1.4)  # type: ignore[arg-type]
    return by_model


def retention(
    rows: Sequence[Row],
    metric: str,
    label: str,
    strokes: Mapping[str, Stroke],
    level: float | None,
    name: str,
) -> str:
    """`metric` against the share of clicks kept, stricter to the right, with a line at `level` (e.g.
    0.95)."""
    lines = {model: _line(rows, model, metric) for model in strokes}
    lines = {model: line for model, line in lines.items() if len(line) > 1}
    with svg.style():
        drawing = svg.figure(510, 350)
        axes = drawing.add_axes((0.105, 0.15, 0.62, 0.78))
        for model, line in lines.items():
            stroke = strokes[model]
            axes.plot(
                *zip(*line, strict=True),
                color=stroke.colour,
                linestyle=stroke.dash,
                linewidth=stroke.width,
                zorder=2 + stroke.width,
            )
        xs = [x for line in lines.values() for x, _ in line]
        low = max(min(xs), 0.5)
        ys = [y for line in lines.values() for x, y in line if x >= low]
        axes.set_xlim(max(xs), low)
        pad = 0.05 * (max(ys) - min(ys) or 1)
        axes.set_ylim(max(0, min(ys) - pad), max(ys) + pad)
        if level is not None:
            axes.axvline(level, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.text(
                level,
                1.01,
                f"{100 * level:g} % of clicks",
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                color=INK,
            )
        percent(axes.xaxis, axes.yaxis)
        axes.set_xlabel("share of clicks kept (stricter filter to the right)")
        # The height of each line as it leaves the picture on the strict side.
        ends = {m: next((y for x, y in line if x >= low), line[-1][1]) for m, line in lines.items()}
        _end_labels(axes, ends, strokes)
        return svg.finish(drawing, name, f"{label} against the share of clicks kept, one line per model")


def trade_off(rows: Sequence[Row], strokes: Mapping[str, Stroke], words: tuple[str, str], name: str) -> str:
    """Change of keyphrases kept (across) against change of sales kept (up), with both intervals.

    Each row: model, x, x_low, x_high, y, y_low, y_high, all relative to production, which sits at zero.
    """
    with svg.style():
        drawing = svg.figure(760, 440)
        axes = drawing.add_axes((0.1, 0.13, 0.885, 0.85))
        for row in rows:
            stroke = strokes[row["model"]]
            for across in (True, False):
                _whisker(axes, row, stroke, across)
            axes.plot(row["x"], row["y"], "o", color=stroke.colour, markersize=7.5)
        axes.axhline(0, color=RULE, linewidth=1)
        axes.axvline(0, color=RULE, linewidth=1)
        axes.margins(0.1)
        percent(axes.xaxis, axes.yaxis, signed=True)
        axes.autoscale(False)
        axes.set_xlabel(words[0])
        axes.set_ylabel(words[1])
        drawing.canvas.draw()
        _point_labels(axes, rows, strokes)
        return svg.finish(
            drawing, name, f"{words[1]} against {words[0]}, one point per model with both intervals"
        )


def reliability(rows: Sequence[Row], stroke: Stroke, name: str, label: str) -> str:
    """What the score says against what is so, per bin; the dot's area follows the bin's pairs."""
    with svg.style():
        drawing = svg.figure(240, 228)
        axes = drawing.add_axes((0.15, 0.19, 0.82, 0.78))
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1, linestyle="--")
        points = [row for row in rows if row["mean_score"] is not None and row["share_relevant"] is not None]
        largest = max((row["pairs"] for row in points), default=1) or 1
        axes.plot(
            [row["mean_score"] for row in points],
            [row["share_relevant"] for row in points],
            color=stroke.colour,
            linewidth=1.2,
        )
        for row in points:
            size = 2.5 + 6.5 * math.sqrt(row["pairs"] / largest)
            axes.plot(row["mean_score"], row["share_relevant"], "o", color=stroke.colour, markersize=size)
        axes.set_xlim(-0.04, 1.04)
        axes.set_ylim(-0.04, 1.04)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_xlabel("mean score")
        return svg.finish(drawing, name, label)


def histogram(
    groups: Mapping[str, Sequence[Row]], threshold: float | None, stroke: Stroke, name: str, label: str
) -> str:
    """One ridge per group: where its scores lie, each ridge scaled to its own tallest bin."""
    height = 40 + 52 * len(groups)
    with svg.style():
        drawing = svg.figure(300, height)
        axes = drawing.add_axes((0.03, 38 / height, 0.94, 1 - 40 / height))
        for base, (group, rows) in enumerate(reversed(list(groups.items()))):
            _ridge(axes, rows, base, stroke)
            total = sum(row["pairs"] for row in rows)
            if threshold is not None:
                axes.plot([threshold] * 2, [base, base + 0.7], color=INK, linewidth=1, linestyle=(0, (2, 2)))
            axes.text(0.0, base + 0.80, f"{group}  ({total:,.0f} pairs)", color=INK, va="center", fontsize=11)
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.04, len(groups))
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_yticks([])
        axes.grid(False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("score")
        return svg.finish(drawing, name, label)


def _line(rows: Sequence[Row], model: str, metric: str) -> list[tuple[float, float]]:
    points = [(row["retention"], row[metric]) for row in rows if row["model"] == model]
    return sorted((x, y) for x, y in points if x is not None and y is not None)


def percent(*sides: Any, signed: bool = False) -> None:
    """Write an axis's ticks as per cent."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def write(value: float, _: int) -> str:
        text = f"{100 * value:+.0f}" if signed and round(100 * value) else f"{100 * value:.0f}"
        return text.replace("-", "−") + " %"

    for side in sides:
        side.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        side.set_major_formatter(FuncFormatter(write))


def _end_labels(axes: Any, ends: Mapping[str, float], strokes: Mapping[str, Stroke]) -> None:
    """A name beside each line's end; names too close are pushed apart and tied to their line by a leader."""
    low, high = axes.get_ylim()
    names = sorted(ends, key=lambda model: (ends[model], model))
    at = labels.spread([(ends[model] - low) / (high - low) for model in names], gap=0.056)
    for model, height in zip(names, at, strict=True):
        true = (ends[model] - low) / (high - low)
        colour = strokes[model].colour
        axes.plot(
            [1.005, 1.03],
            [true, height],
            color=colour,
            linewidth=0.8,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(1.04, height, model, transform=axes.transAxes, va="center", color=colour, fontsize=11.5)


def _whisker(axes: Any, row: Row, stroke: Stroke, across: bool) -> None:
    low, high = (row["x_low"], row["x_high"]) if across else (row["y_low"], row["y_high"])
    if low is None or high is None:
        return
    xs, ys = ([low, high], [row["y"]] * 2) if across else ([row["x"]] * 2, [low, high])
    axes.plot(xs, ys, color=stroke.colour, linewidth=1.4, alpha=0.8, solid_capstyle="butt")


def _point_labels(axes: Any, rows: Sequence[Row], strokes: Mapping[str, Stroke]) -> None:
    """Each name near its point, where it covers least; tied to it by a leader if it stands further off."""
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    points = [tuple(to_pixels((row["x"], row["y"]))) for row in rows]
    lines: list[labels.Box] = []
    for row, (x, y) in zip(rows, points, strict=True):
        if row["x_low"] is not None and row["y_low"] is not None:
            left, bottom = to_pixels((row["x_low"], row["y_low"]))
            right, top = to_pixels((row["x_high"], row["y_high"]))
            lines += [(left, y - 2, right, y + 2), (x - 2, bottom, x + 2, top)]
    room, widths = axes.get_window_extent(), [7.8 * len(row["model"]) + 4 for row in rows]
    spots = labels.place_names(points, widths, lines, (room.x0, room.y0, room.x1, room.y1))
    for row, (x, y), spot in zip(rows, points, spots, strict=True):
        colour, (left, bottom, right, top) = strokes[row["model"]].colour, spot.box
        middle = (bottom + top) / 2
        if spot.leader:
            ends = to_data([(x, y), (min(max(x, left), right), middle)])
            axes.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=0.7, linestyle=":")
        at = to_data((left, middle))
        axes.text(*at, row["model"], color=colour, va="center", ha="left", fontweight="bold")


def _ridge(axes: Any, rows: Sequence[Row], base: int, stroke: Stroke) -> None:
    ordered = sorted(rows, key=lambda row: row["bin_low"])
    tallest = max((row["pairs"] for row in ordered), default=0) or 1
    edges = [row["bin_low"] for row in ordered] + [row["bin_high"] for row in ordered[-1:]]
    heights = [base + 0.66 * row["pairs"] / tallest for row in ordered]
    axes.stairs(heights, edges, baseline=base, fill=True, color=stroke.colour, alpha=0.55, linewidth=0)
    axes.stairs(heights, edges, baseline=None, color=stroke.colour, linewidth=1.1)
    axes.plot([0, 1], [base, base], color=SOFT, linewidth=0.8)
