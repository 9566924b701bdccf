"""The scorecard's settings. Defaults follow paper 1 where it published a rule; design/0006 says where not."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_choice, check_range
from adjudge.errors import BadConfig


@dataclass(frozen=True)
class ScorecardSettings:
    """What `gather` and `measure` need to know.

    retention: share of click weight the threshold must keep, above 0 and up to 1 (paper 1: 0.95).
    weighting: `clicks` (a pair weighs its clicks) or `pairs` (a clicked pair weighs 1).
    threshold_per: `all`, or `category` (a category with fewer than `category_floor` clicked pairs uses the
        threshold of all).
    head_share: head keyphrases are the most clicked ones that together hold this share of clicks.
    most_categories: the categories with most pairs are segments of their own, the rest is `(other)`.
    cluster: what the bootstrap resamples, `item` or `keyphrase`; `resampling`: `poisson` or `multinomial`.
    replicates: 0 = no intervals. level: of the percentile intervals.
    min_support: a segment's metric with fewer pairs in its denominator is null.
    min_clusters: an interval resting on fewer clusters is null.
    min_impressions, min_clicks, min_ctr: the floors for a click to count as a positive (paper 1, 3.1.2).
    labels: where truth is read from: `truth`, `human` (unanimous annotators), or `auto` (truth, else human).
    ranking: metrics as ir-measures spells them, over steps 0 to 3 of bad, fair, good, excellent;
        ranking_floor: judged items a keyphrase needs; ranking_keyphrases: at most so many, a seeded draw;
        gains: what nDCG makes of those steps unless it spells its own (ESCI's 0, .01, .1, 1 times 100).
    bins: equal-width score bins of reliability and calibration error; histogram_bins: of histograms.
    curve_points: retentions from 0.5 to 1. examples: rows per kind in the table of disagreements.
    """

    retention: float = 0.95
    weighting: str = "clicks"
    threshold_per: str = "all"
    category_floor: int = 200
    head_share: float = 0.9
    most_categories: int = 50
    cluster: str = "item"
    resampling: str = "poisson"
    replicates: int = 500
    level: float = 0.95
    min_support: int = 20
    min_clusters: int = 20
    min_impressions: int = 30
    min_clicks: int = 1
    min_ctr: float = 0.1
    labels: str = "auto"
    ranking: tuple[str, ...] = ("nDCG@10",)
    ranking_floor: int = 5
    ranking_keyphrases: int = 2000
    gains: tuple[int, ...] = (0, 1, 10, 100)
    bins: int = 10
    histogram_bins: int = 20
    curve_points: int = 51
    examples: int = 25

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_range(name, "retention", self.retention, 1e-9, 1)
        check_choice(name, "weighting", self.weighting, ("clicks", "pairs"))
        check_choice(name, "threshold_per", self.threshold_per, ("all", "category"))
        check_range(name, "head_share", self.head_share, 0, 1)
        check_choice(name, "cluster", self.cluster, ("item", "keyphrase"))
        check_choice(name, "resampling", self.resampling, ("poisson", "multinomial"))
        check_range(name, "replicates", self.replicates, 0, 100_000)
        check_range(name, "level", self.level, 0.5, 0.999)
        check_choice(name, "labels", self.labels, ("auto", "truth", "human"))
        check_range(name, "min_ctr", self.min_ctr, 0, 1)
        check_range(name, "bins", self.bins, 2, 100)
        check_range(name, "histogram_bins", self.histogram_bins, 2, 1000)
        check_range(name, "curve_points", self.curve_points, 2, 1001)
        for field in (
            "category_floor",
            "most_categories",
            "min_support",
            "min_clusters",
            "ranking_floor",
            "ranking_keyphrases",
        ):
            check_range(name, field, getattr(self, field), 1, 1_000_000_000)
        for field in ("min_impressions", "min_clicks", "examples"):
            check_range(name, field, getattr(self, field), 0, 1_000_000_000)
        if len(self.gains) != 4 or list(self.gains) != sorted(self.gains) or min(self.gains) < 0:
            raise BadConfig(
                f"{name}.gains is {self.gains}: allowed are 4 whole numbers from 0 up, rising from bad to excellent"
            )
