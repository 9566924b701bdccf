"""The one text input of training and scoring: a pair becomes two strings for a BERT tokenizer.

    keyphrase, "category [SEP] title"   ->   [CLS] keyphrase [SEP] category [SEP] title [SEP]

(paper 1: `keyword [SEP] category name [SEP] item title`). A null or blank category leaves its place empty:
`[CLS] keyphrase [SEP] [SEP] title [SEP]`. The spelling of a special token inside a user's text is that text,
not a token: `[SEP]` becomes `[ SEP]`, which a BERT tokenizer cuts into `[`, `sep`, `]`.

Imports pyarrow; no torch, no tokenizer.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from adjudge.text.blank import are_blank
from adjudge.text.words import one_array

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SPELLED = r"\[(PAD|UNK|CLS|SEP|MASK)\]"


def text_pair(keyphrase: str, category: str | None, title: str) -> tuple[str, str]:
    """The two strings of one pair, as `CrossEncoder.predict` and a BERT tokenizer take them.

    >>> text_pair("red shoe", "Shoes", "Acme runner")
    ('red shoe', 'Shoes [SEP] Acme runner')
    >>> text_pair("red [SEP] shoe", None, "Acme runner")
    ('red [ SEP] shoe', ' [SEP] Acme runner')
    """
    row = {"keyphrase": [keyphrase], "category": pa.array([category], pa.string()), "title": [title]}
    first, second = text_columns(pa.table(row))
    return first[0].as_py(), second[0].as_py()


def text_columns(pairs: pa.Table) -> tuple[pa.Array, pa.Array]:
    """`text_pair` for a table with keyphrase, title and (optionally) category: two string arrays.

    Nulls become empty strings; `text.pairs.unscorable` says which rows must not be scored.
    """
    category = plain(pairs, "category")
    second = pc.binary_join_element_wise(category, plain(pairs, "title"), " [SEP] ")
    return plain(pairs, "keyphrase"), second


def plain(pairs: pa.Table, name: str) -> pa.Array:
    """A text column as one string array: nulls empty, blank texts empty, special tokens spelled apart."""
    if name not in pairs.column_names:
        return pa.array([""] * len(pairs), pa.string())
    texts = pc.fill_null(one_array(pairs[name]), "")
    texts = pc.replace_substring_regex(texts, _SPELLED, r"[ \1]")
    return pc.if_else(are_blank(texts), "", texts)
