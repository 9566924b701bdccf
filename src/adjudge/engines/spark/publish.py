"""From finished buckets to a result: a folder of parts, or one file in the order of the input."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.local.worker import Counts
from adjudge.engines.output import UNSCORED, Stamp, Success, stamped, write_success
from adjudge.engines.spark.worker import INNER
from adjudge.scoring.rows import SCORES_SCHEMA, UNSCORED_SCHEMA
from adjudge.storage.files import discard, fresh_parquet, move_in

IN_ORDER = "SELECT * FROM read_parquet(?) ORDER BY row"
BATCH = 131_072


def folder(out: Path, made: Path, stamp: Stamp, total: Counts) -> Path:
    """The working folder becomes the output; `_SUCCESS` is in it before it takes the name. Gives the unscored."""
    names = tuple(sorted(path.name for path in made.glob("part-*.parquet")))
    if not names:
        names = ("part-000000.parquet",)
        pq.write_table(stamped(SCORES_SCHEMA, stamp).empty_table(), made / names[0])
    counts = (total.rows, total.kept, total.unscored, total.reasons)
    write_success(made, Success(stamp, "spark", *counts, names))
    # Left in an older result by a kill: it would make that one, moved out, a run to resume.
    discard(out / INNER)
    move_in(made, out)
    discard(out / INNER)
    return out / UNSCORED


def one_file(out: Path, made: Path, stamp: Stamp, total: Counts) -> Path:
    """The parts sorted by row into one file (DuckDB; what does not fit 1 GB spills), the unscored beside it."""
    aside = out.with_name(f"{out.stem}.unscored.parquet")
    if total.unscored:
        _sorted(sorted((made / UNSCORED).glob("part-*.parquet")), aside, UNSCORED_SCHEMA, made)
    else:
        aside.unlink(missing_ok=True)
    _sorted(sorted(made.glob("part-*.parquet")), out, stamped(SCORES_SCHEMA, stamp), made)
    discard(made)
    return aside


def _sorted(parts: list[Path], out: Path, schema: pa.Schema, scratch: Path) -> None:
    import duckdb

    with fresh_parquet(out, schema) as writer:
        if not parts:
            return
        with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(scratch / INNER)}) as db:
            found = db.sql(IN_ORDER, params=[[str(path) for path in parts]])
            for batch in found.to_arrow_reader(BATCH):
                table = pa.table(batch).select(schema.names).cast(schema)
                writer.write_table(table.replace_schema_metadata(schema.metadata))
