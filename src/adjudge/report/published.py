"""What paper 1 published (arXiv 2505.04209, Table 1): shown beside a user's own figures, never mixed with
them.

Relative change against eBay's production model, each model at the threshold that keeps 95 % of the clicks.
"""

from __future__ import annotations

SOURCE = "arXiv 2505.04209, Table 1"
METRICS = ("keyphrases_kept", "sales_kept", "search_pass_rate")

_TABLE = {
    "search+-": (0.0, 0.0, 0.0),
    "click+ llm-": (-0.31, -0.48, 1.03),
    "llm+-": (-0.68, 0.10, 0.97),
    "click+ llm+-": (-0.55, -0.23, 1.00),
    "click+ search-": (-0.26, -0.60, 0.82),
    "tuned+-": (0.07, -0.20, 0.56),
}


def change(model: str, metric: str) -> float | None:
    """eBay's published change for the same recipe, in any order of its sources; None if there is none.

    >>> change("llm- click+", "sales_kept"), change("human+-", "sales_kept")
    (-0.48, None)
    """
    spelling = " ".join(sorted(model.split()))
    row = _TABLE.get(spelling)
    return row[METRICS.index(metric)] if row and metric in METRICS else None
