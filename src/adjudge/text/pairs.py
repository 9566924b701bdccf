"""Texts of a table of pairs: which rows can be scored, and the item's side as one text."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from adjudge.text.blank import are_blank
from adjudge.text.words import one_array

NO_ITEM = "item_id is null or blank"
NO_KEYPHRASE = "keyphrase is null or blank"
NO_TITLE = "title is null or blank"


def unscorable(pairs: pa.Table) -> pa.Array:
    """Why each row cannot be scored: a reason, or null if it can. A blank category is no reason."""
    reasons = pa.nulls(len(pairs), pa.string())
    for name, reason in (("title", NO_TITLE), ("keyphrase", NO_KEYPHRASE), ("item_id", NO_ITEM)):
        if name in pairs.column_names:
            reasons = pc.if_else(are_blank(one_array(pairs[name])), reason, reasons)
    return reasons


def category_of(pairs: pa.Table) -> pa.Array:
    """The category of each row as one string array; nulls if the table has no such column."""
    if "category" not in pairs.column_names:
        return pa.nulls(len(pairs), pa.string())
    return one_array(pairs["category"])


def item_text(pairs: pa.Table, text: str) -> pa.Array:
    """`title`, or `category and title` joined by a space; a null or absent category adds nothing."""
    title = pc.fill_null(one_array(pairs["title"]), "")
    if text == "title":
        return title
    category = pc.fill_null(category_of(pairs), "")
    return pc.utf8_ltrim_whitespace(pc.binary_join_element_wise(category, title, " "))
