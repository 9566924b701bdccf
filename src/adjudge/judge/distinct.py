"""How many texts a table of pairs holds: what progress counts, since equal texts are asked once."""

from __future__ import annotations

from pathlib import Path

from adjudge.errors import BadTable

_COUNT = """SELECT count(*) FROM (SELECT DISTINCT keyphrase, title, {category} FROM pairs
WHERE regexp_matches(keyphrase, '[^\\p{{C}}\\p{{Z}}]') AND regexp_matches(title, '[^\\p{{C}}\\p{{Z}}]'))"""
"""As `fence.blank` has it: neither control and invisible characters nor spaces are something to judge."""


def texts(pairs: Path) -> int:
    """Distinct (keyphrase, title, category) with something in both keyphrase and title. Raises BadTable."""
    import duckdb

    try:
        with duckdb.connect(config={"memory_limit": "2GB"}) as db:
            there = db.read_parquet(str(pairs))
            there.create_view("pairs")
            category = "category" if "category" in there.columns else "NULL::VARCHAR"
            found = db.execute(_COUNT.format(category=category)).fetchone()
    except duckdb.Error as error:
        raise BadTable(f"{pairs} cannot be read as pairs: {str(error).splitlines()[0]}") from error
    return int(found[0]) if found else 0
