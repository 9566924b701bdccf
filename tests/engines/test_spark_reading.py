"""What Spark cannot read is said in one line, and a borrowed session is given back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.engines.spark.reading import file_of, spelled
from adjudge.engines.spark.session import SparkFailed, batches, opened, reason
from adjudge.engines.spark.settings import SparkSettings
from adjudge.errors import BadTable
from adjudge.jobs.score import ScoreConfig, score
from planted import planted


def test_paths_are_no_patterns() -> None:
    assert spelled(Path("/a b/x[1]{y}*?\\.parquet")) == "file:///a b/x\\[1\\]\\{y\\}\\*\\?\\\\.parquet"


def test_types_as_spark_calls_them() -> None:
    kinds = {
        "a": pa.string(),
        "b": pa.dictionary(pa.int32(), pa.large_string()),
        "c": pa.dictionary(pa.int32(), pa.int16()),
        "d": pa.uint64(),
        "e": pa.null(),
        "unasked": pa.timestamp("ns"),
    }
    file = file_of(Path("x.parquet"), 7, pa.schema(list(kinds.items())), ("a", "b", "c", "d", "e", "gone"))
    assert file.path.is_absolute()
    told = {"a": "string", "b": "string", "c": "bigint", "d": "decimal(20,0)", "e": "bigint"}
    assert dict(file.kinds) == told


@pytest.mark.parametrize("name", ["_a.parquet", ".a.parquet", "a:b.parquet"])
def test_names_that_spark_passes_over(name: str) -> None:
    with pytest.raises(BadTable, match=r"Spark reads no file .* Rename it"):
        file_of(Path(name), 0, pa.schema([]), ())


def test_the_jvms_own_errors_are_told_in_one_line() -> None:
    said = "An error occurred while calling o6.collect.\n: java.io.IOException: no disk\n\tat org.apache"
    assert reason(said) == "java.io.IOException: no disk"
    assert reason("[FAILED] while reading a.parquet.  SQLSTATE: KD001") == "[FAILED] while reading a.parquet"


def test_a_run_without_a_finished_part_is_not_to_be_resumed(
    spark: object, artifact: Path, tmp_path: Path
) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(planted(200, seed=2).select(["item_id", "keyphrase", "title"]), path, compression="none")
    whole = path.read_bytes()
    # The footer holds, the rows do not.
    path.write_bytes(whole[:4] + b"\xff" * 400 + whole[404:])
    with pytest.raises(SparkFailed, match=r"^Spark gave the run up: [^\n]*No part was finished\.") as told:
        score(ScoreConfig(artifact, path, tmp_path / "out", engine="spark"))
    assert "--resume" not in str(told.value)
    assert not (tmp_path / ".out.run").exists()


def test_a_borrowed_session_keeps_its_own_settings(spark: Any) -> None:
    rows, size, case = batches(123)
    before = {name: spark.conf.getAll.get(name) for name in (rows, size, case)}
    try:
        spark.conf.set(rows, "77")
        spark.conf.unset(size)
        spark.conf.unset(case)
        for failing in (False, True):
            try:
                with opened(SparkSettings(), 1, 123) as session:
                    assert session is spark
                    assert {name: spark.conf.get(name) for name in batches(123)} == batches(123)
                    if failing:
                        raise KeyError
            except KeyError:
                assert failing
            assert spark.conf.get(rows) == "77"
            assert {size, case}.isdisjoint(spark.conf.getAll)
    finally:
        for name, value in before.items():
            if value is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, value)
