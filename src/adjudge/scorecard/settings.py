"""The scorecard's settings. Defaults follow paper 1's published rules; design/0006 says what it left open."""

from __future__ import annotations

from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig
from adjudge.stats.click_floors import ClickFloors
from adjudge.stats.ranking import GAINS

_MOST = 1_000_000_000


@settings
class ScorecardSettings:
    """How thresholds are chosen, which segments and metrics are reported, and how intervals are made."""

    retention: Annotated[
        float, setting("Share of click weight that the threshold must keep (paper 1: 0.95).", ge=1e-9, le=1)
    ] = 0.95
    weighting: Annotated[
        str,
        setting(
            "clicks: a pair weighs its clicks. pairs: every clicked pair weighs 1.",
            choices=("clicks", "pairs"),
        ),
    ] = "clicks"
    threshold_per: Annotated[
        str, setting("One threshold for all pairs, or one per category.", choices=("all", "category"))
    ] = "all"
    category_floor: Annotated[
        int,
        setting(
            "A category with fewer clicked pairs uses the threshold of all.", ge=1, le=_MOST, unit="pairs"
        ),
    ] = 200
    head_share: Annotated[
        float,
        setting("Head keyphrases: the most clicked that together hold this share of clicks.", ge=0, le=1),
    ] = 0.9
    most_categories: Annotated[
        int, setting("Categories with most pairs that are segments; the rest is `(other)`.", ge=1, le=_MOST)
    ] = 50
    cluster: Annotated[str, setting("What the bootstrap resamples.", choices=("item", "keyphrase"))] = "item"
    resampling: Annotated[
        str, setting("How often a replicate counts each cluster.", choices=("poisson", "multinomial"))
    ] = "poisson"
    replicates: Annotated[int, setting("Bootstrap replicates; 0 means no intervals.", ge=0, le=100_000)] = 500
    level: Annotated[float, setting("Level of the percentile intervals.", ge=0.5, le=0.999)] = 0.95
    min_support: Annotated[
        int, setting("A segment's metric over fewer pairs is null.", ge=1, le=_MOST, unit="pairs")
    ] = 20
    min_clusters: Annotated[
        int, setting("An interval that rests on fewer clusters is null.", ge=1, le=_MOST, unit="clusters")
    ] = 20
    min_impressions: Annotated[
        int, setting("Impressions that make a click count as a positive (paper 1, 3.1.2).", ge=0, le=_MOST)
    ] = ClickFloors.impressions
    min_clicks: Annotated[
        int, setting("Clicks that make a pair count as a positive; 0 is read as 1.", ge=0, le=_MOST)
    ] = ClickFloors.clicks
    min_ctr: Annotated[
        float, setting("Clicks per impression that make a pair count as a positive.", ge=0, le=1)
    ] = ClickFloors.ctr
    labels: Annotated[
        str,
        setting(
            "Where the truth is read from: truth, human (unanimous annotators), or auto (truth, else human).",
            choices=("auto", "truth", "human"),
        ),
    ] = "auto"
    ranking: Annotated[
        tuple[str, ...],
        setting(
            "Ranking metrics as ir-measures spells them, over steps 0 to 3 of bad, fair, good, excellent."
        ),
    ] = ("nDCG@10",)
    ranking_floor: Annotated[
        int, setting("Judged items that a keyphrase needs for ranking metrics.", ge=1, le=_MOST, unit="items")
    ] = 5
    ranking_keyphrases: Annotated[
        int, setting("Most keyphrases that ranking metrics are computed on, a seeded draw.", ge=1, le=_MOST)
    ] = 2000
    gains: Annotated[
        tuple[int, ...],
        setting("nDCG's gain of bad, fair, good, excellent, for an nDCG that spells none of its own."),
    ] = GAINS
    bins: Annotated[
        int, setting("Equal-width score bins of reliability and calibration error.", ge=2, le=100)
    ] = 10
    histogram_bins: Annotated[int, setting("Score bins of histograms.", ge=2, le=1000)] = 20
    curve_points: Annotated[int, setting("Points of the retention curve, from 0.5 to 1.", ge=2, le=1001)] = 51
    examples: Annotated[
        int, setting("Rows per kind in the table of disagreements.", ge=0, le=_MOST, unit="pairs")
    ] = 25

    def __post_init__(self) -> None:
        if len(self.gains) != 4 or list(self.gains) != sorted(self.gains) or min(self.gains) < 0:
            raise BadConfig(
                f"ScorecardSettings.gains is {self.gains}: allowed are 4 whole numbers from 0 up, "
                "rising from bad to excellent"
            )

    @property
    def floors(self) -> ClickFloors:
        """Which clicked pairs count as positives."""
        return ClickFloors(self.min_impressions, max(self.min_clicks, 1), self.min_ctr)
