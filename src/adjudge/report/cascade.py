"""A results folder of `adjudge cascade` as a page shows it: what calls to the strong judge buy."""

from __future__ import annotations

from typing import Any

from adjudge.records import money
from adjudge.report import charts_judging as charts
from adjudge.report import formats
from adjudge.report.cells import estimates
from adjudge.report.glossary import glossary
from adjudge.report.reading import FolderKind, ResultsFolder, Row, Section, Values
from adjudge.report.trust import repeat_command

PANELS = {"labels": "Agreement with people", "strong judge": "Agreement with the strong judge"}
CURVE = (
    *("kind", "against", "strong_share", "value", "low", "high", "pairs", "clusters", "note"),
    *("money", "chosen", "place"),
)


def view(cascade: ResultsFolder) -> Values:
    """The cascade's verdict, its region, what it saves, and the curve."""
    meta, curve = cascade.meta, cascade.rows("curve")
    by_people = meta["against"] == "people"
    panels = ["labels", "strong judge"] if by_people else ["strong judge"]
    level = meta["settings"].get("cascade", {}).get("sampling", {}).get("level", 0.95)
    drawn = []
    for number, against in enumerate(panels):
        rows = [row for row in curve if row["against"] == against and row["value"] is not None]
        if len(rows) > 2:
            drawn.append((PANELS[against], charts.calls(rows, PANELS[against], level, f"calls-{number}")))
    shown = {
        **{key: meta[key] for key in ("verdict", "reason", "cheap", "strong", "words")},
        **{key: meta.get(key) for key in ("first", "second")},
        "means": glossary()["cascade_verdicts"].get(meta["verdict"], ""),
        "by_people": by_people,
        "target": formats.share(meta["target"], 0),
        "level": formats.share(meta["level"], 0),
        "share": formats.share(meta.get("strong_share")),
        "counts": meta.get("counts", {}),
        "notes": meta.get("notes", []),
        "more": meta.get("more_labels"),
        "money": _savings(meta.get("money") or {}),
        "charts": drawn,
        "interval": formats.share(level, 0),
        "table": _curve_table(curve, panels[0]),
    }
    return {"page_title": "A cascade of two judges", "cascade": shown}


def _savings(costs: dict[str, Any]) -> dict[str, str] | None:
    if costs.get("all_strong") is None:
        return None
    saved = costs["saved"]
    words = f"{money(saved)} saved"
    if saved < 0:
        words = f"{money(-saved)} more, since the cheap judge is not cheap enough"
    return {"all_strong": money(costs["all_strong"]), "cascade": money(costs["cascade"]), "words": words}


def _curve_table(curve: list[Row], against: str) -> Values | None:
    """The curve's points as a table: the two ends, the cascade, and random routing at the chosen point."""
    chosen = {row["place"] for row in curve if row["chosen"]}
    rows = [
        row
        for row in curve
        if row["against"] == against
        and row["value"] is not None
        and (row["kind"] != "random" or row["place"] in chosen)
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-row["strong_share"], row["kind"] == "random"))
    kinds = glossary()["curve_kinds"]
    lines = [
        {
            "name": kinds.get(row["kind"], row["kind"]),
            "chosen": row["chosen"],
            "share": formats.share(row["strong_share"]),
            "cell": cell,
            "money": "" if row["money"] is None else money(row["money"]),
        }
        for row, cell in zip(rows, estimates(rows, "share"), strict=True)
    ]
    priced = any(row["money"] is not None for row in rows)
    return {"lines": lines, "priced": priced, "pairs": rows[0]["pairs"], "clusters": rows[0]["clusters"]}


CASCADE = FolderKind(
    name="cascade",
    command="adjudge cascade",
    marker="cascade.json",
    document="cascade.json",
    keys=("verdict", "reason", "cheap", "strong", "against", "words", "target", "level", "settings"),
    tables={"curve": CURVE},
    sections=(Section("cascade", "A cheap judge, and a strong one for the rest", ("cascade",), leads=True),),
    view=view,
    terms="judge_terms",
    head="head_judge",
    reproduce=lambda folder: repeat_command(folder, "cascade", ("cheap", "strong")),
)
