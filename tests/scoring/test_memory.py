"""Memory while scoring: long titles, repeated or not, do not make it grow with the rows."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.engines.local.layout import open_file, plan, read
from adjudge.engines.task import input_files
from adjudge.scoring import rows as scoring_rows
from adjudge.scoring.open_model import open_model
from adjudge.scoring.rows import score_rows
from planted import planted

WHEN = datetime(2026, 11, 22, tzinfo=UTC)
RUN = """
import sys
from pathlib import Path
from adjudge.jobs.score import ScoreConfig, score
done = score(ScoreConfig(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), workers=1))
# Not ru_maxrss: that begins with what the process that started this one holds.
held = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(done.rows, int(held["VmHWM"].split()[0]) // 1024)
"""


@pytest.fixture(scope="module")
def long_titles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100,000 rows of 64 titles of 10,000 characters: 1 GB spelled out, 1 MB on disk."""
    path = tmp_path_factory.mktemp("long") / "in.parquet"
    titles = pa.array([(f"w{number} item word " * 1000)[:10_000] for number in range(64)])
    number = np.arange(100_000)
    held = pa.DictionaryArray.from_arrays(pa.array((number % 64).astype(np.int32)), titles)
    ids = pa.array(number).cast(pa.string())
    table = pa.table({"item_id": ids, "keyphrase": pa.repeat("red shoe", len(number)), "title": held})
    plain = table.slice(0, 0).cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    with pq.ParquetWriter(path, plain.schema) as writer:
        for begin in range(0, len(number), 10_000):
            writer.write_table(table.slice(begin, 10_000).cast(plain.schema))
    return path


def test_a_gigabyte_of_titles_is_scored_in_less(
    split_artifact_folder: Path, long_titles: Path, tmp_path: Path
) -> None:
    asked = [str(split_artifact_folder), str(long_titles), str(tmp_path / "out.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *asked], capture_output=True, text=True, check=True, timeout=300
    )
    rows, most = map(int, done.stdout.split())
    assert rows == 100_000
    assert most < 1000, "MB; a chunk of 65,536 such rows took 2,770"


def test_chunks_end_early_where_texts_are_long(long_titles: Path) -> None:
    files = [open_file(path, ()) for path in input_files(long_titles)]
    (part,) = plan(files, [long_titles], 10**6)
    chunks = list(map(len, read(part, ("item_id", "keyphrase", "title"), 65_536)))
    assert sum(chunks) == 100_000
    assert max(chunks) * 10_000 < scoring_rows.TEXT_BYTES + 2048 * 10_000


@pytest.mark.parametrize("coded", [False, True])
def test_pieces_change_no_row(artifact: Path, coded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    table = planted(300, seed=4).select(["item_id", "keyphrase", "title", "category"])
    table = table.set_column(2, "title", pa.array([*table["title"].to_pylist()[:-2], None, ""]))
    if coded:
        columns = [column.combine_chunks().dictionary_encode() for column in table.itercolumns()]
        table = pa.table(columns, names=table.column_names)
    scorer = open_model(artifact, 1)
    whole = score_rows(scorer, table, WHEN, 7)
    monkeypatch.setattr(scoring_rows, "TEXT_BYTES", 1000)
    assert len(list(scoring_rows._pieces(table))) > 5
    pieces = score_rows(scorer, table, WHEN, 7)
    assert pieces.scores.equals(whole.scores)
    assert pieces.unscored.equals(whole.unscored)
    assert pieces.unscored["row"].to_pylist() == [305, 306]
    assert pieces.kept == whole.kept
