"""Every metric of the scorecard, stated once: name, unit, kind, direction, definition.

Words used below. A pair's *weight* is its clicks (`weighting="clicks"`) or 1 if it was clicked at all
(`weighting="pairs"`). A pair is *kept* if its score reaches the model's threshold; an unscored pair is
never kept. *Recommended* pairs are those of the `pairs` table. Sums run over the pairs of a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("ratio", "difference", "none")


@dataclass(frozen=True)
class MetricDefinition:
    """One metric. `kind` says how `change` compares with production: `ratio` is value / production - 1 (paper
    1's table), `difference` is value - production, `none` has no change. `higher_is_better` is None if
    neither direction is better by itself."""

    name: str
    label: str
    definition: str
    kind: str = "ratio"
    unit: str = "share"
    higher_is_better: bool | None = True


_ALL = (
    MetricDefinition(
        "threshold",
        "Threshold",
        "the highest observed score at which kept pairs hold at least the retention of all click weight",
        kind="none",
        unit="score",
        higher_is_better=None,
    ),
    MetricDefinition("clicks_kept", "Clicks kept", "clicks of kept pairs / clicks of all pairs"),
    MetricDefinition("sales_kept", "Sales kept", "units sold by kept pairs / by all pairs"),
    MetricDefinition("revenue_kept", "Revenue kept", "revenue of kept pairs / revenue of all pairs"),
    MetricDefinition(
        "keyphrases_kept",
        "Keyphrases kept",
        "kept recommended pairs / recommended pairs; fewer is better only while sales and clicks stay",
        higher_is_better=None,
    ),
    MetricDefinition(
        "keyphrases_kept_item_mean",
        "Keyphrases kept, mean over items",
        "mean over items of (the item's kept recommended pairs / its recommended pairs)",
        higher_is_better=None,
    ),
    MetricDefinition(
        "keyphrases_per_item",
        "Keyphrases per item",
        "kept recommended pairs / items with a recommendation",
        unit="keyphrases",
        higher_is_better=None,
    ),
    MetricDefinition(
        "items_covered",
        "Items with a keyphrase left",
        "items with at least one kept recommended pair / items with a recommendation",
    ),
    MetricDefinition(
        "search_pass_rate",
        "Search pass rate",
        "kept recommended pairs that pass Search / kept recommended pairs on which Search gave a verdict",
    ),
    MetricDefinition(
        "later_clicks_kept",
        "Clicks kept, later window",
        "clicks_kept on clicks_later with the threshold frozen on the first window",
    ),
    MetricDefinition(
        "later_sales_kept",
        "Sales kept, later window",
        "sales_kept on clicks_later with the threshold frozen on the first window",
    ),
    MetricDefinition(
        "precision",
        "Precision",
        "relevant kept recommended pairs / kept recommended pairs with a known label",
        kind="difference",
    ),
    MetricDefinition(
        "recall",
        "Recall",
        "relevant kept recommended pairs / relevant recommended pairs; an unscored relevant pair is missed",
        kind="difference",
    ),
    MetricDefinition(
        "auc",
        "AUC",
        "chance that a relevant recommended pair outscores an irrelevant one, ties counting half; "
        "scored pairs only",
        kind="difference",
    ),
    MetricDefinition(
        "log_loss",
        "Log loss",
        "mean of -ln(probability given to the label); scored recommended pairs with a known label",
        kind="difference",
        unit="nats",
        higher_is_better=False,
    ),
    MetricDefinition(
        "ece",
        "Calibration error",
        "sum over ten equal score bins of |mean score - share relevant| x the bin's share of pairs",
        kind="difference",
        higher_is_better=False,
    ),
)
METRICS: dict[str, MetricDefinition] = {metric.name: metric for metric in _ALL}


def metric(name: str) -> MetricDefinition:
    """The statement of any metric a scorecard may hold; a name not in METRICS is a ranking metric such as
    `nDCG@10`."""
    return METRICS.get(name) or MetricDefinition(
        name,
        name,
        f"{name} (ir-measures) of the judged items of a keyphrase ranked by score, mean over keyphrases",
        kind="difference",
        unit="score",
    )
