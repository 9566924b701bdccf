"""What the CTR model sees of a pair: text overlap, lengths, category, price, and the keyphrase's history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.text.words import jaccard, overlap, whole

NAMES = (
    "jaccard",
    "share_of_keyphrase_in_title",
    "shared_words",
    "keyphrase_in_title_in_order",
    "keyphrase_words",
    "title_words",
    "keyphrase_letters",
    "title_letters",
    "share_of_keyphrase_in_category",
    "same_category",
    "keyphrase_ctr",
    "keyphrase_impressions",
    "searches",
    "category_ctr",
    "price",
)
TABLES = ("keyphrases", "categories", "items")


@dataclass(frozen=True)
class Memory:
    """What the logs say about keyphrases (ctr, impressions, searches, category), categories (ctr) and items
    (price). Kept in the artifact, so that scoring needs no logs; what it does not know is missing, not zero."""

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


def history(
    keys: pa.Array, clicks: np.ndarray, impressions: np.ndarray, average: float, prior: float
) -> pa.Table:
    """Smoothed CTR per key: (clicks + prior x average) / (impressions + prior).

    10 clicks of 100 impressions, average .02, prior 100: (10 + 2) / 200 = 0.06. Null keys have no history.
    """
    rows = pa.table({"key": keys, "clicks": clicks, "impressions": impressions}).filter(pc.is_valid(keys))
    sums = rows.group_by("key", use_threads=False).aggregate([("clicks", "sum"), ("impressions", "sum")])
    shown = sums["impressions_sum"].to_numpy()
    ctr = (sums["clicks_sum"].to_numpy() + prior * average) / (shown + prior)
    return pa.table({"key": sums["key"], "ctr": ctr, "impressions": shown}).sort_by("key")


def features(pairs: pa.Table, memory: Memory) -> np.ndarray:
    """float32 of shape (rows, len(NAMES)); NaN where a fact is not known."""
    keyphrase, title, category = whole(pairs["keyphrase"]), whole(pairs["title"]), _category(pairs)
    same, topic = overlap(keyphrase, title), overlap(keyphrase, category)
    phrase = pc.index_in(keyphrase, memory.keyphrases["key"].combine_chunks())
    meant = memory.keyphrases["category"].combine_chunks().take(phrase)
    item = pc.index_in(whole(pairs["item_id"]), memory.items["key"].combine_chunks())
    group = pc.index_in(category, memory.categories["key"].combine_chunks())
    known = pc.is_valid(category).to_numpy(zero_copy_only=False)
    columns = (
        jaccard(same.shared, same.left, same.right),
        _share(same.shared, same.left),
        same.shared,
        same.phrase,
        same.left,
        same.right,
        _numbers(pc.utf8_length(keyphrase)),
        _numbers(pc.utf8_length(title)),
        np.where(known, _share(topic.shared, topic.left), np.nan),
        _numbers(pc.equal(meant, category).cast(pa.float64())),
        _numbers(memory.keyphrases["ctr"].combine_chunks().take(phrase)),
        np.log1p(_numbers(memory.keyphrases["impressions"].combine_chunks().take(phrase))),
        np.log1p(_numbers(memory.keyphrases["searches"].combine_chunks().take(phrase))),
        _numbers(memory.categories["ctr"].combine_chunks().take(group)),
        np.log1p(_numbers(memory.items["price"].combine_chunks().take(item))),
    )
    return np.column_stack(columns).astype(np.float32)


def _category(pairs: pa.Table) -> pa.Array:
    if "category" not in pairs.column_names:
        return pa.nulls(len(pairs), pa.string())
    return whole(pairs["category"])


def _share(part: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.divide(part, of, out=np.zeros(len(of)), where=of > 0)


def _numbers(values: pa.Array) -> np.ndarray:
    """float64 with NaN for null."""
    return pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False)
