"""A results folder of `adjudge agree` as a page shows it: how far a judge can be trusted."""

from __future__ import annotations

import shlex
from typing import Any

from adjudge.report import charts_judging as charts
from adjudge.report import formats
from adjudge.report.cells import estimates, ranged
from adjudge.report.glossary import glossary, segment_name
from adjudge.report.quality import STEPS
from adjudge.report.reading import FolderKind, ResultsFolder, Row, Section, Values

SHOWN = 12
"""Categories shown at once; the others fold away."""
SHARES = ("exact", "within_one", "balanced")
"""Coefficients that are shares of pairs; the others run from below 0 to 1."""
ALWAYS = ("kappa", "pabak", "ac1", "exact", "balanced")
ORDERED = ("within_one", "kappa_nominal", "kappa_linear")
"""Further ones if the scale has three grades or more."""
_TONES = {"quiet": "better", "fault": "worse", "inconclusive": "same"}
_ESTIMATE = ("value", "low", "high", "pairs", "clusters", "note")
TABLES = {
    "agreement": ("segment_by", "segment", "statistic", *_ESTIMATE),
    "confusion": ("segment_by", "segment", "human", "judge", "pairs"),
    "annotators": ("statistic", "metric", *_ESTIMATE),
    "clicks": ("measure", "grade", *_ESTIMATE),
    "probes": ("probe", "statistic", "verdict", "harmless_low", "harmless_high", *_ESTIMATE),
    "overlap": ("jaccard_low", "jaccard_high", "human_relevant", "pairs", "yes", "wrong"),
    "rates": ("segment_by", "segment", "method", "value", "low", "high", "labelled", "judged", "note"),
    "labels_needed": ("question", "value", "bar", "labels", "more", "note"),
}
SECTIONS = (
    Section("judge", "How far can the judge be trusted?", ("judge",), leads=True),
    Section("judge_people", "The judge against people", ("judge_people",)),
    Section("judge_segments", "Where it agrees with people", ("judge_segments",)),
    Section("judge_clicks", "The judge against buyers' clicks", ("judge_clicks",)),
    Section("judge_probes", "Known faults of judges, looked for", ("judge_probes",)),
    Section("judge_rates", "What share of pairs is relevant?", ("judge_rates",)),
)


def view(trust: ResultsFolder) -> Values:
    """All that the templates show."""
    return {
        "page_title": f"The judge {trust.meta['judge']}",
        "judge": verdict(trust),
        "judge_level": formats.share(trust.meta["level"], 0),
        "judge_people": people(trust),
        "judge_segments": segments(trust),
        "judge_clicks": clicks(trust),
        "judge_probes": probes(trust),
        "judge_rates": rates(trust),
    }


def repeat_command(folder: ResultsFolder, name: str, settings: tuple[str, ...]) -> list[str]:
    """The command that makes a folder again: some settings by name, and all of them from the file that it
    holds.

    Folders of earlier versions hold config.json instead of settings.json.
    """
    stated = folder.meta["settings"]
    options = [f"--{key} {shlex.quote(str(stated[key]))}" for key in settings if stated.get(key) is not None]
    old = (folder.path / "config.json").exists() and not (folder.path / "settings.json").exists()
    file = folder.path / ("config.json" if old else "settings.json")
    out = shlex.quote(folder.path.as_posix())
    words = [f"adjudge {name}", *options, f"--out {out}", f"--settings {shlex.quote(file.as_posix())}"]
    return [" \\\n    ".join(words)]


def verdict(trust: ResultsFolder) -> Values:
    """The decision, what it rests on, and what would change it."""
    meta = trust.meta
    estimate = meta.get("agreement", {}).get(meta["statistic"])
    decided = meta["verdict"] in ("trusted", "not trusted")
    needed = [row for row in meta.get("labels_needed", []) if row["more"] or not decided]
    return {
        "judge": meta["judge"],
        "verdict": meta["verdict"],
        "means": glossary()["verdicts"].get(meta["verdict"], ""),
        "reason": meta["reason"],
        "statistic": _label(meta["statistic"]),
        "bar": formats.plain(meta["bar"]),
        "cell": estimates([estimate], _unit(meta["statistic"]), meta["bar"])[0] if estimate else None,
        "needed": [_needed(row) for row in needed],
        "counts": meta["counts"],
        "notes": meta.get("notes", []),
        "exit_code": meta.get("exit_code"),
    }


def _needed(row: Row) -> dict[str, Any]:
    more = row["more"]
    if more is None:
        text = row["note"] or "cannot be computed from these labels"
    elif more == 0:
        text = f"decided: {'yes' if row['value'] > row['bar'] else 'no'}"
    else:
        text = f"about {formats.count(more)} more labelled pairs would decide it"
    return {"question": row["question"], "text": text}


def people(trust: ResultsFolder) -> Values | None:
    """Coefficients with intervals, the confusion matrix, and how far annotators agree among themselves."""
    rows = {r["statistic"]: r for r in trust.rows("agreement") if r["segment_by"] == "all"}
    matrix = confusion([r for r in trust.rows("confusion") if r["segment_by"] == "all"])
    more = ORDERED if matrix and len(matrix["grades"]) > 2 else ()
    names = [name for name in (*ALWAYS, *more) if name in rows and rows[name]["value"] is not None]
    if not names:
        return None
    ends = [rows[name][key] for name in names for key in ("low", "value") if rows[name][key] is not None]
    scale, lines = (min([0.0, *ends]), 1.0), []
    for name in names:
        bar = trust.meta["bar"] if name == trust.meta["statistic"] else None
        label, meaning = glossary()["coefficients"][name]
        cell = estimates([rows[name]], _unit(name), bar, scale)[0]
        lines.append({"label": label, "meaning": meaning, "cell": cell, "decides": bar is not None})
    alphas = [row for row in trust.rows("annotators") if row["value"] is not None]
    first = next(iter(rows.values()))
    return {
        "lines": lines,
        "matrix": matrix,
        "pairs": first["pairs"],
        "clusters": first["clusters"],
        "alphas": list(zip((row["metric"] for row in alphas), estimates(alphas, "decimal"), strict=True)),
    }


def confusion(rows: list[Row]) -> Values | None:
    """People's grade by the judge's: counts, and the share of the row, which shades it."""
    if not any(row["pairs"] for row in rows):
        return None
    grades = list(dict.fromkeys(row["human"] for row in rows))
    pairs = {(row["human"], row["judge"]): row["pairs"] for row in rows}
    lines = []
    for human in grades:
        total = sum(pairs[human, judge] for judge in grades)
        line = []
        for judge in grades:
            share = pairs[human, judge] / total if total else None
            kind = "up" if human == judge else "down"
            heat = f"heat-{kind}-{0 if share is None else round(STEPS * share)}"
            line.append({"pairs": pairs[human, judge], "share": formats.share(share, 0), "heat": heat})
        lines.append((human, total, line))
    return {"grades": grades, "rows": lines}


def segments(trust: ResultsFolder) -> Values | None:
    """The statistic that decides, and plain agreement, by segment; the mark is that of all pairs."""
    name, rows = trust.meta["statistic"], trust.rows("agreement")
    overall = [r["value"] for r in rows if r["segment_by"] == "all" and r["statistic"] == name]
    if not overall or overall[0] is None:
        return None
    groups = []
    for by, title in glossary()["judge_groupings"].items():
        exact = {r["segment"]: r for r in rows if r["segment_by"] == by and r["statistic"] == "exact"}
        parts = [r for r in rows if r["segment_by"] == by and r["statistic"] == name]
        parts = sorted((r for r in parts if r["value"] is not None), key=lambda row: -row["pairs"])
        lines = [
            (segment_name(by, row["segment"]), row["pairs"], cell, exact[row["segment"]]["value"])
            for row, cell in zip(parts, estimates(parts, _unit(name), overall[0]), strict=True)
        ]
        if lines:
            groups.append({"title": title, "rows": lines[:SHOWN], "more": lines[SHOWN:]})
    middle = formats.write(overall[0], _unit(name))
    return {"groups": groups, "statistic": _label(name), "middle": middle} if groups else None


def clicks(trust: ResultsFolder) -> Values | None:
    """What the judge says of pairs that buyers clicked and of those they passed over; COEC by its grade."""
    rows = trust.rows("clicks")
    if not rows:
        return None
    by_measure = {row["measure"]: row for row in rows}
    shares = [by_measure[name] for name in ("concordance", "yes on ignored") if name in by_measure]
    coec = [row for row in rows if row["measure"] == "coec" and row["value"] is not None]
    grades = [row for row in coec if "/" not in row["grade"]]
    names = {row["grade"] for row in rows if row["measure"] == "coec" and "/" not in row["grade"]}
    if names > {"relevant", "irrelevant"}:  # On a finer scale the two sums repeat what its grades say.
        grades = [row for row in grades if row["grade"] not in ("relevant", "irrelevant")]
    ratios = [row for row in coec if "/" in row["grade"]]
    return {
        "shares": list(zip(shares, estimates(shares, "share"), strict=True)),
        "coec": list(zip(grades, estimates(grades, "decimal", 1.0), strict=True)),
        "ratio": [(row, estimates([row], "decimal", 1.0)[0]) for row in ratios],
        "floors": trust.meta["settings"].get("trust", {}).get("clicks", {}),
    }


def probes(trust: ResultsFolder) -> Values | None:
    """Known faults, each with its harmless range and what was found; the judge's answers by word overlap."""
    rows = trust.rows("probes")
    if not rows:
        return None
    lines: list[Values] = []
    for row in rows:
        name, _, measure = row["probe"].partition(": ")
        label, meaning = glossary()["probes"].get(name, (name, row["statistic"]))
        again = any(line["label"] == label for line in lines)
        unit = "share_points" if measure == "shift" or name == "leniency" else "decimal"
        unit = "share" if measure == "flips" else unit
        harmless = (row["harmless_low"], row["harmless_high"])
        odds = "odds of “relevant”, high against low"
        usual = odds if unit == "decimal" else "share called relevant, judge less people"
        lines.append(
            {
                "label": label,
                "meaning": "" if again else meaning,
                "what": glossary()["probe_measures"].get(measure, usual),
                "cell": ranged(row, unit, harmless, _TONES.get(row["verdict"], "")),
                "verdict": row["verdict"],
                "harmless": formats.span(*harmless, unit, 0 if unit != "decimal" else 2),
            }
        )
    faults = [line["label"] for line in lines if line["verdict"] == "fault"]
    bands = [row for row in trust.rows("overlap") if row["pairs"] and row["yes"] is not None]
    drawn = charts.overlap(bands, "judge-overlap") if len(bands) > 2 else None
    return {"lines": lines, "faults": list(dict.fromkeys(faults)), "overlap": drawn}


def rates(trust: ResultsFolder) -> Values | None:
    """The share of relevant pairs by each method."""
    rows = [r for r in trust.rows("rates") if r["segment_by"] == "all" and r["value"] is not None]
    if not rows:
        return None
    meanings = glossary()["rate_methods"]
    lines = [
        {"method": row["method"], "meaning": meanings.get(row["method"], ""), "cell": cell}
        for row, cell in zip(rows, estimates(rows, "share"), strict=True)
    ]
    warnings = list(dict.fromkeys(r["note"] for r in rows if r["note"] and r["method"].startswith("ppi")))
    labelled, judged = rows[0]["labelled"], rows[0]["judged"]
    return {"lines": lines, "labelled": labelled, "judged": judged, "warnings": warnings}


def _label(statistic: str) -> str:
    return str(glossary()["coefficients"].get(statistic, (statistic,))[0])


def _unit(statistic: str) -> str:
    return "share" if statistic in SHARES else "decimal"


TRUST = FolderKind(
    name="trust",
    command="adjudge agree",
    marker="agree.json",
    document="agree.json",
    keys=("judge", "verdict", "reason", "statistic", "bar", "level", "counts", "settings"),
    tables=TABLES,
    sections=SECTIONS,
    view=view,
    terms="judge_terms",
    head="head_judge",
    reproduce=lambda folder: repeat_command(folder, "agree", ("judgments", "human")),
)
