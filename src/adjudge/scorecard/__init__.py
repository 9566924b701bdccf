"""Business metrics at equal click retention, quality against labels, intervals, segments (paper 1, 3.3).

`evidence.gather` reads a logs folder, `measure.measure` scores models on it, `results` states the tables
of a results folder, `METRICS` states every metric.
"""

from adjudge.scorecard.definitions import METRICS, Metric, metric

__all__ = ["METRICS", "Metric", "metric"]
