"""UTF-8 validation and repair: one answer for bytes and for Arrow columns.

Arrow takes any bytes for a string if they come from a Parquet file; DuckDB and tokenizers refuse those that
are not UTF-8. A repaired text has U+FFFD (the replacement character) in place of each broken sequence, as
Python's `replace`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def decode(raw: bytes) -> str | None:
    """The text of some bytes, or None if they are not UTF-8.

    >>> decode(b"caf\\xc3\\xa9"), decode(b"caf\\xe9")
    ('café', None)
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_whole(column: pa.Array) -> bool:
    """Whether every text of a string column is UTF-8."""
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def repair(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """A string column with its texts repaired, and for each row whether it was broken (never null).

    A column that is whole is given back as it is; that costs one pass in Arrow.
    """
    import pyarrow as pa

    if is_whole(column):
        return column, pa.repeat(pa.scalar(False), len(column))
    raw = column.cast(pa.binary()).to_pylist()
    broken = [value is not None and decode(value) is None for value in raw]
    texts = [None if value is None else value.decode("utf-8", "replace") for value in raw]
    return pa.array(texts, pa.string()), pa.array(broken, pa.bool_())
