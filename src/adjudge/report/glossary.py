"""The page's own words: how a metric is written, its meaning without jargon, and the terms of the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

PLAIN = {
    "clicks_kept": "Set by the threshold: every model is held to the same share, so that the rest can be compared.",
    "sales_kept": "What the filter costs: sales on pairs it drops are lost to advertising.",
    "keyphrases_kept": "How long the list stays that sellers see. Shorter is cleaner, as long as sales hold.",
    "search_pass_rate": "A kept keyphrase that Search rejects can never earn anything; higher wastes fewer bids.",
    "auc": "0.5 is a coin, 1 is perfect. It looks at the order of the scores alone and needs no threshold.",
    "precision": "How many of the keyphrases shown to sellers are truly relevant.",
    "recall": "How many of the truly relevant keyphrases sellers still get to see.",
    "log_loss": "Punishes confident mistakes; lower is better.",
    "ece": "How far a score is from the share that is really relevant at that score; lower is better.",
    "later_clicks_kept": "Whether a threshold chosen on one period still holds on the next.",
}

TERMS = {
    "Click retention": "The share of all clicks on pairs that the filter keeps. Every model gets the highest threshold "
    "that still keeps the target share (95 % in the paper): models are compared at equal cost to buyers.",
    "Threshold": "A pair is kept when its score is at least the threshold. It is chosen on one period and then frozen.",
    "Recipe": "A short spelling of the labels a model learned from. “click+ llm-” reads: positives from clicks, "
    "negatives from the language-model judge. “search+-” takes both from Search.",
    "Production": "The model in service today. Every change is measured against it, so its own row is zero.",
    "Interval": "The range in which the figure falls in most redraws of the data, 95 of 100 unless the page says otherwise (bootstrap; pairs that belong "
    "together, such as those of one item, are drawn together). An interval that holds zero cannot tell a model from production.",
    "Segment": "A part of the pairs measured on its own: a category, head or tail keyphrases by volume, one word or more.",
    "Kappa": "Cohen's kappa: how far two sources agree beyond what chance alone would give. 0 is chance, 1 is full agreement.",
    "Reliability": "Pairs are put in bins by score; a dot shows the share of the bin that is relevant. On the "
    "diagonal a score of 0.8 means relevant eight times in ten.",
}

GROUPINGS = {
    "volume": "Search volume",
    "words": "Words in the keyphrase",
    "source": "Source",
    "category": "Category, most pairs first",
}
SEGMENTS = {
    ("volume", "head"): "head: the few most clicked",
    ("volume", "tail"): "tail: all others",
    ("words", "one"): "one word",
    ("words", "more"): "two words or more",
}
AGAINST = {
    "truth": "Against the truth",
    "human": "Against unanimous human labels",
    "search": "Against Search's verdict",
}
_UNITS = {"share": "share", "score": "decimal", "nats": "decimal", "keyphrases": "decimal"}
_DECIMAL = ("auc",)  # shares by unit that the field writes as plain numbers


@dataclass(frozen=True)
class Metric:
    """A metric as the page writes it. `unit` and `change_unit` are names in `formats.UNITS`."""

    name: str
    label: str
    unit: str
    change_unit: str
    higher_is_better: bool | None
    definition: str
    plain: str


def metric(name: str, meta: Mapping[str, Any]) -> Metric:
    """The metric as `meta.json` states it; one it does not state is shown under its own name as a plain number."""
    stated = meta.get("metrics", {}).get(name, {})
    unit = "decimal" if name in _DECIMAL else _UNITS.get(stated.get("unit", ""), "decimal")
    difference = "points" if unit == "decimal" else "share_points"
    return Metric(
        name=name,
        label=stated.get("label", name.replace("_", " ")),
        unit=unit,
        change_unit="change" if stated.get("kind") == "ratio" else difference,
        higher_is_better=stated.get("higher_is_better"),
        definition=_sentence(stated.get("definition", "")),
        plain=PLAIN.get(name, ""),
    )


def _sentence(text: str) -> str:
    """With a capital where the first word is a plain one: names such as nDCG@10 or clicks_kept stay as they are."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
