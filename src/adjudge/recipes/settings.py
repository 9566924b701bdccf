"""Every floor, cap and choice of a recipe, in one place; the defaults are paper 1's where it states them."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_choice, check_range
from adjudge.errors import BadConfig
from adjudge.records import SCALES, SPLITS
from adjudge.storage.duck import check_memory

TARGETS = ("binary", "probability", "ordinal")
CONFLICTS = ("first", "drop", "majority", "positive", "negative")
BALANCES = ("none", "downsample", "weights")
SPLIT_BY = ("item", "keyphrase", "both")
UNANIMOUS_ON = ("grade", "label")
_MOST = 10**12


@dataclass(frozen=True)
class RecipeSettings:
    """How sources become labels (paper 1, sections 3.1.1 and 3.1.2; `docs/recipes.md` explains each).

    target: `binary` 0/1; `probability` the same plus a filled probability; `ordinal` 0, 1, 2 of `ordinal3`.
    conflict: who is right where sources disagree: `first` the one named first in the recipe, `drop` nobody,
        `majority` the label of most sources (a tie drops the pair), `positive` / `negative` the highest /
        lowest label said.
    min_impressions, min_clicks, min_ctr: floors of `click+`, on a pair's sums over positions.
    click_negative_impressions: `click-` is refused unless this is set; then a pair shown at least so often
        with no click at all is irrelevant.
    human_scale, min_annotators, unanimous_on: an annotated pair needs so many annotators who all gave the same
        grade (or, by option, the same label).
    judge_scale: the judges' scale; `auto` takes the scale that holds all grades the judge gave.
    max_per_source, max_per_label, max_rows: caps, in rows; which rows stay is a seeded draw.
    balance: on the train split alone, by label: `none`, `downsample` to the rarest, `weights` of equal sums.
    split_by: no item (or keyphrase, or either) is in two splits; shares: of train, dev and test, summing to 1.
    memory_limit, threads: DuckDB's; they change no byte of the result.
    """

    target: str = "binary"
    conflict: str = "first"
    min_impressions: int = 30
    min_clicks: int = 1
    min_ctr: float = 0.1
    click_negative_impressions: int | None = None
    human_scale: str = "four"
    min_annotators: int = 3
    unanimous_on: str = "grade"
    judge_scale: str = "auto"
    max_per_source: int | None = None
    max_per_label: int | None = None
    max_rows: int | None = None
    balance: str = "none"
    split_by: str = "item"
    shares: tuple[float, ...] = (0.8, 0.1, 0.1)
    seed: int = 0
    memory_limit: str = "4GB"
    threads: int | None = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for name, allowed in (
            ("target", TARGETS),
            ("conflict", CONFLICTS),
            ("unanimous_on", UNANIMOUS_ON),
            ("human_scale", SCALES),
            ("judge_scale", ("auto", *SCALES)),
            ("balance", BALANCES),
            ("split_by", SPLIT_BY),
        ):
            check_choice(owner, name, getattr(self, name), allowed)
        check_range(owner, "min_impressions", self.min_impressions, 1, _MOST)
        check_range(owner, "min_clicks", self.min_clicks, 1, _MOST)
        check_range(owner, "min_ctr", self.min_ctr, 0, 1)
        check_range(owner, "min_annotators", self.min_annotators, 1, 1000)
        check_range(owner, "seed", self.seed, 0, 2**63 - 1)
        for name in ("click_negative_impressions", "max_per_source", "max_per_label", "max_rows", "threads"):
            if getattr(self, name) is not None:
                check_range(owner, name, getattr(self, name), 1, _MOST)
        self._check_shares(owner)
        check_memory(owner, "memory_limit", self.memory_limit)

    def _check_shares(self, owner: str) -> None:
        if len(self.shares) != len(SPLITS):
            raise BadConfig(
                f"{owner}.shares has {len(self.shares)} parts: allowed are 3, of {', '.join(SPLITS)}"
            )
        for name, share in zip(SPLITS, self.shares, strict=True):
            check_range(owner, f"shares ({name})", share, 0, 1)
        if abs(sum(self.shares) - 1) > 1e-9 or self.shares[0] == 0:
            raise BadConfig(
                f"{owner}.shares is {self.shares}: they must sum to 1 and train's be above 0, as 0.8, 0.1, 0.1"
            )
