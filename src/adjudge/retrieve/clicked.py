"""What click logs say of keyphrases: how many items are shown for them, and in which categories they are clicked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from adjudge.errors import BadConfig, BadTable

SHOWN = """
SELECT keyphrase, count(DISTINCT item_id) AS shown FROM read_parquet(?) WHERE impressions > 0 GROUP BY keyphrase
"""
CATEGORIES = """
SELECT c.keyphrase, i.category FROM read_parquet(?) c JOIN read_parquet(?) i USING (item_id)
WHERE i.category IS NOT NULL GROUP BY c.keyphrase, i.category HAVING sum(c.clicks) >= ?
"""
_NO_CATEGORIES = pa.table({"keyphrase": pa.array([], pa.string()), "category": pa.array([], pa.string())})


@dataclass(frozen=True)
class Clicked:
    """`shown`: items by keyphrase; `categories`: keyphrase and a category it was clicked in."""

    shown: pa.Table | None
    categories: pa.Table

    def shown_for(self, keyphrases: pa.Array) -> pa.Array:
        """Distinct items shown for each keyphrase, int64; 0 where the logs have none."""
        if self.shown is None:
            return pa.repeat(pa.scalar(0, pa.int64()), len(keyphrases))
        at = pc.index_in(keyphrases, value_set=self.shown["keyphrase"].combine_chunks())
        return pc.fill_null(self.shown["shown"].combine_chunks().take(at), 0)


def read_clicked(clicks: Path | None, items: Path | None, min_clicks: int) -> Clicked:
    """Aggregate a clicks table (and an items table). Raises BadTable, and BadConfig for items without clicks."""
    if clicks is None:
        if items is not None:
            raise BadConfig(f"--items {items} is of use only together with --clicks: give both or neither")
        return Clicked(None, _NO_CATEGORIES)
    import duckdb

    try:
        with duckdb.connect() as db:
            shown = db.sql(SHOWN, params=[str(clicks)]).to_arrow_table()
            if items is None or not min_clicks:
                return Clicked(shown, _NO_CATEGORIES)
            found = db.sql(CATEGORIES, params=[str(clicks), str(items), min_clicks]).to_arrow_table()
    except duckdb.Error as error:
        raise BadTable(
            f"{clicks} or {items} cannot be read: {error}. Bring it in with: adjudge import table"
        ) from error
    return Clicked(shown, found.cast(_NO_CATEGORIES.schema))
