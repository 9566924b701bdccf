"""The market's tables: ids, ad groups, words for codes, nulls where nothing was said, the same bytes each
time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.market import output
from adjudge.market.generated import numbered
from adjudge.market.graders import Annotations, JudgeAnswers
from adjudge.market.world import World, stream, undertones
from adjudge.records import FOUR


def test_ids_are_padded_numbers() -> None:
    assert numbered("i", 3).to_pylist() == ["i0000000", "i0000001", "i0000002"]


def test_ad_groups_hold_one_seller_one_category_and_six_items(world: World) -> None:
    items = output.items_table(world)
    groups: dict[str, list[tuple[str, str]]] = {}
    for group, seller, category in zip(
        *(items[name].to_pylist() for name in ("adgroup_id", "seller_id", "category")), strict=True
    ):
        groups.setdefault(group, []).append((seller, category))
    assert all(len(rows) <= 6 for rows in groups.values())
    assert all(len(set(rows)) == 1 for rows in groups.values())
    full: dict[tuple[str, str], list[int]] = {}
    for rows in groups.values():
        full.setdefault(rows[0], []).append(len(rows))
    # Groups of a seller's category are filled one after the other: at most one is short of six.
    assert all(sum(size < 6 for size in sizes) <= 1 for sizes in full.values())


def test_annotations_are_three_rows_per_pair(world: World) -> None:
    pair = np.array([2, 5])
    annotators = np.array([[0, 7, 3], [1, 2, 7]])
    grades = np.array([[0, 1, 3], [2, 2, 2]], np.int8)
    table = output.annotations_table(world, Annotations(pair, annotators, grades, picture=True))
    assert table["annotator"].to_pylist() == ["a0000", "a0007", "a0003", "a0001", "a0002", "a0007"]
    assert table["grade"].to_pylist() == ["bad", "fair", "excellent", "good", "good", "good"]
    item = world.item_id[int(world.pair_item[2])].as_py()
    assert table["item_id"].to_pylist()[:3] == [item] * 3


def test_an_unscored_answer_has_a_reason_and_no_grade(world: World) -> None:
    scored = np.ones(world.pairs, bool)
    scored[1] = False
    answers = JudgeAnswers(
        np.full(world.pairs, 0.75), np.ones(world.pairs, bool), scored, np.full(world.pairs, 200)
    )
    table = output.judgments_table(world, "llm", answers)
    assert table["status"].to_pylist()[:3] == ["scored", "unscored", "scored"]
    assert table["grade"].to_pylist()[:3] == ["relevant", None, "relevant"]
    assert table["probability"].to_pylist()[:3] == [0.75, None, 0.75]
    assert table["reason"].to_pylist()[:3] == [None, "answer off the scale", None]
    assert table["cost"].null_count == world.pairs


def test_truth_says_relevant_from_good(world: World) -> None:
    table = output.truth_table(world)
    grades = table["grade"].to_pylist()
    assert [g in ("good", "excellent") for g in grades] == table["relevant"].to_pylist()
    assert {FOUR.grades.index(g) for g in set(grades)} == {0, 1, 2, 3}


def test_writing_twice_gives_the_same_bytes_and_plain_strings(world: World, tmp_path: Path) -> None:
    table = output.truth_table(world)
    hashes = set()
    for name in ("one", "two"):
        assert output.write(table, tmp_path, name) == world.pairs
        hashes.add(hashlib.sha256((tmp_path / f"{name}.parquet").read_bytes()).hexdigest())
    assert len(hashes) == 1
    schema = pq.read_schema(tmp_path / "one.parquet")
    assert schema.field("grade").type == pa.string()


def test_a_world_is_frozen(world: World) -> None:
    with pytest.raises(AttributeError):
        world.grade = np.zeros(3)  # type: ignore[misc]


def test_columns_of_a_world_have_its_lengths(world: World) -> None:
    items, phrases = len(world.item_id), len(world.keyphrase)
    for name in ("title", "item_category", "brand", "price", "price_ratio", "seller", "image"):
        assert len(getattr(world, name)) == items, name
    for name in ("keyphrase_category", "volume"):
        assert len(getattr(world, name)) == phrases, name
    for name in ("grade", "visible", "series", "accessory", "blind", "coverage", "jaccard", "undertone"):
        assert len(getattr(world, name)) == world.pairs, name
    assert world.pair_item.max() < items
    assert world.pair_keyphrase.max() < phrases


def test_undertones_are_standard_normal_and_seeded() -> None:
    drawn = undertones(3, 200_000)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert np.array_equal(drawn, stream(3, "undertones").standard_normal(200_000))
