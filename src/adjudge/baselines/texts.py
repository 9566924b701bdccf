"""The item's side of a pair as one text."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from adjudge.text.words import whole


def item_text(pairs: pa.Table, text: str) -> pa.Array:
    """`title`, or `category and title` joined by a space; a null or absent category adds nothing."""
    title = pc.fill_null(whole(pairs["title"]), "")
    if text == "title" or "category" not in pairs.column_names:
        return title
    category = pc.fill_null(whole(pairs["category"]), "")
    return pc.utf8_ltrim_whitespace(pc.binary_join_element_wise(category, title, " "))
