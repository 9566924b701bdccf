"""`adjudge quantise`, then `adjudge score --precision auto`: one run, from training table to rows that say
their precision."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.cli import results
from adjudge.config import from_dict, to_dict
from adjudge.errors import BadConfig, BadTable, NotEnoughData
from adjudge.jobs.quantise import QuantiseConfig, quantise
from adjudge.jobs.score import ScoreConfig, score
from adjudge.scoring.precision.cpu import units
from adjudge.scoring.precision.parity_gate import GateLimits
from adjudge.student.artifact import read
from planted import planted, write_planted


@pytest.fixture
def copy(artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact, tmp_path / "artifact"))


def test_from_training_table_to_scores(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = write_planted(tmp_path / "training.parquet", 1500, seed=5)
    config = QuantiseConfig(copy, training, seen_rows=300, limits=GateLimits(1, 1, 1, 1))
    assert from_dict(QuantiseConfig, to_dict(config)) == config
    found = {one.precision: one for one in quantise(config)}
    for name, one in found.items():
        assert (one.verdict is None) == bool(units().lacks(name))
        if one.verdict:
            # The test split alone: a fifth of the rows.
            assert one.verdict.parity.pairs == 300
    results.quantise(list(found.values()), None)
    shown = capsys.readouterr().out
    assert "int8" in shown
    assert "bf16" in shown

    pairs = tmp_path / "pairs.parquet"
    pq.write_table(planted(40, seed=6), pairs)
    fastest = units().fastest_first[0]
    version = read(copy).model_version
    for asked, expected in (
        ("fp32", version),
        ("auto", version if fastest == "fp32" else f"{version}+{fastest}"),
    ):
        done = score(ScoreConfig(copy, pairs, tmp_path / f"{asked}.parquet", precision=asked))
        assert done.model_version == expected
        assert pq.read_table(done.out)["model_version"].unique().to_pylist() == [expected]


def test_tables_that_cannot_judge(copy: Path, tmp_path: Path) -> None:
    rows = planted(300)
    path = tmp_path / "training.parquet"
    pq.write_table(
        rows.set_column(rows.column_names.index("split"), "split", pa.array(["train"] * 300)), path
    )
    with pytest.raises(NotEnoughData, match="no row of split test or dev"):
        quantise(QuantiseConfig(copy, path))
    pq.write_table(rows.drop_columns(["label"]), path)
    with pytest.raises(BadTable, match="needs column label"):
        quantise(QuantiseConfig(copy, path))
    path.write_bytes(b"PAR1")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        quantise(QuantiseConfig(copy, path))
    with pytest.raises(BadConfig, match="seen_rows is 0"):
        QuantiseConfig(copy, path, seen_rows=0)


def test_precision_is_for_cross_encoders(tmp_path: Path) -> None:
    from adjudge.jobs.train import TrainConfig, train

    training = write_planted(tmp_path / "training.parquet", 200)
    made = train(TrainConfig(training, tmp_path / "jaccard", kind="jaccard")).artifact
    pq.write_table(planted(5), tmp_path / "pairs.parquet")
    with pytest.raises(BadConfig, match="precision int8 is for cross-encoders; .* holds a jaccard model"):
        score(ScoreConfig(made, tmp_path / "pairs.parquet", tmp_path / "out.parquet", precision="int8"))
    done = score(ScoreConfig(made, tmp_path / "pairs.parquet", tmp_path / "out.parquet", precision="auto"))
    assert done.rows == 5
