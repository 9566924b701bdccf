"""A labelled set as the truth: its pairs and grades stay, behaviour is simulated on top."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadTable
from adjudge.market.labelled import labelled_world
from adjudge.market.measure import measure
from adjudge.market.settings import BuyerSettings, MarketSettings
from adjudge.market.simulate import simulate

ESCI = Path(__file__).parents[2].parent / "shared" / "data" / "esci" / "pairs.parquet"
SMALL = pa.table(
    {
        "item_id": ["p1", "p1", "p2", "p3"],
        "keyphrase": ["red phone", "sofa", "sofa", "blue phone"],
        "title": ["Mobile phone 64GB", "Mobile phone 64GB", "Grey couch", "Phone in red"],
        "grade": ["excellent", "bad", "good", "fair"],
    }
)


def with_column(name: str, values: list[str | None]) -> pa.Table:
    return SMALL.set_column(SMALL.column_names.index(name), name, pa.array(values, pa.string()))


def test_world_by_hand() -> None:
    world = labelled_world(SMALL, MarketSettings())
    assert world.item_id.to_pylist() == ["p1", "p2", "p3"]
    assert world.keyphrase.to_pylist() == ["red phone", "sofa", "blue phone"]
    assert world.pair_item.tolist() == [0, 0, 1, 2]
    assert world.grade.tolist() == [3, 0, 2, 1]
    assert world.coverage.tolist() == [0.5, 0.0, 0.0, 0.5]
    assert world.blind.tolist() == [True, False, False, True]
    assert world.visible.tolist() == [3, 0, 2, 2]
    assert world.picture_match.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (SMALL.drop_columns(["title"]), "lacks column title; seen: item_id, keyphrase, grade"),
        (SMALL.slice(0, 0), "has no rows"),
        (
            with_column("grade", ["E", "bad", "good", "I"]),
            "has grades E, I; allowed are bad, fair, good, excellent",
        ),
        (with_column("title", ["a", None, "b", "c"]), "has 1 nulls in title"),
        (pa.concat_tables([SMALL, SMALL.slice(1, 2)]), "repeats 2 pairs"),
    ],
)
def test_an_unusable_set_is_refused(table: pa.Table, text: str) -> None:
    with pytest.raises(BadTable, match=text):
        labelled_world(table, MarketSettings())


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.parquet").write_text("not parquet")
    with pytest.raises(BadTable, match=r"labels\.parquet cannot be read as Parquet"):
        simulate(MarketSettings(labelled=tmp_path / "labels.parquet"), tmp_path / "out")


def test_a_file_and_an_imported_folder_give_the_same_truth(tmp_path: Path) -> None:
    pq.write_table(SMALL, tmp_path / "labels.parquet")
    simulate(MarketSettings(labelled=tmp_path / "labels.parquet"), tmp_path / "one")
    with_category = pq.read_table(tmp_path / "one" / "items.parquet")
    assert with_category["category"].null_count == 3
    simulate(MarketSettings(labelled=tmp_path / "one"), tmp_path / "two")
    rows = [
        set(zip(*pq.read_table(tmp_path / name / "truth.parquet").to_pydict().values(), strict=True))
        for name in ("one", "two")
    ]
    assert rows[0] == rows[1]
    assert {(i, k, g) for i, k, g, _ in rows[0]} == set(
        zip(*(SMALL[name].to_pylist() for name in ("item_id", "keyphrase", "grade")), strict=True)
    )


@pytest.mark.skipif(not ESCI.exists(), reason="the ESCI slice lies beside the project, not in it")
def test_behaviour_on_real_labels(tmp_path: Path) -> None:
    """On ESCI's own labels (E excellent, S good, C fair, I bad) buyers click what people called relevant."""
    with duckdb.connect() as base:
        base.execute(
            """COPY (SELECT product_id AS item_id, query AS keyphrase, first(title) AS title,
                     CASE first(label) WHEN 'E' THEN 'excellent' WHEN 'S' THEN 'good' WHEN 'C' THEN 'fair'
                     ELSE 'bad' END AS grade
               FROM read_parquet($esci) GROUP BY ALL HAVING count(DISTINCT label) = 1 ORDER BY ALL)
               TO 'labels.parquet' (FORMAT parquet)""".replace(
                "labels.parquet", str(tmp_path / "labels.parquet")
            ),
            {"esci": str(ESCI)},
        )
    settings = MarketSettings(labelled=tmp_path / "labels.parquet", buyers=BuyerSettings(searches=300))
    facts = measure(simulate(settings, tmp_path / "out").out)
    assert facts.pairs > 4_000
    assert facts.clicked > 500
    assert facts.clicked_relevant is not None
    assert facts.clicked_relevant > facts.relevant + 0.05
    again = simulate(dataclasses.replace(settings, seed=8), tmp_path / "other").out
    truths = [pq.read_table(out / "truth.parquet") for out in (tmp_path / "out", again)]
    assert truths[0] == truths[1]


def test_categories_are_the_items_own_and_a_keyphrases_first() -> None:
    table = SMALL.append_column("category", pa.array(["phones", "phones", "sofas", None]))
    world = labelled_world(table, MarketSettings())
    assert world.category_names.to_pylist() == ["phones", "sofas", ""]
    assert world.item_category.tolist() == [0, 1, 2]
    assert world.keyphrase_category.tolist() == [0, 0, 2]


def test_without_categories_all_items_share_none() -> None:
    world = labelled_world(SMALL, MarketSettings())
    assert world.category_names.to_pylist() == [None]
    assert not world.item_category.any()


def test_volume_is_zipf_with_the_mean_set() -> None:
    settings = MarketSettings(buyers=BuyerSettings(searches=90.0))
    volume = np.sort(labelled_world(SMALL, settings).volume)[::-1]
    assert volume.mean() == pytest.approx(90.0)
    assert np.allclose(volume / volume[0], [1, 1 / 2, 1 / 3])


def test_what_needs_the_catalogue_does_nothing() -> None:
    """Accessories and product series are unknown; a substitute is whatever people called fair."""
    world = labelled_world(SMALL, MarketSettings())
    assert not world.accessory.any()
    assert not world.series.any()
    assert world.substitute.tolist() == (world.grade == 1).tolist()
    assert np.array_equal(world.visible_blurred, world.visible)


def test_prices_and_sellers_are_drawn_from_the_seed() -> None:
    first, again = (labelled_world(SMALL, MarketSettings(seed=5)) for _ in range(2))
    other = labelled_world(SMALL, MarketSettings(seed=6))
    assert first.price.tolist() == again.price.tolist() != other.price.tolist()
    assert (first.price > 0).all()
    assert first.grade.tolist() == other.grade.tolist()


def test_ids_of_another_type_are_read_as_texts() -> None:
    numbers = SMALL.set_column(0, "item_id", pa.array([1, 1, 2, 3]))
    assert labelled_world(numbers, MarketSettings()).item_id.to_pylist() == ["1", "2", "3"]
