"""Dictionary encoding of a table of pairs: text work is done once per distinct text,
never once per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adjudge.student.encode import Ids
from adjudge.student.text import text_columns
from adjudge.text.blank import are_blank


@dataclass(frozen=True)
class TextColumns:
    """Rows that can be scored, by the numbers of their distinct texts.

    able: row numbers of the table; of these rows, `keyphrase_of` and `item_of` are places in `keyphrases` and
    `items`, the two texts that `text.pairs.text_columns` makes of a pair.
    """

    able: Ids
    keyphrases: list[str]
    items: list[str]
    keyphrase_of: Ids
    item_of: Ids


def columns_of(pairs: pa.Table) -> TextColumns:
    """The columns of a to_score table, of strings or dictionaries."""
    able = np.ones(len(pairs), bool)
    coded: dict[str, tuple[Ids, pa.Array]] = {}
    for name in ("item_id", "keyphrase", "title", "category"):
        if name in pairs.column_names:
            codes, texts = coded[name] = _coded(pairs[name])
            if name != "category":
                able &= ~are_blank(texts).to_numpy(zero_copy_only=False)[codes]
    rows = np.flatnonzero(able)
    codes, texts = coded["keyphrase"]
    keyphrase, keyphrase_of = _used(codes[rows])
    keyphrases = text_columns(
        pa.table({"keyphrase": texts.take(pa.array(keyphrase)), "title": _nulls(keyphrase)})
    )[0]
    items, item_of = _items(coded, rows)
    return TextColumns(rows, keyphrases.to_pylist(), items.to_pylist(), keyphrase_of, item_of)


def _items(coded: dict[str, tuple[Ids, pa.Array]], rows: Ids) -> tuple[pa.Array, Ids]:
    """Distinct (category, title) as text, and each row's place among them."""
    titles, title_texts = coded["title"]
    categories, category_texts = coded.get("category", (np.zeros_like(titles), pa.nulls(1, pa.string())))
    both, item_of = _used(categories[rows] * len(title_texts) + titles[rows])
    category, title = np.divmod(both, max(1, len(title_texts)))
    table = pa.table(
        {
            "keyphrase": _nulls(both),
            "category": category_texts.take(pa.array(category)),
            "title": title_texts.take(pa.array(title)),
        }
    )
    return text_columns(table)[1], item_of


def _coded(column: pa.ChunkedArray) -> tuple[Ids, pa.Array]:
    """Places and the distinct texts they stand for; a null is a text of its own."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_dictionary(whole.type):
        whole = whole.cast(pa.string()).dictionary_encode()
    texts = pa.concat_arrays([whole.dictionary.cast(pa.string()), pa.nulls(1, pa.string())])
    codes = whole.indices.cast(pa.int64()).fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    return codes, texts


def _used(codes: Ids) -> tuple[Ids, Ids]:
    """Sorted distinct codes, and the place of each code among them."""
    if not len(codes):
        return codes, codes
    most = int(codes.max()) + 1
    if most > 4 * len(codes) + 1024:
        return np.unique(codes, return_inverse=True)
    numbers = np.zeros(most, np.int64)
    numbers[codes] = 1
    used = np.flatnonzero(numbers)
    numbers[used] = np.arange(len(used))
    return used, numbers[codes]


def _nulls(like: Ids) -> pa.Array:
    return pa.nulls(len(like), pa.string())
