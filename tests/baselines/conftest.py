"""A small logs folder whose clicks follow the words that item and keyphrase share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

COLOURS = ("red", "blue", "green", "grey")
THINGS = ("shoe", "lamp", "kettle", "tent", "drill")


def world(seed: int = 0, items: int = 120) -> dict[str, pa.Table]:
    rng = np.random.default_rng(seed)
    stock = [(f"i{n:03}", COLOURS[rng.integers(4)], THINGS[rng.integers(5)]) for n in range(items)]
    phrases = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
    rows = []
    for item, colour, thing in stock:
        for phrase in phrases:
            same = (colour in phrase) + 2 * (thing in phrase)
            shown = int(rng.integers(20, 200))
            rows.append((item, phrase, shown, int(rng.binomial(shown, 0.02 + 0.1 * same)), same == 3))
    columns = list(zip(*rows, strict=True))
    return {
        "items": pa.table(
            {
                "item_id": [item for item, _, _ in stock],
                "title": [
                    f"Acme {colour} {thing} model {n % 7}" for n, (_, colour, thing) in enumerate(stock)
                ],
                "category": [thing.title() for _, _, thing in stock],
                "price": rng.uniform(5, 50, items),
            }
        ),
        "clicks": pa.table(
            {"item_id": columns[0], "keyphrase": columns[1], "impressions": columns[2], "clicks": columns[3]}
        ),
        "keyphrases": pa.table(
            {
                "keyphrase": phrases,
                "searches": list(range(len(phrases))),
                "category": [phrase.split()[1].title() for phrase in phrases],
            }
        ),
    }


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for name, table in world().items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="session")
def training(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pairs of the world, relevant where colour and thing agree; a fifth of them dev."""
    clicks, items = pq.read_table(logs / "clicks.parquet"), pq.read_table(logs / "items.parquet")
    rows = clicks.select(["item_id", "keyphrase"]).join(
        items.select(["item_id", "title", "category"]), "item_id"
    )
    rows = rows.sort_by([("item_id", "ascending"), ("keyphrase", "ascending")])
    told = rows.to_pylist()
    labels = [float(all(word in row["title"] for word in row["keyphrase"].split())) for row in told]
    more = {
        "label": labels,
        "weight": [1.0] * len(told),
        "source": ["human"] * len(told),
        "split": ["dev" if int(row["item_id"][1:]) % 5 == 0 else "train" for row in told],
    }
    for name, values in more.items():
        rows = rows.append_column(name, pa.array(values))
    path = tmp_path_factory.mktemp("recipe") / "training.parquet"
    pq.write_table(rows, path)
    return path
