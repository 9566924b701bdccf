"""What commands about judges print: settled questions, clicks, tasks nobody touched, little money."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from adjudge import records
from adjudge.cli.commands import app
from adjudge.cli.judge_results import questions
from adjudge.records import money
from adjudge.report.trust import _needed as on_the_page
from adjudge.stats.sample_size import Needed

PAIRS = 120
KEYS = {"item_id": [f"i{n // 2:03d}" for n in range(PAIRS)], "keyphrase": ["sofa", "red sofa"] * 60}


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def put(folder: Path, name: str, **columns: list) -> Path:
    pq.write_table(pa.table({**KEYS, **columns}), folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def on_the_terminal(need: Needed) -> str:
    return next(questions(SimpleNamespace(needed=(need,))))


def test_a_settled_question_is_answered() -> None:
    for value, said in ((-0.158, "decided: no"), (0.2, "decided: yes")):
        need = Needed("is A above B?", value, 0.0, 300, 0)
        assert on_the_terminal(need) == f"is A above B? {said} ({value:.3f})"
        assert on_the_page(vars(need))["text"] == said
    assert on_the_terminal(Needed("?", 0.5, 0.6, 300, 1_200)) == "? 1,200 more human labels would decide it"
    assert on_the_terminal(Needed("?", None, 0.6, None, None, "no pairs")) == "? no pairs"


def test_agree_says_what_the_clicks_say_and_what_is_decided(tmp_path: Path) -> None:
    """Each item's first pair is clicked and judged relevant; the other is shown as often, never clicked."""
    grades = ["relevant", "irrelevant"] * 60
    judged = put(tmp_path, "judged", grade=grades, judge=["j"] * PAIRS, status=["scored"] * PAIRS)
    people = put(tmp_path, "people", grade=[*grades[:-2], "irrelevant", "relevant"])
    where = {"impressions": [100] * PAIRS, "position": [1] * PAIRS}
    clicks = put(tmp_path, "clicks", clicks=[30, 0] * 60, sales=[0] * PAIRS, **where)
    words = (
        "agree",
        "--judgments",
        judged,
        "--human",
        people,
        "--human-scale",
        "binary",
        "--out",
        tmp_path / "a",
    )
    done = run(*words, "--bar", 0.3, "--set", "trust.sampling.replicates=100", "--clicks", clicks)
    assert done.exit_code == 0, done.output
    assert "is kappa >= 0.3? decided: yes (0.967)" in done.output
    assert (
        "against clicks: relevant on clicked pairs 1.000 (1.000 to 1.000), on ignored pairs 0.000"
        in done.output
    )
    without = run(*words, "--bar", 0.3, "--set", "trust.sampling.replicates=100")
    assert "against clicks" not in without.output


def test_untouched_tasks_are_counted(tmp_path: Path) -> None:
    chosen = {"type": "choices", "from_name": "grade", "to_name": "title", "value": {"choices": ["good"]}}
    tasks = [{"data": {"item_id": str(n), "keyphrase": "mug"}, "annotations": []} for n in range(5)]
    tasks[0]["annotations"] = [{"id": 1, "completed_by": 1, "result": [chosen]}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    done = run("label", "import", "--export", tmp_path / "export.json", "--out", tmp_path / "a.parquet")
    assert done.exit_code == 0, done.output
    assert "(1 of 1; 0 skipped, 4 tasks untouched)" in done.output


def test_little_money_is_not_shown_as_none(tmp_path: Path) -> None:
    """The fake asks for some hundred tokens a text, at a millionth of the currency for a thousand of them."""
    assert doctest.testmod(records).failed == 0
    assert [money(amount) for amount in (0.9996, 0.0996, 2.5e-7)] == ["1.00", "0.0996", "0.000000250"]
    (tmp_path / "prices.json").write_text('{"fake": {"input": 0.001, "output": 0.001}}')
    pairs = put(tmp_path, "pairs", title=["a red sofa"] * PAIRS)
    words = ("judge", "--pairs", pairs, "--judge", "fake", "--log", tmp_path / "l.sqlite")
    words = (*words, "--out", tmp_path / "o.parquet", "--prices", tmp_path / "prices.json")
    for done, name in ((run(*words, "--dry-run"), "cost"), (run(*words), "money")):
        assert done.exit_code == 0, done.output
        for shown in (done.stdout, done.stderr) if name == "money" else (done.stdout,):
            amount = re.search(rf"\b{name} (0\.\d+)", shown)
            assert amount is not None, shown
            assert float(amount[1]) == pytest.approx(0.00003, abs=0.00003)
            assert float(amount[1]) > 0
