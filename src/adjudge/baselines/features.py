"""Features of the CTR model, declared by name: overlap, lengths, category, price, click history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.text.pairs import category_of
from adjudge.text.words import WordOverlap, one_array, overlap

TABLES = ("keyphrases", "categories", "items")


@dataclass(frozen=True)
class Memory:
    """What the logs say about keyphrases (ctr, impressions, searches, category), categories (ctr) and items
    (price).

    It is saved in the artifact, so that scoring needs no logs. A fact that it does not hold is missing, not
    zero.
    """

    keyphrases: pa.Table
    categories: pa.Table
    items: pa.Table

    def save(self, folder: Path) -> tuple[str, ...]:
        names = tuple(f"{name}.parquet" for name in TABLES)
        for name, file in zip(TABLES, names, strict=True):
            pq.write_table(getattr(self, name), folder / file, compression="zstd")
        return names

    @classmethod
    def load(cls, folder: Path) -> Memory:
        return cls(*(pq.read_table(folder / f"{name}.parquet") for name in TABLES))


class FeatureInputs:
    """Pairs joined with the memory, as the features read them; each fact is computed at its first use."""

    def __init__(self, pairs: pa.Table, memory: Memory) -> None:
        self.memory = memory
        self.keyphrase, self.title = one_array(pairs["keyphrase"]), one_array(pairs["title"])
        self.category, self.item_id = category_of(pairs), one_array(pairs["item_id"])

    @cached_property
    def in_title(self) -> WordOverlap:
        return overlap(self.keyphrase, self.title)

    @cached_property
    def in_category(self) -> WordOverlap:
        return overlap(self.keyphrase, self.category)

    @cached_property
    def has_category(self) -> np.ndarray:
        return pc.is_valid(self.category).to_numpy(zero_copy_only=False)

    def of_keyphrase(self, fact: str) -> pa.Array:
        return _looked_up(self.memory.keyphrases, self.keyphrase, fact)

    def of_category(self, fact: str) -> pa.Array:
        return _looked_up(self.memory.categories, self.category, fact)

    def of_item(self, fact: str) -> pa.Array:
        return _looked_up(self.memory.items, self.item_id, fact)


def _looked_up(table: pa.Table, keys: pa.Array, fact: str) -> pa.Array:
    row = pc.index_in(keys, table["key"].combine_chunks())
    return table[fact].combine_chunks().take(row)


def _floats(values: pa.Array) -> np.ndarray:
    """float64 with NaN for null."""
    return pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False)


FEATURES: dict[str, Callable[[FeatureInputs], np.ndarray]] = {
    "jaccard": lambda pair: pair.in_title.jaccard,
    "share_of_keyphrase_in_title": lambda pair: pair.in_title.coverage,
    "shared_words": lambda pair: pair.in_title.shared,
    "keyphrase_in_title_in_order": lambda pair: pair.in_title.in_order,
    "keyphrase_words": lambda pair: pair.in_title.left,
    "title_words": lambda pair: pair.in_title.right,
    "keyphrase_letters": lambda pair: _floats(pc.utf8_length(pair.keyphrase)),
    "title_letters": lambda pair: _floats(pc.utf8_length(pair.title)),
    "share_of_keyphrase_in_category": lambda pair: np.where(
        pair.has_category, pair.in_category.coverage, np.nan
    ),
    "same_category": lambda pair: _floats(
        pc.equal(pair.of_keyphrase("category"), pair.category).cast(pa.float64())
    ),
    "keyphrase_ctr": lambda pair: _floats(pair.of_keyphrase("ctr")),
    "keyphrase_impressions": lambda pair: np.log1p(_floats(pair.of_keyphrase("impressions"))),
    "searches": lambda pair: np.log1p(_floats(pair.of_keyphrase("searches"))),
    "category_ctr": lambda pair: _floats(pair.of_category("ctr")),
    "price": lambda pair: np.log1p(_floats(pair.of_item("price"))),
}
"""Name -> function of the pairs, in the order of the model's columns (which trained models depend on)."""
NAMES = tuple(FEATURES)
HISTORIES = ("keyphrase_ctr", "keyphrase_impressions", "category_ctr")
"""Features made of clicks: in training they come from other folds."""


def features(pairs: pa.Table, memory: Memory) -> np.ndarray:
    """float32 of shape (rows, len(NAMES)); NaN if a fact is not known."""
    facts = FeatureInputs(pairs, memory)
    return np.column_stack([feature(facts) for feature in FEATURES.values()]).astype(np.float32)


def history(
    keys: pa.Array, clicks: np.ndarray, impressions: np.ndarray, average: float, prior: float
) -> pa.Table:
    """Smoothed CTR per key: (clicks + prior x average) / (impressions + prior).

    10 clicks of 100 impressions, average 0.02, prior 100: (10 + 2) / 200 = 0.06. Null keys have no history.
    """
    rows = pa.table({"key": keys, "clicks": clicks, "impressions": impressions}).filter(pc.is_valid(keys))
    sums = rows.group_by("key", use_threads=False).aggregate([("clicks", "sum"), ("impressions", "sum")])
    impressions_of_key = sums["impressions_sum"].to_numpy()
    ctr = (sums["clicks_sum"].to_numpy() + prior * average) / (impressions_of_key + prior)
    return pa.table({"key": sums["key"], "ctr": ctr, "impressions": impressions_of_key}).sort_by("key")
