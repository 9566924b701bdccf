"""Golden pairs: a few real pairs across the score range and the odd ones that break tokenisers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

COLUMNS = ("item_id", "keyphrase", "category", "title")
# Stated, not inherited: some writers mark a column without nulls as one that can hold none.
_SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])
_ODD = (
    ("no-category", "{keyphrase}", None, "{title}"),
    ("blank-category", "{keyphrase}", "  ", "{title}"),
    ("emoji", "{keyphrase} \U0001f45f", "{category}", "{title} \U0001f525\U0001f468‍\U0001f469‍\U0001f467"),
    ("special-tokens", "[CLS] {keyphrase} [SEP]", "[MASK]", "{title} [SEP] [PAD]"),
    ("accents", "café ñandú", "Électronique", "Ünïcode ﬁancé 東京 Кофе"),
    ("one-letter", "x", "{category}", "{title}"),
    ("symbols", "#1 'best' 50% off!!", "{category}", "{title} -- $9.99 (new) 3/4\" x 2'"),
    (
        "long-title",
        "{keyphrase}",
        "{category}",
        "{title} {title} {title} {title} {title} {title} {title} {title}",
    ),
    ("long-keyphrase", "{keyphrase} " * 40, "{category}", "{title}"),
    ("long-word", "{keyphrase}", "{category}", "a" * 300),
)


def choose(rows: pa.Table, scores: np.ndarray, count: int) -> pa.Table:
    """`count` rows at even ranks of their scores (all where there are fewer), then ten odd ones.

    Columns item_id, keyphrase, category, title. The same rows and scores give the same pairs: ties in
    score are ranked by item and keyphrase. The odd pairs take their words from the middle row.
    """
    keys = [rows[name].to_pylist() for name in ("item_id", "keyphrase")]
    ranked = sorted(range(len(rows)), key=lambda row: (scores[row], keys[0][row], keys[1][row]))
    places = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    if "category" not in rows.column_names:
        rows = rows.append_column("category", pa.nulls(len(rows), pa.string()))
    real = rows.select(COLUMNS).cast(_SCHEMA).take(pa.array([ranked[rank] for rank in places]))
    middle = real.slice(len(real) // 2, 1).to_pylist()[0]
    return pa.concat_tables([real, _odd(middle)])


def _odd(row: dict[str, str | None]) -> pa.Table:
    words = {name: row[name] or "" for name in COLUMNS}
    return pa.Table.from_pylist(
        [
            {
                "item_id": f"golden-{name}",
                "keyphrase": keyphrase.format(**words),
                "category": category if category is None else category.format(**words),
                "title": title.format(**words),
            }
            for name, keyphrase, category, title in _ODD
        ],
        _SCHEMA,
    )
