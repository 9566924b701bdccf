"""Curves over the retention, reliability bins and score histograms: what the report draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.evidence import PairEvidence
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.scorecard.threshold import ClickCurve
from adjudge.stats.calibration import are_probabilities, bin_of

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]


def retention_curve(model: str, evidence: PairEvidence, scores: Floats, settings: ScorecardSettings) -> Rows:
    """Rows of results.CURVES: retentions 0.5 to 1, one threshold of all pairs each, none if unreachable."""
    weights = evidence.click_weights(settings.weighting)
    curve = ClickCurve(scores, weights)
    order = np.argsort(-scores, kind="stable")[: int((~np.isnan(scores)).sum())]
    falling = -scores[order]
    rec, search = evidence.recommended, evidence.search
    columns = {
        "clicks": evidence.clicks,
        "sales": evidence.sales,
        "recommended": rec,
        "passed": rec & search.yes,
        "judged": rec & search.known,
    }
    running = {name: np.r_[0, np.cumsum(column[order], dtype=np.int64)] for name, column in columns.items()}
    total = {name: int(column.sum()) for name, column in columns.items()}
    rows: Rows = []
    for retention in np.linspace(0.5, 1.0, settings.curve_points).round(6):
        cut = curve.threshold(weights, float(retention))
        if np.isnan(cut):
            continue
        at = int(np.searchsorted(falling, -cut, side="right"))
        sums = {name: int(values[at]) for name, values in running.items()}
        rows.append(
            {
                "model": model,
                "retention": float(retention),
                "threshold": cut,
                "clicks_kept": _share(sums["clicks"], total["clicks"]),
                "keyphrases_kept": _share(sums["recommended"], total["recommended"]),
                "sales_kept": _share(sums["sales"], total["sales"]),
                "search_pass_rate": _share(sums["passed"], sums["judged"]),
            }
        )
    return rows


def reliability(model: str, evidence: PairEvidence, scores: Floats, bins: int) -> Rows:
    """Rows of results.RELIABILITY against every source that says yes and no; none for scores outside 0..1."""
    base = evidence.recommended & ~np.isnan(scores)
    if not are_probabilities(scores[base]):
        return []
    rows: Rows = []
    for source, verdicts in evidence.sources.items():
        used = base & verdicts.known
        if not used.any() or bool(verdicts.yes[verdicts.known].all()):
            continue
        code = bin_of(scores[used], bins)
        pairs = np.bincount(code, minlength=bins)
        score = np.bincount(code, weights=scores[used], minlength=bins)
        yes = np.bincount(code, weights=verdicts.yes[used], minlength=bins)
        rows += [
            {
                "model": model,
                "against": source,
                "bin_low": b / bins,
                "bin_high": (b + 1) / bins,
                "mean_score": score[b] / pairs[b],
                "share_relevant": yes[b] / pairs[b],
                "pairs": int(pairs[b]),
            }
            for b in np.flatnonzero(pairs).tolist()
        ]
    return rows


def histograms(model: str, evidence: PairEvidence, scores: Floats, bins: int) -> Rows:
    """Rows of results.HISTOGRAMS: how each group scores. Bins span 0..1, or the scores' own range."""
    scored = ~np.isnan(scores)
    low, high = 0.0, 1.0
    if not are_probabilities(scores[scored]):
        low, high = float(scores[scored].min()), float(scores[scored].max())
    search, truth = evidence.search, evidence.truth
    groups = {
        "clicked": evidence.clicks > 0,
        "search passed": search.known & search.yes,
        "search rejected": search.known & ~search.yes,
        "relevant": truth.known & truth.yes,
        "irrelevant": truth.known & ~truth.yes,
    }
    rows: Rows = []
    for group, member in groups.items():
        if not (member & scored).any():
            continue
        pairs, edges = np.histogram(scores[member & scored], bins=bins, range=(low, high))
        rows += [
            {
                "model": model,
                "group": group,
                "bin_low": float(edges[b]),
                "bin_high": float(edges[b + 1]),
                "pairs": int(pairs[b]),
            }
            for b in range(bins)
        ]
    return rows


def _share(above: int, below: int) -> float | None:
    return above / below if below else None
