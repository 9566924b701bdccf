"""The words of a report, read from glossary.yaml, and how each metric is written."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.config import read_values

PAPER_TABLE = ("keyphrases_kept", "sales_kept", "search_pass_rate")
QUALITY = ("auc", "precision", "recall")
CALIBRATION = ("ece", "log_loss")
BUSINESS = (
    "clicks_kept",
    "sales_kept",
    "revenue_kept",
    "keyphrases_kept",
    "keyphrases_per_item",
    "keyphrases_kept_item_mean",
    "items_covered",
    "search_pass_rate",
)
LATER = ("later_clicks_kept", "later_sales_kept")
_UNITS = {"share": "share", "score": "decimal", "nats": "decimal", "keyphrases": "decimal"}
_DECIMAL = ("auc",)
"""Shares by unit that the field writes as plain numbers."""


@functools.cache
def glossary() -> Mapping[str, Any]:
    """All words, by the headings of glossary.yaml."""
    return read_values(Path(__file__).with_name("glossary.yaml"))


def segment_name(by: str, segment: str) -> str:
    """A segment as the page writes it: `one word` for `one` of `words`; categories stay as they are."""
    return str(glossary()["segments"].get(by, {}).get(segment, segment))


@dataclass(frozen=True)
class MetricStyle:
    """A metric as the page writes it. `unit` and `change_unit` are names in `formats.UNITS`."""

    name: str
    label: str
    unit: str
    change_unit: str
    higher_is_better: bool | None
    definition: str
    plain: str


def metric_style(name: str, meta: Mapping[str, Any]) -> MetricStyle:
    """The metric as `meta.json` states it; one not stated is shown under its own name as a plain number."""
    stated = meta.get("metrics", {}).get(name, {})
    unit = "decimal" if name in _DECIMAL else _UNITS.get(stated.get("unit", ""), "decimal")
    difference = "points" if unit == "decimal" else "share_points"
    return MetricStyle(
        name=name,
        label=stated.get("label", name.replace("_", " ")),
        unit=unit,
        change_unit="change" if stated.get("kind") == "ratio" else difference,
        higher_is_better=stated.get("higher_is_better"),
        definition=_sentence(stated.get("definition", "")),
        plain=glossary()["metrics"].get(name, ""),
    )


def _sentence(text: str) -> str:
    """With a capital if the first word is a plain one: names such as nDCG@10 or clicks_kept stay."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
