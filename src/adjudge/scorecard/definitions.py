"""Every metric of the scorecard, stated once: name, unit, kind, direction, definition.

Words used below. A pair's *weight* is its clicks (`weighting="clicks"`) or 1 if it was clicked at all
(`weighting="pairs"`). A pair is *kept* when its score reaches the model's threshold; an unscored pair is
never kept. *Recommended* pairs are those of the `pairs` table. Sums run over the pairs of a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("ratio", "difference", "none")


@dataclass(frozen=True)
class Metric:
    """One metric. `kind` says how `change` compares with production: `ratio` is value / production - 1 (paper 1's
    table), `difference` is value - production, `none` has no change. `higher_is_better` is None where
    neither direction is better by itself."""

    name: str
    label: str
    unit: str
    kind: str
    higher_is_better: bool | None
    definition: str


_ALL = (
    Metric(
        "threshold",
        "Threshold",
        "score",
        "none",
        None,
        "the highest observed score at which kept pairs hold at least the retention of all click weight",
    ),
    Metric(
        "clicks_kept", "Clicks kept", "share", "ratio", True, "clicks of kept pairs / clicks of all pairs"
    ),
    Metric("sales_kept", "Sales kept", "share", "ratio", True, "units sold by kept pairs / by all pairs"),
    Metric(
        "revenue_kept", "Revenue kept", "share", "ratio", True, "revenue of kept pairs / revenue of all pairs"
    ),
    Metric(
        "keyphrases_kept",
        "Keyphrases kept",
        "share",
        "ratio",
        None,
        "kept recommended pairs / recommended pairs; fewer is better only while sales and clicks stay",
    ),
    Metric(
        "keyphrases_kept_item_mean",
        "Keyphrases kept, mean over items",
        "share",
        "ratio",
        None,
        "mean over items of (the item's kept recommended pairs / its recommended pairs)",
    ),
    Metric(
        "keyphrases_per_item",
        "Keyphrases per item",
        "keyphrases",
        "ratio",
        None,
        "kept recommended pairs / items with a recommendation",
    ),
    Metric(
        "items_covered",
        "Items with a keyphrase left",
        "share",
        "ratio",
        True,
        "items with at least one kept recommended pair / items with a recommendation",
    ),
    Metric(
        "search_pass_rate",
        "Search pass rate",
        "share",
        "ratio",
        True,
        "kept recommended pairs that pass Search / kept recommended pairs on which Search gave a verdict",
    ),
    Metric(
        "later_clicks_kept",
        "Clicks kept, later window",
        "share",
        "ratio",
        True,
        "clicks_kept on clicks_later with the threshold frozen on the first window",
    ),
    Metric(
        "later_sales_kept",
        "Sales kept, later window",
        "share",
        "ratio",
        True,
        "sales_kept on clicks_later with the threshold frozen on the first window",
    ),
    Metric(
        "precision",
        "Precision",
        "share",
        "difference",
        True,
        "relevant kept recommended pairs / kept recommended pairs with a known label",
    ),
    Metric(
        "recall",
        "Recall",
        "share",
        "difference",
        True,
        "relevant kept recommended pairs / relevant recommended pairs; an unscored relevant pair is missed",
    ),
    Metric(
        "auc",
        "AUC",
        "share",
        "difference",
        True,
        "chance that a relevant recommended pair outscores an irrelevant one, ties counting half; scored pairs only",
    ),
    Metric(
        "log_loss",
        "Log loss",
        "nats",
        "difference",
        False,
        "mean of -ln(probability given to the label); scored recommended pairs with a known label",
    ),
    Metric(
        "ece",
        "Calibration error",
        "share",
        "difference",
        False,
        "sum over ten equal score bins of |mean score - share relevant| x the bin's share of pairs",
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def ranking_metric(name: str) -> Metric:
    """The statement of a ranking metric named as ir-measures spells it, e.g. `nDCG@10`."""
    return Metric(
        name,
        name,
        "score",
        "difference",
        True,
        f"{name} (ir-measures) of the judged items of a keyphrase ranked by score, mean over keyphrases",
    )


def metric(name: str) -> Metric:
    """The statement of any metric a scorecard may hold; a name not in METRICS is a ranking metric."""
    return METRICS.get(name) or ranking_metric(name)
