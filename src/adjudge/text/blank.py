"""What counts as blank text: one answer for Python, Arrow and SQL.

A text is blank if it is null or holds only white space, control characters and invisible format characters
(Unicode categories Z*, Cc, Cf, Co, Cs): U+200B (zero width space), an em space and a tab are all blank, alone
or together.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

PATTERN = r"^[\p{Z}\p{Cc}\p{Cf}\p{Co}]*$"
"""RE2, which both Arrow and DuckDB run; surrogates (Cs) cannot stand in UTF-8. No dot: no `(?s)`."""
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"))


def is_blank(text: str | None) -> bool:
    """Whether nothing of a text is left to be read: null, empty, white space or invisible characters.

    >>> is_blank(None), is_blank(" \\u200b\\u2003\\t"), is_blank("0")
    (True, True, False)
    """
    return text is None or all(unicodedata.category(character) in _INVISIBLE for character in text)


def are_blank(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """`is_blank` of each text of a string column, as booleans without nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = texts.cast(pa.string()) if pa.types.is_dictionary(texts.type) else texts
    return pc.fill_null(pc.match_substring_regex(plain, PATTERN), True)


def blank_sql(column: str) -> str:
    """A DuckDB expression for `is_blank` of a text column (an SQL identifier or expression of the caller's
    own)."""
    return f"(({column}) IS NULL OR regexp_matches({column}, '{PATTERN}'))"
