"""The market's tables as Parquet: the columns of `tables.py`, zstd, the same bytes for the same market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.market.buyers import ClickLog
from adjudge.market.graders import VOTES, Annotations, JudgeAnswers
from adjudge.market.world import Array, World
from adjudge.records import BINARY, FOUR

_ADGROUP = 6
"""Items of one seller and category advertised together, at most."""


def write(table: pa.Table, out: Path, name: str) -> int:
    """Write one table of the logs folder; dictionary columns are stored as plain strings. Returns rows."""
    pq.write_table(
        table,
        out / f"{name}.parquet",
        compression="zstd",
        store_schema=False,
        row_group_size=1_000_000,
        dictionary_pagesize_limit=64 * 1024 * 1024,
    )
    return table.num_rows


def _words(values: tuple[str, ...], codes: Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values, pa.string()))


def _pair_columns(world: World, pair: Array) -> dict[str, pa.Array]:
    item, phrase = world.pair_item[pair], world.pair_keyphrase[pair]
    return {
        "item_id": pa.DictionaryArray.from_arrays(pa.array(item.astype(np.int32)), world.item_id),
        "keyphrase": pa.DictionaryArray.from_arrays(pa.array(phrase.astype(np.int32)), world.keyphrase),
    }


def items_table(world: World) -> pa.Table:
    group = world.seller * len(world.category_names) + world.item_category
    order = np.argsort(group, kind="stable")
    _, start, count = np.unique(group[order], return_index=True, return_counts=True)
    within = np.empty(len(group), np.int64)
    within[order] = (np.arange(len(group)) - np.repeat(start, count)) // _ADGROUP
    return pa.table(
        {
            "item_id": world.item_id,
            "title": world.title,
            "category": world.category_names.take(pa.array(world.item_category)),
            "brand": world.brand,
            "price": world.price,
            "seller_id": _labels("s", world.seller),
            "adgroup_id": pc.binary_join_element_wise(_labels("g", group), _labels("", within), "-"),
            "image": world.image,
        }
    )


def _labels(letter: str, numbers: Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(letter), pa.array(numbers).cast(pa.string()), "")


def keyphrases_table(world: World, searches: Array) -> pa.Table:
    return pa.table(
        {
            "keyphrase": world.keyphrase,
            "searches": searches.astype(np.int64),
            "category": world.category_names.take(pa.array(world.keyphrase_category)),
        }
    )


def pairs_table(world: World, adopted: Array) -> pa.Table:
    every = np.arange(world.pairs)
    return pa.table({**_pair_columns(world, every), "adopted": adopted})


def clicks_table(world: World, log: ClickLog) -> pa.Table:
    return pa.table(
        {
            **_pair_columns(world, log.pair),
            "position": log.position,
            "impressions": log.impressions,
            "clicks": log.clicks,
            "sales": log.sales,
            "revenue": log.revenue,
        }
    )


def search_table(world: World, score: Array, passed: Array) -> pa.Table:
    return pa.table({**_pair_columns(world, np.arange(world.pairs)), "score": score, "passed": passed})


def annotations_table(world: World, annotations: Annotations) -> pa.Table:
    who = annotations.annotator.reshape(-1)
    names = tuple(f"a{number:04d}" for number in range(int(who.max(initial=0)) + 1))
    return pa.table(
        {
            **_pair_columns(world, np.repeat(annotations.pair, VOTES)),
            "annotator": _words(names, who),
            "grade": _words(FOUR.grades, annotations.grade.reshape(-1)),
        }
    )


def judgments_table(world: World, judge: str, answers: JudgeAnswers) -> pa.Table:
    size = world.pairs
    grade = pa.DictionaryArray.from_arrays(
        pa.array(answers.relevant.astype(np.int32), mask=~answers.scored), pa.array(BINARY.grades)
    )
    none = np.zeros(size, np.int32)
    return pa.table(
        {
            **_pair_columns(world, np.arange(size)),
            "judge": _words((judge,), none),
            "grade": grade,
            "probability": pa.array(answers.probability, mask=~answers.scored),
            "status": _words(("unscored", "scored"), answers.scored),
            "reason": pa.DictionaryArray.from_arrays(
                pa.array(none, mask=answers.scored), pa.array(["answer off the scale"])
            ),
            "tokens": answers.tokens.astype(np.int64),
            "cost": pa.nulls(size, pa.float64()),
        }
    )


def truth_table(world: World) -> pa.Table:
    return pa.table(
        {
            **_pair_columns(world, np.arange(world.pairs)),
            "grade": _words(FOUR.grades, world.grade),
            "relevant": world.grade >= FOUR.relevant_from,
        }
    )
