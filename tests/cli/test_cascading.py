"""The commands cascade, export and report from the command line: what they print and their exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from adjudge.cli.commands import app
from adjudge.errors import BadConfig


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two judges and people on 900 pairs: the cheap one is right where it is sure, a coin elsewhere."""
    folder, rng, pairs = tmp_path_factory.mktemp("cli"), np.random.default_rng(1), 900
    named = {
        "item_id": [f"i {n // 3}" for n in range(pairs)],
        "keyphrase": [f"k{n % 3}" for n in range(pairs)],
    }
    truth, sure = rng.random(pairs) < 0.5, rng.random(pairs) < 0.5
    for name, says, price in (
        ("cheap", np.where(sure, truth, rng.random(pairs) < 0.5), None),
        ("strong", truth, 0.01),
    ):
        grades = ["relevant" if yes else "irrelevant" for yes in says]
        strength = np.where(sure | (name == "strong"), 0.98, 0.6)
        columns = {**named, "judge": [name] * pairs, "grade": grades, "status": ["scored"] * pairs}
        columns |= {"probability": np.where(says, strength, 1 - strength)}
        columns |= {"cost": pa.array([price] * pairs, pa.float64())}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    people = {**named, "grade": ["good" if yes else "bad" for yes in truth]}
    pq.write_table(pa.table(people), folder / "people.parquet")
    return folder


def test_a_cascade_is_validated_exported_and_shown(tables: Path, tmp_path: Path) -> None:
    both = ("--cheap", tables / "cheap.parquet", "--strong", tables / "strong.parquet")
    done = run(
        "cascade", *both, "--human", tables / "people.parquet", "--target", 0.9, "--out", tmp_path / "c"
    )
    assert done.exit_code == 0, done.output
    assert "relevant if the probability is at least 0.98" in done.output
    assert "validated: agreement with people" in done.output
    assert "money: " in done.output
    assert "note: cheap names no cost: it is counted as free." in done.output
    rows = pq.read_table(tmp_path / "c" / "judgments.parquet").num_rows
    out = run("export", "--judgments", tmp_path / "c" / "judgments.parquet", "--out", tmp_path / "q.txt")
    assert out.exit_code == 0, out.output
    assert f"({rows:,} rows, 3 queries)" in out.output
    assert "grades: irrelevant = 0, relevant = 1" in out.output
    assert f"escaped: {rows:,} item ids" in out.output
    page = run("report", "--results", tmp_path / "c", "--out", tmp_path / "r.html")
    assert page.exit_code == 0, page.output
    assert "for the rest" in (tmp_path / "r.html").read_text()


def test_not_shown_leaves_with_one(tables: Path, tmp_path: Path) -> None:
    """The strong judge's place is taken by a coin that is always sure: nothing of it reaches .9."""
    coin = pq.read_table(tables / "cheap.parquet")
    rng = np.random.default_rng(2)
    grades = np.where(rng.random(coin.num_rows) < 0.5, "relevant", "irrelevant").tolist()
    pq.write_table(
        coin.set_column(3, "grade", pa.array(grades)).drop(["probability"]), tmp_path / "coin.parquet"
    )
    both = ("--cheap", tmp_path / "coin.parquet", "--strong", tables / "strong.parquet")
    done = run(
        "cascade", *both, "--human", tables / "people.parquet", "--target", 0.9, "--out", tmp_path / "c"
    )
    assert done.exit_code == 1, done.output
    assert "not validated: no part of cheap's answers agrees with people so far above 0.9" in done.output
    assert "gives no probabilities: its answers stand or fall by grade alone" in done.output
    assert not (tmp_path / "c" / "judgments.parquet").exists()


def test_a_judge_without_pairs_is_refused(tables: Path, tmp_path: Path) -> None:
    done = run("cascade", "--cheap", tables / "cheap.parquet", "--strong", "fake", "--out", tmp_path)
    assert isinstance(done.exception, BadConfig)


def test_a_dry_run_prices_and_asks_nothing(tables: Path, tmp_path: Path) -> None:
    keys = pq.read_table(tables / "people.parquet", columns=["item_id", "keyphrase"])
    titles = pa.array([f"title {n}" for n in range(keys.num_rows)])
    pq.write_table(keys.append_column("title", titles), tmp_path / "pairs.parquet")
    (tmp_path / "prices.json").write_text('{"fake": {"input": 1000.0, "output": 1000.0}}')
    words = ("cascade", "--cheap", "fake", "--strong", "fake", "--pairs", tmp_path / "pairs.parquet")
    words = (*words, "--out", tmp_path / "c", "--set", f"strong_settings.prices={tmp_path / 'prices.json'}")
    done = run(*words, "--cheap-judge", "a", "--strong-judge", "b", "--dry-run")
    assert done.exit_code == 0, done.output
    first, most, last = done.output.splitlines()
    assert first.startswith("to ask of a, first, to validate: 900 texts")
    assert most.startswith("to ask of b, in all, at most: if no answer of a stands: 900 texts")
    assert "cost -" not in most
    assert last.startswith("not asked: a dry run, and the verdict log lacks 900 answers of a")
