"""How far a judge can be trusted: what `adjudge agree` found, as a page shows it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from adjudge.report import charts_judging as charts
from adjudge.report import formats
from adjudge.report.cells import Cell, estimates, ranged
from adjudge.report.glossary import SEGMENTS
from adjudge.report.judging_glossary import (
    ALWAYS,
    COEFFICIENTS,
    GROUPS,
    MEASURES,
    METHODS,
    ORDERED,
    PROBES,
    SHARES,
    VERDICTS,
)
from adjudge.report.judging_reading import Judging
from adjudge.report.quality import STEPS
from adjudge.report.reading import Row

SHOWN = 12
"""Categories shown at once; the others fold away."""


def verdict(trust: Judging) -> dict[str, Any]:
    """The decision, what it rests on, and what would change it."""
    said = trust.said
    found = said.get("agreement", {}).get(said["statistic"])
    decided = said["verdict"] in ("trusted", "not trusted")
    needed = [row for row in said.get("labels_needed", []) if row["more"] or not decided]
    return {
        "judge": said["judge"],
        "verdict": said["verdict"],
        "means": VERDICTS.get(said["verdict"], ""),
        "reason": said["reason"],
        "statistic": COEFFICIENTS.get(said["statistic"], (said["statistic"], ""))[0],
        "bar": formats.plain(said["bar"]),
        "cell": estimates([found], _unit(said["statistic"]), said["bar"])[0] if found else None,
        "needed": [_needed(row) for row in needed],
        "counts": said["counts"],
        "notes": said.get("notes", []),
        "exit_code": said.get("exit_code"),
    }


def _needed(row: Row) -> dict[str, Any]:
    more = row["more"]
    if more is None:
        text = row["note"] or "cannot be told from these labels"
    elif more == 0:
        text = f"decided: {'yes' if row['value'] > row['bar'] else 'no'}"
    else:
        text = f"about {formats.count(more)} more labelled pairs would decide it"
    return {"question": row["question"], "text": text}


def people(trust: Judging) -> dict[str, Any] | None:
    """Coefficients with intervals, the confusion matrix, and how far annotators agree among themselves."""
    rows = {r["statistic"]: r for r in trust.rows("agreement") if r["segment_by"] == "all"}
    matrix = confusion([r for r in trust.rows("confusion") if r["segment_by"] == "all"])
    if not rows:
        return None
    more = ORDERED if matrix and len(matrix["grades"]) > 2 else ()
    names = [name for name in (*ALWAYS, *more) if name in rows and rows[name]["value"] is not None]
    if not names:
        return None
    ends = [rows[name][key] for name in names for key in ("low", "value") if rows[name][key] is not None]
    scale, lines = (min([0.0, *ends]), 1.0), []
    for name in names:
        bar = trust.said["bar"] if name == trust.said["statistic"] else None
        label, meaning = COEFFICIENTS[name]
        cell = estimates([rows[name]], _unit(name), bar, scale)[0]
        lines.append({"label": label, "meaning": meaning, "cell": cell, "decides": bar is not None})
    alphas = [row for row in trust.rows("annotators") if row["value"] is not None]
    return {
        "lines": lines,
        "matrix": matrix,
        "pairs": next(iter(rows.values()))["pairs"],
        "clusters": next(iter(rows.values()))["clusters"],
        "alphas": list(zip((row["metric"] for row in alphas), estimates(alphas, "decimal"), strict=True)),
    }


def confusion(rows: list[Row]) -> dict[str, Any] | None:
    """People's grade by the judge's: counts, and the share of the row, which shades it."""
    if not any(row["pairs"] for row in rows):
        return None
    grades = list(dict.fromkeys(row["human"] for row in rows))
    cells = {(row["human"], row["judge"]): row["pairs"] for row in rows}
    lines = []
    for human in grades:
        total = sum(cells[human, judge] for judge in grades)
        line = []
        for judge in grades:
            share = cells[human, judge] / total if total else None
            shade = 0 if share is None else round(STEPS * share)
            kind = "up" if human == judge else "down"
            text = formats.share(share, 0)
            line.append({"pairs": cells[human, judge], "share": text, "heat": f"heat-{kind}-{shade}"})
        lines.append((human, total, line))
    return {"grades": grades, "rows": lines}


def segments(trust: Judging) -> dict[str, Any] | None:
    """The statistic that decides, and plain agreement, by part of the pairs; the mark is that of all pairs."""
    name = trust.said["statistic"]
    whole = [r for r in trust.rows("agreement") if r["segment_by"] == "all" and r["statistic"] == name]
    if not whole or whole[0]["value"] is None:
        return None
    middle, groups = whole[0]["value"], []
    for by, title in GROUPS.items():
        own = [r for r in trust.rows("agreement") if r["segment_by"] == by]
        rows = [r for r in own if r["statistic"] == name and r["value"] is not None]
        exact = {r["segment"]: r for r in own if r["statistic"] == "exact"}
        rows.sort(key=lambda row: -row["pairs"])
        if rows:
            cells = estimates(rows, _unit(name), middle)
            lines = [
                (
                    SEGMENTS.get((by, r["segment"]), r["segment"]),
                    r["pairs"],
                    cell,
                    exact[r["segment"]]["value"],
                )
                for r, cell in zip(rows, cells, strict=True)
            ]
            groups.append({"title": title, "rows": lines[:SHOWN], "more": lines[SHOWN:]})
    label = COEFFICIENTS.get(name, (name, ""))[0]
    return (
        {"groups": groups, "statistic": label, "middle": formats.write(middle, _unit(name))}
        if groups
        else None
    )


def clicks(trust: Judging) -> dict[str, Any] | None:
    """What the judge says of pairs that buyers clicked and of those they passed over; COEC by its grade."""
    rows = trust.rows("clicks")
    if not rows:
        return None
    said = {row["measure"]: row for row in rows}
    wanted = [said[name] for name in ("concordance", "yes on ignored") if name in said]
    ratio = [row for row in rows if row["measure"] == "coec" and "/" in row["grade"]]
    grades = [row for row in rows if row["measure"] == "coec" and "/" not in row["grade"]]
    names = {row["grade"] for row in grades}
    if names == {"relevant", "irrelevant"} or not {"relevant", "irrelevant"} < names:
        shown = grades
    else:
        shown = [row for row in grades if row["grade"] not in ("relevant", "irrelevant")]
    shown = [row for row in shown if row["value"] is not None]
    return {
        "shares": list(zip(wanted, estimates(wanted, "share"), strict=True)),
        "coec": list(zip(shown, estimates(shown, "decimal", 1.0), strict=True)),
        "ratio": [(row, estimates([row], "decimal", 1.0)[0]) for row in ratio if row["value"] is not None],
        "floors": trust.said["settings"].get("trust", {}).get("clicks", {}),
    }


def probes(trust: Judging) -> dict[str, Any] | None:
    """Known faults, each with its harmless range and what was found; and the judge's answers by word overlap."""
    rows = trust.rows("probes")
    if not rows:
        return None
    lines: list[dict[str, Any]] = []
    for row in rows:
        name, _, measure = row["probe"].partition(": ")
        label, meaning = PROBES.get(name, (name, row["statistic"]))
        again = any(line["label"] == label for line in lines)
        unit = "share_points" if measure == "shift" or name == "leniency" else "decimal"
        unit = "share" if measure == "flips" else unit
        harmless = (row["harmless_low"], row["harmless_high"])
        cell = ranged(row, unit, harmless, _TONES.get(row["verdict"], ""))
        what = MEASURES.get(measure) or ("odds of “relevant”, high against low" if unit == "decimal" else
                                         "share called relevant, judge less people")  # fmt: skip
        told = formats.span(*harmless, unit, 0 if unit != "decimal" else 2)
        lines.append(
            {
                "label": label,
                "meaning": "" if again else meaning,
                "what": what,
                "cell": cell,
                "verdict": row["verdict"],
                "harmless": told,
            }
        )
    faults = [line["label"] for line in lines if line["verdict"] == "fault"]
    bands = [row for row in trust.rows("overlap") if row["pairs"] and row["yes"] is not None]
    drawn = charts.overlap(bands, "judge-overlap") if len(bands) > 2 else None
    return {"lines": lines, "faults": list(dict.fromkeys(faults)), "overlap": drawn}


_TONES = {"quiet": "better", "fault": "worse", "inconclusive": "same"}


def rates(trust: Judging) -> dict[str, Any] | None:
    """The share of relevant pairs by each method; with segments where there are any."""
    rows = [r for r in trust.rows("rates") if r["segment_by"] == "all" and r["value"] is not None]
    if not rows:
        return None
    cells = estimates(rows, "share")
    lines = [
        {"method": row["method"], "meaning": METHODS.get(row["method"], ""), "cell": cell}
        for row, cell in zip(rows, cells, strict=True)
    ]
    warnings = list(dict.fromkeys(r["note"] for r in rows if r["note"] and r["method"].startswith("ppi")))
    return {
        "lines": lines,
        "labelled": rows[0]["labelled"],
        "judged": rows[0]["judged"],
        "warnings": warnings,
    }


def command(judging: Judging, name: str) -> str:
    """The command that makes the folder again, from the settings it holds."""
    settings: Mapping[str, Any] = judging.said["settings"]
    own = {"agree": ("judgments", "human"), "cascade": ("cheap", "strong")}[name]
    parts = [f"--{key} {shlex.quote(str(settings[key]))}" for key in own if settings.get(key) is not None]
    saved = shlex.quote((judging.folder / "config.json").as_posix())
    out = shlex.quote(judging.folder.as_posix())
    return " \\\n    ".join([f"adjudge {name}", *parts, f"--out {out}", f"--settings {saved}"])


def _unit(statistic: str) -> str:
    return "share" if statistic in SHARES else "decimal"


EMPTY = Cell("–")
