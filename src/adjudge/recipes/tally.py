"""Accounting of a recipe: the rows made and the pairs dropped per step; no pair of a source is lost."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.recipes.resolve import Conflict

REASONS = {
    "below_floors": "a clicked or shown pair under the floors of impressions, clicks or CTR",
    "too_few_annotators": "fewer annotators than min_annotators",
    "not_unanimous": "annotators disagree",
    "unscored": "the judge gave no grade",
    "other_sign": "the source labels it, but the recipe does not ask for that label",
    "agreed": "an earlier-named source says the same and has the credit",
    "overruled": "another source won the conflict",
    "conflict": "the conflict policy drops the pair",
    "no_item": "items.parquet has no such item",
    "no_title": "the item's title is blank",
    "split": "item and keyphrase fall into different splits",
    "max_per_source": "over the source's cap",
    "max_per_label": "over the label's cap",
    "max_rows": "over the cap of all rows",
    "balance": "downsampled to the rarest label of the train split",
}


@dataclass(frozen=True)
class RowCount:
    """Rows of the training set with one source, split and label."""

    source: str
    split: str
    label: int
    rows: int


@dataclass(frozen=True)
class DroppedPairs:
    """Pairs of one source that did not become rows, and why (a key of REASONS)."""

    source: str
    reason: str
    pairs: int


@dataclass(frozen=True)
class SourcePairs:
    """How many pairs a source speaks about before any rule. pairs = rows + everything dropped."""

    source: str
    pairs: int


@dataclass(frozen=True)
class RecipeReport:
    """What `build` made: all its numbers are also in recipe.json, except the seconds."""

    recipe: str
    rows: int
    seen: tuple[SourcePairs, ...]
    counts: tuple[RowCount, ...]
    dropped: tuple[DroppedPairs, ...]
    conflicts: tuple[Conflict, ...]
    hardened: int
    seconds: float

    def rows_of(self, label: int | None = None, split: str | None = None, source: str | None = None) -> int:
        """Rows with that label, split and source (None = any)."""
        return sum(
            count.rows
            for count in self.counts
            if label in (None, count.label)
            and split in (None, count.split)
            and source in (None, count.source)
        )


class Ledger:
    """Collects the drops while a recipe is built."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self.sources = sources
        self.seen = dict.fromkeys(sources, 0)
        self._dropped: dict[tuple[str, str], int] = {}

    def drop(self, source: str, reason: str, pairs: int) -> None:
        if pairs:
            key = (source, reason)
            self._dropped[key] = self._dropped.get(key, 0) + pairs

    @property
    def dropped(self) -> tuple[DroppedPairs, ...]:
        """In the recipe's order of sources, then the order of the steps."""
        order = list(REASONS)
        keys = sorted(self._dropped, key=lambda key: (self.sources.index(key[0]), order.index(key[1])))
        return tuple(DroppedPairs(source, reason, self._dropped[source, reason]) for source, reason in keys)
