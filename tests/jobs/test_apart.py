"""No job writes over what it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.jobs.diff import DiffConfig
from adjudge.jobs.distil import DistilConfig
from adjudge.jobs.pairs import PairsConfig
from adjudge.jobs.recommend import RecommendConfig
from adjudge.jobs.retrieve import RetrieveConfig
from adjudge.jobs.tune.material import TuneConfig

A, B, C, D = map(Path, ("a.parquet", "b.parquet", "c", "d"))
CASES: dict[str, Callable[[], object]] = {
    "retrieve": lambda: RetrieveConfig(graph=C, items=A, out=A),
    "recommend, its items": lambda: RecommendConfig(A, B, B),
    "recommend, its scores": lambda: RecommendConfig(A, B, Path("c/../a.parquet")),
    "diff, its later day": lambda: DiffConfig(C, D, D),
    "diff, its earlier day": lambda: DiffConfig(C, D, C),
    "distil": lambda: DistilConfig(C, A, B, C),
    "tune": lambda: TuneConfig(A, B, base="hf:c", out=C),
    "tune a student": lambda: TuneConfig(A, B, base="student:c", out=C),
}


@pytest.mark.parametrize("case", CASES)
def test_an_output_that_is_an_input_is_refused(case: str) -> None:
    with pytest.raises(BadConfig, match="it would be overwritten; give out another file"):
        CASES[case]()


def test_pairs_are_not_written_over_a_log(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="it would be overwritten"):
        PairsConfig(tmp_path, tmp_path / "pairs.parquet")
    (tmp_path / "asked.parquet").touch()
    PairsConfig(tmp_path, tmp_path / "asked.parquet")
