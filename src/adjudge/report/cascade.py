"""What calls to the strong judge buy: what `adjudge cascade` found, as a page shows it."""

from __future__ import annotations

from typing import Any

from adjudge.records import money
from adjudge.report import charts_judging as charts
from adjudge.report import formats
from adjudge.report.cells import estimates
from adjudge.report.judging_glossary import KINDS, ROUTED
from adjudge.report.judging_reading import Judging
from adjudge.report.reading import Row

PANELS = {"labels": "Agreement with people", "strong judge": "Agreement with the strong judge"}


def routing(cascade: Judging) -> dict[str, Any]:
    """The cascade's verdict, its region, what it saves, and the curve."""
    said = cascade.said
    by_people = said["against"] == "people"
    wanted = ["labels", "strong judge"] if by_people else ["strong judge"]
    curve = cascade.rows("curve")
    drawn, level = [], said["settings"].get("cascade", {}).get("sampling", {}).get("level", 0.95)
    for number, against in enumerate(wanted):
        rows = [row for row in curve if row["against"] == against and row["value"] is not None]
        if len(rows) > 2:
            drawn.append((PANELS[against], charts.calls(rows, PANELS[against], level, f"calls-{number}")))
    return {
        **{key: said[key] for key in ("verdict", "reason", "cheap", "strong", "words")},
        "means": ROUTED.get(said["verdict"], ""),
        "by_people": by_people,
        "target": formats.share(said["target"], 0),
        "level": formats.share(said["level"], 0),
        "first": said.get("first"),
        "second": said.get("second"),
        "share": formats.share(said.get("strong_share")),
        "counts": said.get("counts", {}),
        "notes": said.get("notes", []),
        "more": said.get("more_labels"),
        "money": _money(said.get("money") or {}),
        "charts": drawn,
        "interval": formats.share(level, 0),
        "table": _table(curve, wanted[0]),
    }


def _money(told: dict[str, Any]) -> dict[str, str] | None:
    if told.get("all_strong") is None:
        return None
    saved = told["saved"]
    words = (
        f"{money(saved)} saved"
        if saved >= 0
        else f"{money(-saved)} more, since the cheap judge is not cheap enough"
    )
    return {
        "all_strong": money(told["all_strong"]),
        "cascade": money(told["cascade"]),
        "words": words,
    }


def _table(curve: list[Row], against: str) -> dict[str, Any] | None:
    """The curve's points as a table: the two ends, the cascade, and blind routing at the chosen one."""
    places = {row["place"] for row in curve if row["chosen"]}
    rows = [
        row
        for row in curve
        if row["against"] == against
        and row["value"] is not None
        and (row["kind"] != "random" or row["place"] in places)
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-row["strong_share"], row["kind"] == "random"))
    cells = estimates(rows, "share")
    priced = any(row["money"] is not None for row in rows)
    lines = [
        {
            "name": KINDS.get(row["kind"], row["kind"]),
            "chosen": row["chosen"],
            "share": formats.share(row["strong_share"]),
            "cell": cell,
            "money": "" if row["money"] is None else money(row["money"]),
        }
        for row, cell in zip(rows, cells, strict=True)
    ]
    return {"lines": lines, "priced": priced, "pairs": rows[0]["pairs"], "clusters": rows[0]["clusters"]}
