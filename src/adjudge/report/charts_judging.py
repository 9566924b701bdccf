"""Charts about judges: what calls buy, and the judge's answers by word overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adjudge.report import svg
from adjudge.report.charts import Row, percent
from adjudge.report.svg import INK, MUTED, SERIES


def calls(rows: Sequence[Row], label: str, level: float, name: str) -> str:
    """Agreement (up) against the share of pairs asked of the strong judge (across), with its interval as a
    band, random routing as a dashed line, and the chosen point. rows: of curve.parquet, one `against`."""
    line = sorted((row for row in rows if row["kind"] != "random"), key=lambda row: row["strong_share"])
    ends = [row for row in line if row["kind"] in ("all cheap", "all strong")]
    with svg.style():
        drawing = svg.figure(510, 370)
        axes = drawing.add_axes((0.115, 0.145, 0.855, 0.785))
        xs = [row["strong_share"] for row in line]
        if all(row["low"] is not None and row["high"] is not None for row in line):
            lows, highs = ([row[key] for row in line] for key in ("low", "high"))
            axes.fill_between(xs, lows, highs, color=SERIES[0], alpha=0.18, linewidth=0)
        if len(ends) == 2:
            axes.plot(
                [row["strong_share"] for row in ends],
                [row["value"] for row in ends],
                color=MUTED,
                linestyle=(0, (4, 3)),
                linewidth=1.4,
            )
        axes.plot(xs, [row["value"] for row in line], color=SERIES[0], linewidth=2.2)
        axes.set_xlim(-0.03, 1.03)
        percent(axes.xaxis, axes.yaxis)
        axes.set_xlabel("pairs asked of the strong judge")
        for row in ends:
            axes.plot(row["strong_share"], row["value"], "o", color=INK, markersize=6.5)
        for row in line:
            if row["chosen"] and row["kind"] == "cascade":
                _chosen(axes, row)
        _names(axes, ends, next((row["strong_share"] for row in line if row["chosen"]), 0.0))
        share = f"{100 * level:g} %"
        return svg.finish(drawing, name, f"{label} against the share of calls, with {share} intervals")


def _chosen(axes: Any, row: Row) -> None:
    at = row["strong_share"]
    axes.axvline(at, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.plot(at, row["value"], "D", color=SERIES[1], markersize=8.5)
    axes.text(
        at,
        1.01,
        f"chosen: {100 * at:.0f} % of calls",
        transform=axes.get_xaxis_transform(),
        ha="left" if at < 0.2 else "right" if at > 0.8 else "center",
        va="bottom",
        color=SERIES[1],
        fontweight="bold",
    )


def _names(axes: Any, ends: Sequence[Row], chosen: float) -> None:
    """The two ends by name, and the dashed line between them."""
    for row in ends:
        cheap = row["kind"] == "all cheap"
        axes.annotate(
            row["kind"],
            (row["strong_share"], row["value"]),
            xytext=(6 if cheap else -4, -12 if cheap else 10),
            textcoords="offset points",
            ha="left" if cheap else "right",
            va="top" if cheap else "bottom",
            color=INK,
        )
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.06 * (high - low), high + 0.08 * (high - low))
    if len(ends) == 2:
        (x, y), (u, v) = ((row["strong_share"], row["value"]) for row in ends)
        along = 0.22 if 0.35 < chosen < 0.75 else 0.45
        axes.annotate(
            "sent at random",
            (x + along * (u - x), y + along * (v - y)),
            xytext=(8, -8),
            textcoords="offset points",
            ha="left",
            va="top",
            color=MUTED,
        )


def overlap(rows: Sequence[Row], name: str) -> str:
    """The judge's share of “relevant” by band of word overlap, for pairs that people call relevant and
    for those they call irrelevant."""
    with svg.style():
        drawing = svg.figure(510, 280)
        axes = drawing.add_axes((0.105, 0.185, 0.62, 0.76))
        for relevant, colour, label in (
            (True, SERIES[0], "people: relevant"),
            (False, SERIES[1], "people: irrelevant"),
        ):
            bands = [row for row in rows if row["human_relevant"] is relevant]
            if not bands:
                continue
            bands.sort(key=lambda row: row["jaccard_low"])
            xs = [(row["jaccard_low"] + row["jaccard_high"]) / 2 for row in bands]
            ys = [row["yes"] for row in bands]
            largest = max(row["pairs"] for row in rows)
            axes.plot(xs, ys, color=colour)
            for x, y, row in zip(xs, ys, bands, strict=True):
                axes.plot(x, y, "o", color=colour, markersize=3 + 6 * (row["pairs"] / largest) ** 0.5)
            axes.annotate(
                label, (xs[-1], ys[-1]), xytext=(1.03, ys[-1]),
                textcoords=axes.get_yaxis_transform(), va="center", color=colour,
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.04, 1.04)
        percent(axes.yaxis)
        axes.set_xlabel("word overlap of keyphrase and title (Jaccard)")
        label = (
            "Share the judge calls relevant by word overlap, for pairs people call relevant and irrelevant"
        )
        return svg.finish(drawing, name, label)
