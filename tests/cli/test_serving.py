"""A day and the next, command by command."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from adjudge.cli.commands import app, main
from adjudge.jobs.train import TrainConfig, train
from adjudge.manifest import set_threshold
from planted import planted, write_planted


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("serving")
    artifact = train(
        TrainConfig(write_planted(home / "t.parquet", 200), home / "artifact", kind="jaccard")
    ).artifact
    set_threshold(artifact, 0.2, 0.95, "by hand")
    rows = planted(400, seed=3)
    for day, first in (("one", 0), ("two", 40)):
        (home / day).mkdir()
        part = rows.slice(first, 360)
        pq.write_table(part.select(["item_id", "keyphrase"]), home / day / "pairs.parquet")
        items = part.group_by("item_id", use_threads=False).aggregate(
            [("title", "first"), ("category", "first")]
        )
        pq.write_table(items.rename_columns(["item_id", "title", "category"]), home / day / "items.parquet")
    return home


def said(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_two_days(home: Path) -> None:
    one, two, table = home / "one", home / "two", home / "served"
    score = ("score", "--artifact", home / "artifact", "--set", "scored_at=2026-11-22T06:00:00Z")
    text = said(
        *score, "--pairs", one / "pairs.parquet", "--items", one / "items.parquet", "--out", home / "full"
    )
    assert "360 rows" in text
    text = said("merge", "--table", table, "--scores", home / "full", "--full")
    assert "not served yet: adjudge publish --table" in text
    assert "serving version 1" in said("publish", "--table", table)
    text = said("diff", "--before", one, "--after", two, "--out", home / "diff")
    assert "new" in text
    assert "to delete: " in text
    said(*score, "--pairs", home / "diff" / "pairs.parquet", "--out", home / "diff.parquet")
    merge = ("merge", "--table", table, "--scores", home / "diff.parquet", "--run-id", "two", "--publish")
    assert "version 2: " in (text := said(*merge, "--deleted", home / "diff" / "deleted.parquet"))
    assert text.endswith("served")
    assert "merged before: no change" in said(*merge, "--deleted", home / "diff" / "deleted.parquet")
    folder = Path(said("served", "--table", table).replace(" ", ""))
    rows = sum(pq.read_metadata(path).num_rows for path in folder.glob("bucket-*.parquet"))
    wanted = {tuple(row.values()) for row in pq.read_table(two / "pairs.parquet").to_pylist()}
    assert rows == len(wanted)
    out = home / "recommendations.parquet"
    text = said(
        "recommend", "--scores", table, "--items", two / "items.parquet", "--out", out, "--per-item", 1
    )
    assert "cap per item" in text
    assert set(pq.read_table(out)["rank"].to_pylist()) == {1}
    assert "no adgroup_id" in text


def test_paths_that_cannot_be_used_are_told_in_one_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    one = home / "one"
    score = ("score", "--artifact", home / "artifact", "--pairs", one / "pairs.parquet", "--items")
    scores = tmp_path / "scores.parquet"
    said(*score, one / "items.parquet", "--out", scores)
    recommend = ("recommend", "--scores", scores, "--items", one / "items.parquet", "--out")
    for words in (
        (*score, tmp_path / "nope.parquet", "--out", tmp_path / "out"),
        (*score, one / "items.parquet", "--out", file / "out"),
        (*score, one / "items.parquet", "--out", file / "out.parquet"),
        (*recommend, file / "out.parquet"),
        ("merge", "--table", file, "--scores", scores, "--full"),
        ("diff", "--before", one, "--after", home / "two", "--out", file),
        ("diff", "--before", one, "--after", home / "two", "--out", file / "out"),
    ):
        monkeypatch.setattr(sys, "argv", ["adjudge", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        printed = capsys.readouterr().err.splitlines()
        assert [line for line in printed if line.startswith("error: ")] == printed[-1:]
        assert str(tmp_path) in printed[-1]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["file", "scores.parquet", "scores.parquet.settings.json"]


def test_a_row_without_a_score_is_told_with_its_reason(home: Path) -> None:
    text = said(
        *("score", "--artifact", home / "artifact", "--pairs", home / "one" / "pairs.parquet"),
        *("--items", home / "two" / "items.parquet", "--out", home / "some.parquet"),
    )
    assert "rows have no score (unknown item: 40)" in text
