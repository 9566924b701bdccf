"""ESCI and WANDS in their official shapes, generated here: grades, splits, picks, and rows that do not
fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig, BadTable
from adjudge.intake.esci import ImportEsciConfig, import_esci
from adjudge.intake.wands import ImportWandsConfig, import_wands

SLICE = Path(__file__).parents[3] / "shared" / "data" / "esci" / "pairs.parquet"
EXAMPLES = (
    # example_id, query, query_id, product_id, locale, label, small, large, split
    (0, "garden hose 20m", 11, "P1", "us", "E", 1, 1, "train"),
    (1, "garden hose 20m", 11, "P2", "us", "S", 1, 1, "train"),
    (2, "garden hose 20m", 11, "P3", "us", "C", 0, 1, "train"),
    (3, "desk lamp", 12, "P4", "us", "I", 1, 1, "test"),
    (4, "lampara de mesa", 13, "P1", "es", "E", 1, 1, "test"),
)
PRODUCTS = (
    ("P1", "Hose, 20 metres", "Rainway", "us"),
    ("P2", "Hose, 10 metres", None, "us"),
    ("P3", "Hose reel", "Rainway", "us"),
    ("P4", "Wooden chair", "Oakly", "us"),
    ("P5", "Never judged", "Oakly", "us"),
    ("P1", "Manguera de 20 metros", "Rainway", "es"),
)


def rows_of(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return pq.read_table(path).to_pylist()


def column(logs: Path, table: str, *names: str) -> list[Any]:
    return [tuple(row[name] for name in names) for row in rows_of(logs / f"{table}.parquet")]


def write_esci(folder: Path, examples: Any = EXAMPLES, products: Any = PRODUCTS) -> dict[str, Path]:
    names = [
        "example_id",
        "query",
        "query_id",
        "product_id",
        "product_locale",
        "esci_label",
        "small_version",
        "large_version",
        "split",
    ]
    pq.write_table(
        pa.table(dict(zip(names, map(list, zip(*examples, strict=True)), strict=True))), folder / "ex.parquet"
    )
    ids, titles, brands, locales = map(list, zip(*products, strict=True))
    table = pa.table(
        {
            "product_id": ids,
            "product_title": titles,
            "product_description": ["long text"] * len(ids),
            "product_bullet_point": ["points"] * len(ids),
            "product_brand": brands,
            "product_color": ["green"] * len(ids),
            "product_locale": locales,
        }
    )
    pq.write_table(table, folder / "pr.parquet")
    return {"examples": folder / "ex.parquet", "products": folder / "pr.parquet", "logs": folder / "logs"}


def test_official_esci(tmp_path: Path) -> None:
    result = import_esci(ImportEsciConfig(**write_esci(tmp_path)))
    logs = result.logs
    assert column(logs, "labelled", "item_id", "label", "grade", "split", "group", "source") == [
        ("P1", "E", "excellent", "train", "11", "esci"),
        ("P2", "S", "good", "train", "11", "esci"),
        ("P3", "C", "fair", "train", "11", "esci"),
        ("P4", "I", "bad", "test", "12", "esci"),
    ]
    assert column(logs, "truth", "item_id", "grade", "relevant") == [
        ("P1", "excellent", True),
        ("P2", "good", True),
        ("P3", "fair", False),
        ("P4", "bad", False),
    ]
    assert column(logs, "annotations", "item_id", "keyphrase", "annotator", "grade")[0] == (
        "P1",
        "garden hose 20m",
        "esci",
        "excellent",
    )
    assert column(logs, "items", "item_id", "title", "brand") == [
        ("P1", "Hose, 20 metres", "Rainway"),
        ("P2", "Hose, 10 metres", None),
        ("P3", "Hose reel", "Rainway"),
        ("P4", "Wooden chair", "Oakly"),
    ]
    assert column(logs, "keyphrases", "keyphrase") == [("garden hose 20m",), ("desk lamp",)]
    assert result.written == {
        "items": 4,
        "keyphrases": 2,
        "pairs": 4,
        "annotations": 4,
        "truth": 4,
        "labelled": 4,
    }
    assert result.left_out == {
        "examples of another locale, version or split": 1,
        "products of another locale or not judged": 2,
    }
    assert not [path for path in logs.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("options", "items"),
    [
        ({"small_version": True}, ["P1", "P2", "P4"]),
        ({"split": "test"}, ["P4"]),
        ({"locale": "es"}, ["P1"]),
        ({"small_version": True, "split": "train"}, ["P1", "P2"]),
    ],
)
def test_picking_a_part_of_esci(tmp_path: Path, options: dict[str, Any], items: list[str]) -> None:
    result = import_esci(ImportEsciConfig(**write_esci(tmp_path), **options))
    assert [row[0] for row in column(result.logs, "pairs", "item_id")] == items


def test_esci_rows_that_do_not_fit(tmp_path: Path) -> None:
    examples = [
        *EXAMPLES,
        (5, "desk lamp", 12, "P2", "us", "exact", 1, 1, "train"),
        (6, "desk lamp", 12, "P9", "us", "E", 1, 1, "train"),
        (7, "desk lamp", 99, "P4", "us", "E", 1, 1, "train"),
        (8, "desk lamp", 12, "P4", "us", "E", 1, 1, "train"),
        (9, None, 12, "P3", "us", "E", 1, 1, "train"),
    ]
    config = ImportEsciConfig(**write_esci(tmp_path, examples), max_bad_share=0.5)
    result = import_esci(config)
    bad = [(row["row_number"], row["reason"]) for row in rows_of(result.read["examples"].quarantine)]
    assert bad == [
        (6, "esci_label is not one of E, S, C, I"),
        (9, "duplicate key (query_id, product_id, product_locale)"),
        (10, "query is null"),
    ]
    joined = rows_of(result.read["joined"].quarantine)
    assert [(row["row_number"], row["reason"]) for row in joined] == [
        (7, "product is not in the products file"),
        (8, "duplicate key (item_id, keyphrase)"),
    ]
    assert json.loads(joined[0]["raw"])["product_id"] == "P9"
    assert result.written["pairs"] == 4
    with pytest.raises(BadTable, match="ex.parquet: 3 of 10 rows are bad"):
        import_esci(ImportEsciConfig(config.examples, tmp_path / "again", config.products))
    assert not (tmp_path / "again" / "items.parquet").exists()


def test_nothing_picked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="no row for locale 'jp', split 'any'"):
        import_esci(ImportEsciConfig(**write_esci(tmp_path), locale="jp"))


def test_esci_settings_outside_their_range(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="locale is 'uk': allowed are us, es, jp"):
        ImportEsciConfig(tmp_path, tmp_path, locale="uk")
    with pytest.raises(BadConfig, match="split is 'valid'"):
        ImportEsciConfig(tmp_path, tmp_path, split="valid")


@pytest.mark.skipif(not SLICE.exists(), reason="the ESCI slice is not at hand on this machine")
def test_the_slice_in_one_file(tmp_path: Path) -> None:
    result = import_esci(ImportEsciConfig(SLICE, tmp_path))
    assert result.written["labelled"] == 4785
    assert result.read["examples"].quarantined == result.read["joined"].quarantined == 0
    rows = rows_of(tmp_path / "labelled.parquet")
    splits = {split: sum(row["split"] == split for row in rows) for split in ("train", "dev", "test")}
    assert splits == {"train": 3516, "dev": 583, "test": 686}
    sources = {row["source"] for row in rows if row["split"] == "test"}
    assert sources == {"esci-second-life", "esci-underspec"}
    relevant = sum(row["relevant"] for row in rows_of(tmp_path / "truth.parquet"))
    assert relevant == sum(row["label"] in "ES" for row in rows)
    test_only = import_esci(ImportEsciConfig(SLICE, tmp_path / "test", split="test"))
    assert test_only.written["labelled"] == 686
    assert test_only.left_out == {"rows of another split": 4785 - 686}


QUERIES = (
    "query_id\tquery\tquery_class\n0\tsalon chair\tMassage Chairs\n1\toak table\tDining Tables\n"
    "2\toak table\t\n"
)
WANDS_PRODUCTS = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\t"
    "rating_count\taverage_rating\treview_count\n"
    '0\tsolid oak table\tDining Tables\tFurniture / Tables\t"two\nlines, ""quoted"""'
    "\tcolour:oak|legs:4\t15.0\t4.5\t15.0\n"
    "1\tbarber chair\tSalon Chairs|Chairs\tFurniture / Chairs\t\tcolour:red\t\t\t\n"
    "2\tnever judged\t\t\t\t\t\t\t\n"
)
LABELS = "id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tExact\n1\t1\t0\tPartial\n2\t1\t1\tIrrelevant\n"


def write_wands(folder: Path, labels: str = LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("query", QUERIES), ("product", WANDS_PRODUCTS), ("label", labels)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_official_wands(tmp_path: Path) -> None:
    result = import_wands(ImportWandsConfig(write_wands(tmp_path / "wands"), tmp_path / "logs"))
    logs = result.logs
    assert column(logs, "labelled", "item_id", "keyphrase", "label", "grade", "split", "group", "source") == [
        ("1", "salon chair", "Exact", "excellent", None, "0", "wands"),
        ("0", "oak table", "Partial", "fair", None, "1", "wands"),
        ("1", "oak table", "Irrelevant", "bad", None, "1", "wands"),
    ]
    assert column(logs, "items", "item_id", "title", "category") == [
        ("1", "barber chair", "Salon Chairs|Chairs"),
        ("0", "solid oak table", "Dining Tables"),
    ]
    assert column(logs, "keyphrases", "keyphrase", "category") == [
        ("salon chair", "Massage Chairs"),
        ("oak table", "Dining Tables"),
    ]
    assert result.left_out == {"products not judged": 1}
    other = import_wands(ImportWandsConfig(tmp_path / "wands", tmp_path / "other", partial="good"))
    assert column(other.logs, "truth", "grade", "relevant")[1] == ("good", True)


def test_wands_rows_that_do_not_fit(tmp_path: Path) -> None:
    labels = LABELS + "3\t7\t0\tExact\n4\t0\t9\tExact\n5\t0\t0\texact\n6\t2\t0\tExact\n7\t1\n8\t1\t1\tExact\n"
    folder = write_wands(tmp_path / "wands", labels)
    result = import_wands(ImportWandsConfig(folder, tmp_path / "logs", max_bad_share=0.6))
    bad = [(row["row_number"], row["reason"]) for row in rows_of(result.read["label"].quarantine)]
    assert bad == [
        (6, "label is not one of Exact, Partial, Irrelevant"),
        (8, "malformed CSV: wrong number of fields"),
        (9, "duplicate key (query_id, product_id)"),
    ]
    joined = [(row["row_number"], row["reason"]) for row in rows_of(result.read["joined"].quarantine)]
    assert joined == [
        (4, "query is not in query.csv"),
        (5, "product is not in product.csv"),
        (7, "duplicate key (item_id, keyphrase)"),
    ]
    assert result.written["pairs"] == 3
    with pytest.raises(BadTable, match=r"label.csv: 3 of 9 rows are bad"):
        import_wands(ImportWandsConfig(folder, tmp_path / "logs"))


def test_wands_settings_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="partial is 'bad': allowed are fair, good"):
        ImportWandsConfig(tmp_path, tmp_path, partial="bad")
    with pytest.raises(BadTable, match=r"query.csv does not exist"):
        import_wands(ImportWandsConfig(tmp_path, tmp_path / "logs"))
