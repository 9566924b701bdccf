"""The folder: complete, as `tables.py` says, and the same bytes for the same settings."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from small_market import SMALL

from adjudge import config, tables
from adjudge.errors import BadConfig
from adjudge.market.settings import AnnotatorSettings, BuyerSettings, CatalogueSettings, MarketSettings
from adjudge.market.simulate import MarketReport, simulate

WRITTEN = (
    *("items", "keyphrases", "pairs", "clicks", "clicks_later"),
    *("search", "annotations", "judgments", "truth"),
)
ARROW = {"string": "string", "int64": "int64", "float64": "double", "bool": "bool"}


def one_row(query: str, **values: str) -> tuple[int, ...]:
    with duckdb.connect() as base:
        return base.execute(query, values).fetchone()


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_same_settings_same_bytes(logs: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path)
    again = hashes(tmp_path)
    assert set(again) == {*(f"{name}.parquet" for name in WRITTEN), "market.json"}
    assert again == hashes(logs)


def test_another_seed_is_another_market(logs: Path, tmp_path: Path) -> None:
    simulate(dataclasses.replace(SMALL, seed=4), tmp_path)
    one, other = hashes(logs), hashes(tmp_path)
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize("name", WRITTEN)
def test_columns_are_the_tables(logs: Path, name: str) -> None:
    schema = pq.read_schema(logs / f"{name}.parquet")
    seen = {field.name: str(field.type) for field in schema}
    assert seen == {column.name: ARROW[column.type] for column in tables.table(name).columns}


@pytest.mark.parametrize("name", WRITTEN)
def test_rows_keep_the_tables_rules(logs: Path, name: str) -> None:
    """Keys are unique, required values present, words and bounds and cross-column rules kept."""
    table, path = tables.table(name), str(logs / f"{name}.parquet")
    bad = [f"({check.bad_when})" for check in table.checks]
    for column in table.columns:
        if column.required:
            bad.append(f"{column.name} IS NULL")
        if column.low is not None:
            bad.append(f"{column.name} < {column.low}")
        if column.high is not None:
            bad.append(f"{column.name} > {column.high}")
        if column.words:
            bad.append(f"{column.name} NOT IN {column.words}")
    wrong, distinct, total = one_row(
        f"""SELECT count(*) FILTER ({" OR ".join(bad)}), count(DISTINCT ({", ".join(table.key)})), count(*)
        FROM read_parquet($path)""",
        path=path,
    )
    assert wrong == 0
    assert distinct == total > 0


def test_report_counts_what_lies_there(made: MarketReport) -> None:
    assert made.rows == {name: pq.read_metadata(made.out / f"{name}.parquet").num_rows for name in made.rows}
    assert set(made.rows) == set(WRITTEN)


def test_every_pair_has_an_item_a_keyphrase_and_a_truth(logs: Path) -> None:
    paths = {
        name: str(logs / f"{name}.parquet") for name in ("pairs", "items", "keyphrases", "truth", "clicks")
    }
    lost = one_row(
        """SELECT (SELECT count(*) FROM read_parquet($pairs) ANTI JOIN read_parquet($items) USING (item_id))
        + (SELECT count(*) FROM read_parquet($pairs)
           ANTI JOIN read_parquet($keyphrases) USING (keyphrase))
        + (SELECT count(*) FROM read_parquet($pairs)
           ANTI JOIN read_parquet($truth) USING (item_id, keyphrase))
        + (SELECT count(*) FROM read_parquet($clicks)
           ANTI JOIN read_parquet($pairs) USING (item_id, keyphrase))
        """,
        **paths,
    )
    assert lost == (0,)


def test_no_text_shows_the_hidden_colours(logs: Path) -> None:
    """An item's colour is in its picture; a fifth or so of the coloured titles leave it out."""
    hidden, shown = one_row(
        """SELECT count(*) FILTER (NOT contains(lower(title), colour)),
                  count(*) FILTER (contains(lower(title), colour))
        FROM (SELECT title, replace(image, 'colour: ', '') AS colour
              FROM read_parquet($path) WHERE image IS NOT NULL)""",
        path=str(logs / "items.parquet"),
    )
    assert 0.15 < hidden / (hidden + shown) < 0.25


def test_settings_travel_through_json(logs: Path) -> None:
    assert config.load(MarketSettings, logs / "market.json") == SMALL


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: CatalogueSettings(items=3), "CatalogueSettings.items is 3"),
        (lambda: CatalogueSettings(hidden_colours=1.2), "hidden_colours is 1.2"),
        (lambda: BuyerSettings(click=(0.1, 0.2)), "number of values in click is 2: allowed is 4 to 4"),
        (lambda: BuyerSettings(buy=(0.1, 0.2, 0.3, 1.4)), "BuyerSettings.buy is 1.4"),
        (lambda: AnnotatorSettings(pool=2), "AnnotatorSettings.pool is 2"),
    ],
)
def test_settings_refuse_the_impossible(make, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadConfig, match=text.replace("(", r"\(")):
        make()
