"""Settings of a recipe: every floor, cap and choice; the defaults are paper 1's wherever it states them."""

from __future__ import annotations

from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig
from adjudge.records import SCALES, SPLITS
from adjudge.storage.duck import check_memory

TARGETS = ("binary", "probability", "ordinal")
CONFLICTS = ("first", "drop", "majority", "positive", "negative")
BALANCES = ("none", "downsample", "weights")
SPLIT_BY = ("item", "keyphrase", "both")
UNANIMOUS_ON = ("grade", "label")
_MOST = 10**12


@settings
class RecipeSettings:
    """How sources become labels (paper 1, sections 3.1.1 and 3.1.2; docs/recipes.md explains each)."""

    target: Annotated[
        str,
        setting(
            "binary: 0 or 1; probability: the same, and the probability filled in; ordinal: 0, 1 or 2 of "
            "ordinal3.",
            choices=TARGETS,
        ),
    ] = "binary"
    conflict: Annotated[
        str,
        setting(
            "Which label a pair gets if sources disagree. first: that of the source named first in the "
            "recipe; "
            "drop: none; majority: that of most sources (a tie drops the pair); positive, negative: the "
            "highest, lowest label given.",
            choices=CONFLICTS,
        ),
    ] = "first"
    min_impressions: Annotated[
        int, setting("click+: impressions of a pair, summed over positions, at least.", ge=1, le=_MOST)
    ] = 30
    min_clicks: Annotated[int, setting("click+: clicks of a pair, at least.", ge=1, le=_MOST)] = 1
    min_ctr: Annotated[float, setting("click+: clicks per impression of a pair, at least.", ge=0, le=1)] = 0.1
    click_negative_impressions: Annotated[
        int | None,
        setting(
            "click- is refused unless this is set; then a pair shown at least this often without any click "
            "is "
            "irrelevant.",
            ge=1,
            le=_MOST,
        ),
    ] = None
    human_scale: Annotated[str, setting("The annotators' scale.", choices=SCALES)] = "four"
    min_annotators: Annotated[
        int, setting("human: annotators of a pair, who must all agree, at least.", ge=1, le=1000)
    ] = 3
    unanimous_on: Annotated[
        str, setting("human: what annotators must agree on, the grade or the label.", choices=UNANIMOUS_ON)
    ] = "grade"
    judge_scale: Annotated[
        str,
        setting(
            "The judges' scale; auto: the smallest that holds every grade the judge gave.",
            choices=("auto", *SCALES),
        ),
    ] = "auto"
    max_per_source: Annotated[
        int | None, setting("Rows of a source, at most; which stay is a seeded draw.", ge=1, le=_MOST)
    ] = None
    max_per_label: Annotated[
        int | None, setting("Rows of a label, at most; which stay is a seeded draw.", ge=1, le=_MOST)
    ] = None
    max_rows: Annotated[
        int | None, setting("Rows in all, at most; which stay is a seeded draw.", ge=1, le=_MOST)
    ] = None
    balance: Annotated[
        str,
        setting(
            "On the train split alone, by label. downsample: to the rarest label; weights: of equal sums.",
            choices=BALANCES,
        ),
    ] = "none"
    split_by: Annotated[
        str, setting("What is never in two splits: an item, a keyphrase, or either.", choices=SPLIT_BY)
    ] = "item"
    shares: Annotated[
        tuple[float, ...], setting("Shares of train, dev and test; they sum to 1.", ge=0, le=1)
    ] = (0.8, 0.1, 0.1)
    seed: Annotated[int, setting("Seed of the splits and draws.", ge=0, le=2**63 - 1)] = 0
    memory_limit: Annotated[str, setting("DuckDB's memory, as 4GB; it changes no byte of the result.")] = (
        "4GB"
    )
    threads: Annotated[
        int | None, setting("DuckDB's threads, one per core if none; they change no byte.", ge=1, le=_MOST)
    ] = None

    def __post_init__(self) -> None:
        if len(self.shares) != len(SPLITS):
            raise BadConfig(
                f"RecipeSettings.shares has {len(self.shares)} parts: allowed are 3, of {', '.join(SPLITS)}"
            )
        if abs(sum(self.shares) - 1) > 1e-9 or self.shares[0] == 0:
            raise BadConfig(
                f"RecipeSettings.shares is {self.shares}: they must sum to 1 and train's be above 0, as "
                "0.8, 0.1, 0.1"
            )
        check_memory("RecipeSettings", "memory_limit", self.memory_limit)
