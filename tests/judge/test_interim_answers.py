"""Interim 1xx answers: every pair gets the verdict on its own text, whichever transport and however many in
flight."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.prompt import load
from adjudge.judge.runner import RunSettings
from adjudge.llm.endpoint import EndpointSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "stub"))

from server import grade_of

GRADES = {"yes": "relevant", "no": "irrelevant"}


@pytest.mark.parametrize(("transport", "in_flight"), [("http", 64), ("http", 8), ("sdk", 16)])
def test_no_pair_gets_the_verdict_on_another(
    pairs: Callable[[int], Path], stub: Callable[..., Any], tmp_path: Path, transport: str, in_flight: int
) -> None:
    table = pairs(200)
    server = stub(delay=0.005, faults=[{"every": 7, "kind": "interim"}])
    config = JudgeConfig(
        table,
        "openai:stub",
        tmp_path / "log.sqlite",
        tmp_path / "out.parquet",
        base_url=server.url,
        run=RunSettings(in_flight=in_flight),
        endpoint=EndpointSettings(transport=transport),
    )
    tally = judge(config).tally
    prompt = load("binary")
    wanted = []
    for row in pq.read_table(table).to_pylist():
        text = prompt.render(row["keyphrase"], row["title"], row["category"])
        wanted.append(GRADES[grade_of(text.user)[0]])
    assert set(wanted) == set(GRADES.values())
    assert pq.read_table(config.out)["grade"].to_pylist() == wanted
    assert tally.requests == tally.answers == len(set(server.lines("seen")))
