"""What click logs say of keyphrases: items shown for them, and categories they are clicked in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from adjudge.errors import BadConfig
from adjudge.storage.duck import in_memory
from adjudge.storage.views import create_view
from adjudge.tables import CLICKS, ITEMS

SHOWN = """
SELECT keyphrase, count(DISTINCT item_id) AS shown FROM clicks WHERE impressions > 0 GROUP BY keyphrase
"""
CATEGORIES = """
SELECT c.keyphrase, i.category FROM clicks c JOIN items i USING (item_id)
WHERE i.category IS NOT NULL GROUP BY c.keyphrase, i.category HAVING sum(c.clicks) >= $least
"""
_NO_CATEGORIES = pa.table({"keyphrase": pa.array([], pa.string()), "category": pa.array([], pa.string())})


@dataclass(frozen=True)
class ClickSummary:
    """`shown`: items by keyphrase; `categories`: keyphrase and a category it was clicked in."""

    shown: pa.Table | None
    categories: pa.Table

    def shown_for(self, keyphrases: pa.Array) -> pa.Array:
        """Distinct items shown for each keyphrase, int64; 0 if the logs have none."""
        if self.shown is None:
            return pa.repeat(pa.scalar(0, pa.int64()), len(keyphrases))
        at = pc.index_in(keyphrases, value_set=self.shown["keyphrase"].combine_chunks())
        return pc.fill_null(self.shown["shown"].combine_chunks().take(at), 0)


def read_clicks(clicks: Path | None, items: Path | None, min_clicks: int) -> ClickSummary:
    """Aggregate a clicks table (and an items table). Raises BadTable, BadConfig."""
    if clicks is None:
        if items is not None:
            raise BadConfig(f"--items {items} is of use only together with --clicks: give both or neither")
        return ClickSummary(None, _NO_CATEGORIES)
    message = f"{clicks} or {items} cannot be read: {{}}. Bring it in with: adjudge import table"
    with in_memory(message) as db:
        create_view(db, "clicks", CLICKS.only("item_id", "keyphrase", "impressions", "clicks"), clicks)
        shown = db.sql(SHOWN).to_arrow_table()
        if items is None or not min_clicks:
            return ClickSummary(shown, _NO_CATEGORIES)
        create_view(db, "items", ITEMS.only("item_id", "category"), items)
        categories = db.sql(CATEGORIES, params={"least": min_clicks}).to_arrow_table()
    return ClickSummary(shown, categories.cast(_NO_CATEGORIES.schema))
