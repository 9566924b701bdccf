"""Laws of every engine: a run killed in its last steps, when its result is there or nearly, never loses a
row to --resume."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.config import from_dict
from adjudge.engines import state
from adjudge.engines.parts import UNSCORED
from adjudge.engines.stamp import SUCCESS
from adjudge.engines.task import ScoreResult
from adjudge.jobs.score import ScoreConfig, score
from engines import AT, ENGINES, rows_of, unscored_of
from planted import planted

pytestmark = pytest.mark.parametrize("engine", ENGINES)
Engine = dict[str, Any]
ROWS, EMPTY = 400, 10


class Killed(BaseException):
    """What ends a run here as a kill would; nothing catches it."""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """400 rows, every tenth without a title."""
    rows = planted(ROWS, seed=3).select(["item_id", "keyphrase", "title", "category"])
    titles = ["" if row % EMPTY == 0 else title for row, title in enumerate(rows["title"].to_pylist())]
    pq.write_table(rows.set_column(2, "title", pa.array(titles)), tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def run(engine: Engine, artifact: Path, pairs: Path, out: Path, resume: bool = False) -> ScoreResult:
    values = {"artifact": artifact, "pairs": pairs, "out": out, "resume": resume, "scored_at": AT}
    return score(from_dict(ScoreConfig, {**values, **engine, "part_rows": 20}))


def check(done: ScoreResult, whole: ScoreResult, home: Path) -> None:
    assert (done.rows, done.kept, done.unscored) == (whole.rows, whole.kept, whole.unscored)
    assert rows_of(done.out) == rows_of(whole.out)
    assert unscored_of(done) == unscored_of(whole)
    assert not list(home.glob(".*")), "nothing is left beside it"


def killed_before_naming(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """From now on whoever gives a file this name is killed."""
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise Killed
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("first", ["part-*", f"{UNSCORED}/part-*", f"{state.INNER}/*"])
def test_a_kill_while_the_working_folder_goes(
    engine: Engine, overlap: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """A folder is removed file by file, in whatever order: here the kill comes when some of one kind are
    gone."""
    whole = run(engine, overlap, pairs, tmp_path / "whole.parquet")
    out, real, killed = tmp_path / "a" / "out.parquet", shutil.rmtree, []

    def rmtree(path: Path, *more: Any, **options: Any) -> None:
        if out.exists() and Path(path).exists() and ".run" in Path(path).name:
            for file in sorted(Path(path).glob(first))[:10]:
                file.unlink()
                killed.append(file.name)
            raise Killed
        real(path, *more, **options)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with pytest.raises(Killed):
        run(engine, overlap, pairs, out)
    monkeypatch.undo()
    assert killed
    assert len(pq.read_table(out)) == ROWS, "the result is there already"
    check(run(engine, overlap, pairs, out, resume=True), whole, out.parent)


def test_a_mark_without_its_files_does_not_count(
    engine: Engine, overlap: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(engine, overlap, pairs, tmp_path / "whole.parquet")
    out = tmp_path / "a" / "out.parquet"
    killed_before_naming(monkeypatch, out.name)
    with pytest.raises(Killed):
        run(engine, overlap, pairs, out)
    monkeypatch.undo()
    made = state.folder_of(out)
    scores, unscored = (sorted(folder.glob("part-*")) for folder in (made, made / UNSCORED))
    assert len(scores) > 2
    assert len(unscored) > 2
    for path in (scores[0], unscored[-1]):
        path.unlink()
    check(run(engine, overlap, pairs, out, resume=True), whole, out.parent)


def test_half_a_swap_is_undone_before_a_run_starts(
    engine: Engine, overlap: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a swap takes two renames, a kill between them leaves the old folder beside its place."""
    out = tmp_path / "a" / "out"
    old = run(engine, overlap, pairs, out)
    out.rename(out.with_name(".out.old"))
    killed_before_naming(monkeypatch, SUCCESS)
    with pytest.raises(Killed):
        run(engine, overlap, pairs, out)
    monkeypatch.undo()
    assert len(rows_of(out)) == old.rows, "the old result is back while the new one is made"
    (out / state.INNER).mkdir()
    done = run(engine, overlap, pairs, out, resume=True)
    assert len(rows_of(done.out)) == ROWS
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert not (out / state.INNER).exists()
