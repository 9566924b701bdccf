"""The engines that the laws are run on; a new one is one line here."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.engines.output import read_result
from adjudge.engines.task import ScoreResult
from adjudge.jobs.score import ScoreConfig, score

NO_SPARK = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None, reason="needs pyspark and Java 17"
)
ENGINES = (
    pytest.param({"engine": "local"}, id="local"),
    pytest.param(
        {"engine": "local", "workers": 2, "part_rows": 20, "local": {"inline_up_to_rows": 0}}, id="local-2"
    ),
    pytest.param({"engine": "spark"}, id="spark", marks=NO_SPARK),
)
AT = "2026-11-22T06:00:00Z"


def run(engine: dict[str, Any], artifact: Path, pairs: pa.Table, out: Path, **more: Any) -> ScoreResult:
    """Score a table on an engine, all at one time."""
    from adjudge.config import from_dict

    source = out.with_name(f"{out.name}.in.parquet")
    source.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pairs, source)
    values = {"artifact": artifact, "pairs": source, "out": out, "scored_at": AT, **engine, **more}
    return score(from_dict(ScoreConfig, values))


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The rows of a result, part by part."""
    return [row for file in read_result(out)[1] for row in pq.read_table(file).to_pylist()]


def unscored_of(done: ScoreResult) -> list[dict[str, Any]]:
    """The rows without a score, by row number."""
    if done.unscored_path is None:
        return []
    rows = pq.read_table(done.unscored_path).to_pylist()
    return sorted(rows, key=lambda row: row["row"])
