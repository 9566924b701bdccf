"""Click pairs that a CTR model learns from, and the item and keyphrase facts it knows, from a logs folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge import tables
from adjudge.baselines.settings import CtrSettings
from adjudge.errors import BadTable
from adjudge.storage.duck import bounded
from adjudge.storage.views import open_log

TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def click_pairs(logs: Path, settings: CtrSettings, split: str | None, scratch: Path) -> pa.Table:
    """Pairs summed over positions, with title and category: item_id, keyphrase, title, category, impressions,
    clicks, split (`train` or `dev`), in a seeded order, at most `max_pairs`.

    `split` is an SQL expression over item_id and keyphrase that gives train, dev, test or NULL (as
    `recipes.split_sql` does); only train and dev are read. Without it a seeded share of the items is dev.
    """
    wrong = (
        "the click or item table cannot be used ({}): bring it in with adjudge import, which checks every row"
    )
    spill, most = scratch / "spill", settings.memory_limit
    with bounded(spill, most, wrong, ", or lower max_pairs", settings.threads) as connection:
        for name in ("clicks", "items"):
            open_log(connection, logs, name)
        text = _sql("pairs").replace("$split_sql", split or _own_split(settings))
        given = {"seed": str(settings.seed), "most": settings.max_pairs}
        return connection.sql(text, params=given).to_arrow_table()


def facts(logs: Path, name: str, columns: tuple[str, ...]) -> pa.Table | None:
    """Some columns of an optional table (absent columns as nulls), or None where the folder has no such
    table."""
    path = logs / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        present = pq.read_schema(path).names
        tables.table(name).check_columns(present, path)
        table = pq.read_table(path, columns=[column for column in columns if column in present])
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}") from error
    types = {column.name: TYPES[column.type] for column in tables.table(name).columns}
    filled = [
        table[column].cast(types[column]) if column in present else pa.nulls(len(table), types[column])
        for column in columns
    ]
    return pa.table(filled, names=list(columns))


def _own_split(settings: CtrSettings) -> str:
    text = _sql("no_split").replace("$seed", str(int(settings.seed)))
    return text.replace("$dev_below", str(round(settings.dev_share * 2**32)))


def _sql(name: str) -> str:
    return files("adjudge.baselines").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()
