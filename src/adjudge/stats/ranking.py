"""Ranking metrics (nDCG, reciprocal rank, precision at k) of graded documents, through ir-measures.

Everything is arrays: query, document, grade and score are columns [n], one row per judged document of a
query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudge.errors import BadConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
GAINS = (0, 1, 10, 100)
"""nDCG's gain of each step of `four`, worst first: ESCI's 0, 0.01, 0.1 and 1, times 100."""


def parse_metrics(names: Sequence[str], gains: Sequence[int] = GAINS) -> dict[str, Any]:
    """Spelling -> ir-measures metric. An nDCG without gains of its own takes `gains`, by step.

    Raises BadConfig if ir-measures does not know a name.
    """
    import ir_measures

    metrics = {}
    for name in names:
        try:
            metric = ir_measures.parse_measure(name)
        except (ValueError, NameError, SyntaxError) as error:
            raise BadConfig(
                f"ranking metric {name!r} is unknown to ir-measures ({error}): "
                "allowed are e.g. nDCG@10, RR@10, P(rel=2)@5"
            ) from error
        if metric.NAME == "nDCG" and "gains" not in metric.params:
            metric = metric(gains=dict(enumerate(gains)))
        metrics[name] = metric
    return metrics


class JudgedDocuments:
    """The graded documents of queries 0 to Q - 1, prepared once to measure many models on."""

    def __init__(self, query: Ints, document: Ints, grade: Ints) -> None:
        """query, document, grade: [n]. A document's number breaks ties and must be unique in its query."""
        self.queries = int(query.max()) + 1 if len(query) else 0
        self._query = [str(q) for q in query.tolist()]
        self._document = [str(d) for d in document.tolist()]
        self._judged: dict[str, dict[str, int]] = {str(q): {} for q in range(self.queries)}
        for q, name, step in zip(self._query, self._document, grade.tolist(), strict=True):
            self._judged[q][name] = int(step)

    def measure(self, metrics: Mapping[str, Any], scores: Floats) -> dict[str, Floats]:
        """[queries] per metric, of each query's documents ranked by score [n]; NaN means not retrieved.

        A query with nothing retrieved has 0. metrics: as `parse_metrics` gives them.
        """
        import ir_measures

        run: dict[str, dict[str, float]] = {q: {} for q in self._judged}
        for q, name, score in zip(self._query, self._document, scores.tolist(), strict=True):
            if score == score:  # NaN is not equal to itself.
                run[q][name] = score
        values = {name: np.zeros(self.queries) for name in metrics}
        spelled = {str(metric): name for name, metric in metrics.items()}
        for result in ir_measures.iter_calc(list(metrics.values()), self._judged, run):
            values[spelled[str(result.measure)]][int(result.query_id)] = result.value
        return values
