"""A results folder as `evaluate` would write it, drawn from a seed: what the report's tests read.

It goes through `scorecard.results.write`, so it has exactly the columns and keys that evaluate writes.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.scorecard import definitions
from adjudge.scorecard.results import rows, write

PRODUCTION = "search+-"
# model -> keyphrases, sales, search pass rate as change; AUC; later clicks kept
BUSINESS = {
    "search+-": (0.0, 0.0, 0.0, 0.861, 0.948),
    "click+ llm-": (-0.22, -0.03, 0.31, 0.902, 0.951),
    "llm+-": (-0.41, 0.035, 0.52, 0.953, 0.949),
    "click+ llm+-": (-0.37, 0.012, 0.49, 0.948, 0.952),
    "click+ search-": (-0.08, -0.06, 0.18, 0.874, 0.944),
    "tuned+-": (-0.18, -0.02, 0.22, 0.931, 0.931),
    "jaccard": (0.24, -0.11, -0.21, 0.744, 0.950),
    "ctr": (0.11, -0.04, -0.05, 0.702, 0.946),
    "cosine": (0.05, -0.05, 0.03, 0.838, 0.949),
}
BASE = {"keyphrases_kept": 0.62, "sales_kept": 0.941, "search_pass_rate": 0.48}
CATEGORIES = ("Cell phone cases", "Guitar pedals", "Running shoes", "Coffee grinders", "Vintage watches")
LABELLED = {"student": 0.851, "cosine": 0.822, "jaccard": 0.748}
TITLES = (
    "Genuine 15V 4A Power AC Adapter Laptop Charger For Surface Pro 3 4 5 6",
    "Slim Leather Wallet Case for Phone 12, yellow, with card slots",
    "Boss DS-1 Distortion Pedal – boxed, near mint",
    'Men\'s trail running shoes size 10 "wide fit" & <b>waterproof</b>',
)


def market(out: Path, seed: int = 7, titles: tuple[str, ...] = TITLES) -> Path:
    """A simulated market with six recipes and three baselines, every table filled."""
    rng = np.random.default_rng(seed)
    tables = {
        "scorecard": rows("scorecard", _market_scorecard(rng)),
        "curves": rows("curves", _curves()),
        "reliability": rows("reliability", _reliability(rng, list(BUSINESS), ("truth", "human"))),
        "histograms": rows("histograms", _histograms(list(BUSINESS))),
        "agreement": rows("agreement", _agreement()),
        "disagreements": rows("disagreements", _disagreements(rng, titles)),
        "sources": rows("sources", _sources(rng)),
        "conflicts": rows("conflicts", _conflicts()),
    }
    write(out, tables, _meta("Keyphrase filters on a simulated market", list(BUSINESS), True))
    return out


def labelled(out: Path, seed: int = 7) -> Path:
    """A labelled set without clicks: quality per source, no business metric, nothing simulated."""
    rng = np.random.default_rng(seed)
    card = []
    for model, auc in LABELLED.items():
        for by, segment, gap in (("all", "all", 0), ("source", "dev", -0.01), ("source", "test", 0.012)):
            card += [
                _quality(model, "auc", by, segment, auc + gap, 0.02),
                _quality(model, "nDCG@10", by, segment, auc - 0.03, 0.03),
            ]
    tables = {
        "scorecard": rows("scorecard", card),
        "reliability": rows("reliability", _reliability(rng, list(LABELLED), ("truth",))),
        "histograms": rows("histograms", _histograms(list(LABELLED))),
    }
    meta = _meta("Shopping queries, human labels", list(LABELLED), False)
    meta["metrics"]["nDCG@10"] = _stated(definitions.metric("nDCG@10"))
    meta["production"] = None
    meta["counts"] = {"pairs": 3_500, "items": 3_200, "keyphrases": 410, "clicks": 0, "labelled": 3_500}
    write(out, tables, meta)
    return out


def _market_scorecard(rng: np.random.Generator) -> list[dict[str, Any]]:
    card = []
    segments = [("all", "all"), *(("category", name) for name in CATEGORIES)]
    segments += [("volume", "head"), ("volume", "tail"), ("words", "one"), ("words", "more")]
    for model, (*changes, auc, later) in BUSINESS.items():
        for by, segment in segments:
            wide = 0.012 if by == "all" else 0.05
            for metric, change in zip(BASE, changes, strict=True):
                shift = 0.0 if by == "all" or model == PRODUCTION else float(rng.normal(0, 0.08))
                card.append(_business(model, metric, by, segment, change + shift, wide))
            drift = 0.0 if by == "all" else float(rng.normal(0, 0.02))
            card.append(_quality(model, "auc", by, segment, min(auc + drift, 0.995), wide / 2))
        card += [
            _quality(model, "precision", "all", "all", auc - 0.09, 0.008),
            _quality(model, "recall", "all", "all", 0.93, 0.01),
        ]
        card += [
            _quality(model, "later_clicks_kept", "all", "all", later, 0.006),
            _quality(model, "clicks_kept", "all", "all", 0.9504, 0.004),
        ]
        card.append(_quality(model, "threshold", "all", "all", 0.31, 0.02))
    return card


def _business(model: str, metric: str, by: str, segment: str, change: float, wide: float) -> dict[str, Any]:
    value, own = BASE[metric] * (1 + change), model == PRODUCTION
    return {
        **_quality(model, metric, by, segment, value, wide * BASE[metric]),
        "change": 0.0 if own else change,
        "change_low": 0.0 if own else change - wide,
        "change_high": 0.0 if own else change + wide * 1.1,
    }


def _quality(model: str, metric: str, by: str, segment: str, value: float, wide: float) -> dict[str, Any]:
    return {
        "model": model,
        "metric": metric,
        "segment_by": by,
        "segment": segment,
        "value": value,
        "low": value - wide,
        "high": min(value + wide, 1.0),
        "support": 120_000 if by == "all" else 18_421,
    }


def _curves() -> list[dict[str, Any]]:
    found = []
    for model, (keyphrases, sales, passed, auc, _) in BUSINESS.items():
        for retention in np.linspace(0.6, 1.0, 41):
            spent = (retention - 0.6) / 0.4
            kept = min(1.0, BASE["keyphrases_kept"] * (1 + keyphrases) * retention / 0.95) ** (
                1 + 3 * (auc - 0.7)
            )
            found.append(
                {
                    "model": model,
                    "retention": float(retention),
                    "threshold": float(1 - spent),
                    "clicks_kept": float(retention),
                    "keyphrases_kept": float(kept + (1 - kept) * spent**9),
                    "sales_kept": float(min(1.0, retention * (1 + sales / 2))),
                    "search_pass_rate": float(0.4 + (0.48 * (1 + passed) - 0.4) * (1 - 0.8 * spent**6)),
                }
            )
    return found


def _bins(count: int) -> list[tuple[float, float]]:
    return [(float(low), float(high)) for low, high in pairwise(np.linspace(0, 1, count + 1))]


def _reliability(
    rng: np.random.Generator, models: list[str], against: tuple[str, ...]
) -> list[dict[str, Any]]:
    return [
        {
            "model": model,
            "against": other,
            "bin_low": low,
            "bin_high": high,
            "mean_score": (low + high) / 2,
            "share_relevant": float(np.clip((low + high) / 2 + rng.normal(0, 0.06), 0, 1)),
            "pairs": int(50 + 4000 * abs(low - 0.45) ** 2),
        }
        for model in models
        for other in against
        for low, high in _bins(10)
    ]


def _histograms(models: list[str]) -> list[dict[str, Any]]:
    peaks = {
        "clicked": 0.85,
        "search passed": 0.7,
        "search rejected": 0.25,
        "relevant": 0.9,
        "irrelevant": 0.12,
    }
    return [
        {
            "model": model,
            "group": group,
            "bin_low": low,
            "bin_high": high,
            "pairs": int(20_000 * np.exp(-(((low + high) / 2 - peak) ** 2) / (0.03 + 0.02 * place))),
        }
        for place, model in enumerate(models)
        for group, peak in peaks.items()
        for low, high in _bins(20)
    ]


def _agreement() -> list[dict[str, Any]]:
    table = (
        ("clicks", "llm", 40_112, 0.91, None),
        ("clicks", "search", 40_300, 1.0, None),
        ("search", "llm", 120_000, 0.71, 0.38),
        ("human (unanimous)", "llm", 3_890, 0.66, 0.29),
        ("human (unanimous)", "tuned", 3_890, 0.88, 0.73),
        ("search", "tuned", 120_000, 0.74, 0.44),
        ("llm", "tuned", 120_000, 0.79, 0.52),
        ("truth", "llm", 120_000, 0.87, 0.71),
        ("truth", "tuned", 120_000, 0.84, 0.66),
        ("truth", "search", 120_000, 0.78, 0.49),
    )
    keys = ("source_a", "source_b", "pairs", "agree", "kappa")
    return [dict(zip(keys, line, strict=True)) for line in table]


def _disagreements(rng: np.random.Generator, titles: tuple[str, ...]) -> list[dict[str, Any]]:
    whys = ("models", "llm says relevant, search says not", "search says relevant, truth says not")
    return [
        {
            "why": why,
            "item_id": f"i{1000 + number}",
            "keyphrase": ("microsoft surface charger", "phone case", "distortion pedal", "wide trail shoes")[
                number % 4
            ],
            "category": CATEGORIES[number % len(CATEGORIES)],
            "title": titles[number % len(titles)],
            "sources": "search no; llm yes; human bad,fair,bad; 12 clicks in 300 impressions",
            "scores": "llm+- 0.93 kept; search+- 0.12 dropped; click+ llm- 0.71 kept; jaccard none",
            "gap": float(rng.uniform(0.3, 0.98)),
        }
        for why in whys
        for number in range(20)
    ]


def _sources(rng: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {"recipe": recipe, "source": term.rstrip("+-"), "split": split, **_counts(rng, term, size)}
        for recipe in list(BUSINESS)[:6]
        for term in recipe.split()
        for split, size in (("train", 60_000), ("dev", 7_000), ("test", 7_000))
    ]


def _counts(rng: np.random.Generator, term: str, size: int) -> dict[str, int]:
    positives = int(rng.integers(size // 2, size)) if "+" in term else 0
    negatives = int(rng.integers(size // 2, size)) if "-" in term else 0
    return {"positives": positives, "negatives": negatives, "rows": positives + negatives}


def _conflicts() -> list[dict[str, Any]]:
    keys = ("recipe", "winner", "loser", "pairs", "winner_says")
    table = (
        ("click+ llm-", "click", "llm", 3_104, "relevant"),
        ("click+ llm+-", "click", "llm", 3_104, "relevant"),
    )
    return [dict(zip(keys, line, strict=True)) for line in table]


def _stated(metric: Any) -> dict[str, Any]:
    return {key: getattr(metric, key) for key in ("label", "unit", "kind", "higher_is_better", "definition")}


def _meta(title: str, models: list[str], simulated: bool) -> dict[str, Any]:
    facts = {"scored": 120_000, "unscored": 12, "missing": 0, "version": "0123456789ab", "note": None}
    return {
        "title": title,
        "simulated": simulated,
        "simulated_what": ["the market", "its clicks and sales", "the judges"] if simulated else [],
        "production": PRODUCTION,
        "models": {model: {"threshold": 0.31 + 0.04 * n, **facts} for n, model in enumerate(models)},
        "metrics": {
            name: _stated(definition) for name, definition in definitions.metric_definitions().items()
        },
        "counts": {"pairs": 120_000, "items": 9_800, "keyphrases": 21_040, "clicks": 310_221, "sales": 9_120},
        "settings": {
            "logs": "runs/demo/logs",
            "settings": {"retention": 0.95, "draws": 1000, "weighting": "clicks"},
            "seed": 7,
        },
        "seed": 7,
        "seconds": 12.4,
        "versions": {"adjudge": "0.1.0", "duckdb": "2.0.0", "numpy": "2.4.6"},
        "notes": ["Revenue was not logged, so revenue kept is absent."],
    }
