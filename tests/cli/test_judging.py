"""The judging commands' own options reach the settings that messages and docs say they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from adjudge.cli.commands import app
from adjudge.judge.tuned_folder import PromptSpec

PAIRS = 120


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A judge and people on a yes/no scale, and two models' scores."""
    keys = {"item_id": [f"i{n // 2:03d}" for n in range(PAIRS)], "keyphrase": ["sofa", "red sofa"] * 60}
    grades = ["relevant", "irrelevant"] * 60
    said = {**keys, "grade": grades, "judge": ["j"] * PAIRS, "status": ["scored"] * PAIRS}
    scores = {**keys, "score": [0.5] * PAIRS, "model_version": ["v"] * PAIRS}
    for name, columns in {
        "judged": said,
        "people": {**keys, "grade": grades},
        "pairs": {**keys, "title": ["a red sofa"] * PAIRS},
        "one": {**scores, "kept": [True, False] * 60},
        "other": {**scores, "kept": [True] * PAIRS},
    }.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def saved(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_agree_takes_peoples_scale_and_what_decides(files: Path) -> None:
    words = ("agree", "--judgments", files / "judged.parquet", "--human", files / "people.parquet")
    words = (*words, "--out", files / "agree", "--set", "trust.sampling.replicates=100")
    refused = run(*words)
    assert "--human-scale" in str(refused.exception)
    models = ("--model", f"a={files / 'one.parquet'}", "--model", f"b={files / 'other.parquet'}")
    chosen = ("--statistic", "pabak", "--bar", 0.7, "--rule", "majority")
    done = run(*words, "--human-scale", "binary", *chosen, *models)
    assert done.exit_code == 0, done.output
    assert "trusted: pabak 1.000" in done.output
    assert "bar 0.7" in done.output
    assert "is the relevance rate of a above that of b?" in done.output
    trust = saved(files / "agree" / "settings.json")["trust"]
    assert (trust["statistic"], trust["bar"], trust["rule"]) == ("pabak", 0.7, "majority")
    assert trust["sampling"]["replicates"] == 100
    two = run(*words, "--human-scale", "binary", *models[:2])
    assert "--model NAME=SCORES.parquet" in str(two.exception)


def test_cascade_takes_peoples_scale(files: Path) -> None:
    both = ("--cheap", files / "judged.parquet", "--strong", files / "judged.parquet")
    words = ("cascade", *both, "--human", files / "people.parquet", "--out", files / "c", "--target", 0.8)
    assert "--human-scale" in str(run(*words).exception)
    done = run(*words, "--human-scale", "binary")
    assert done.exit_code == 0, done.output


def test_judge_takes_a_prompt_and_prices(files: Path) -> None:
    (files / "prices.json").write_text('{"fake": {"input": 1000.0, "output": 1000.0}}')
    (files / "own.md").write_text(PromptSpec("binary").text().replace("# User", "# User\n\nBe brief.", 1))
    words = ("judge", "--pairs", files / "pairs.parquet", "--judge", "fake", "--log", files / "l.sqlite")
    words = (*words, "--out", files / "o.parquet")
    assert "needs a price table" in str(run(*words, "--budget", 1000).exception)
    more = ("--prices", files / "prices.json", "--prompt", files / "own.md")
    done = run(*words, "--budget", 1000, *more)
    assert done.exit_code == 0, done.output
    assert "; money " in done.output
    config = saved(files / "o.parquet.settings.json")
    assert (config["prompt"], config["prices"]) == (str(files / "own.md"), str(files / "prices.json"))


def test_label_export_leaves_out_what_is_done(files: Path) -> None:
    pairs = pq.read_table(files / "pairs.parquet").slice(0, 100)
    named = {"annotator": ["a"] * 100, "grade": ["good"] * 100}
    done = pa.table({**pairs.select(["item_id", "keyphrase"]).to_pydict(), **named})
    pq.write_table(done, files / "done.parquet")
    words = ("label", "export", "--pairs", files / "pairs.parquet", "--out", files / "tasks")
    result = run(*words, "--done", files / "done.parquet")
    assert result.exit_code == 0, result.output
    assert "20 tasks" in result.output


def test_label_import_takes_the_share_that_its_refusal_names(files: Path) -> None:
    chosen = {"type": "choices", "from_name": "grade", "to_name": "title", "value": {"choices": ["good"]}}
    named = {"data": {"item_id": "a", "keyphrase": "mug"}}
    answers = [{"id": n, "completed_by": n, "result": [chosen] * (2 - n)} for n in (1, 2)]
    (files / "export.json").write_text(json.dumps([{**named, "annotations": answers}]))
    words = ("label", "import", "--export", files / "export.json", "--out", files / "a.parquet")
    assert "raise --max-bad-share" in str(run(*words).exception)
    assert run(*words, "--max-bad-share", 1).exit_code == 0
