"""Batch folders: shards out, results back in any shape, nothing asked twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig
from adjudge.jobs.judge import JudgeConfig, JudgeResult, judge
from adjudge.judge.runner import RunSettings
from adjudge.llm.batch import ShardSettings

Pairs = Callable[[int], Path]


def config(pairs: Path, **given: Any) -> JudgeConfig:
    home = pairs.parent
    base = JudgeConfig(pairs, "openai:m", home / "log.sqlite", home / "out.parquet", batch=home / "batch")
    return replace(base, shards=ShardSettings(requests=30), run=RunSettings(attempts=2), **given)


def requests(home: Path) -> list[dict[str, Any]]:
    files = sorted((home / "batch" / "requests").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def reply(key: str, text: str = "yes", status: int = 200) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    return {"id": "b", "custom_id": key, "response": {"status_code": status, "body": body}, "error": None}


def put(home: Path, name: str, lines: list[dict[str, Any] | str]) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (home / "batch" / "results" / name).write_text(text)


def step(config: JudgeConfig) -> JudgeResult:
    result = judge(config)
    assert result.batch is not None
    assert result.written is not None
    return result


def test_shards_hold_each_text_once_in_openais_format(pairs: Pairs, tmp_path: Path) -> None:
    made = config(pairs(100), probabilities=False)
    first = step(made).batch
    assert (first.shards, first.requests, first.waiting) == (
        ["00001.jsonl", "00002.jsonl", "00003.jsonl", "00004.jsonl"],
        100,
        100,
    )
    told = requests(tmp_path)
    assert len({line["custom_id"] for line in told}) == 100
    assert {(line["method"], line["url"]) for line in told} == {("POST", "/v1/chat/completions")}
    assert all(
        line["body"]["model"] == "m" and "<title>" in line["body"]["messages"][-1]["content"] for line in told
    )
    again = step(made)
    assert (again.batch.requests, again.batch.waiting) == (0, 100)
    assert again.written.reasons == Counter({"waiting for batch results": 100})


def test_results_in_every_state_end_as_a_verdict_or_a_reason(pairs: Pairs, tmp_path: Path) -> None:
    made = config(pairs(30), probabilities=False)
    step(made)
    keys = [line["custom_id"] for line in requests(tmp_path)]
    good, bad = keys[:20], keys[20:]
    lines: list[dict[str, Any] | str] = [reply(key) for key in reversed(good)]
    lines += [reply(bad[0], "purple"), reply(bad[1], status=500), reply(bad[2], status=400), reply(bad[3])]
    lines[-1] = {**reply(bad[3]), "response": None, "error": {"code": "batch_expired"}}
    lines += [
        "{broken",
        '"a string"',
        json.dumps({"custom_id": "999-00-1"}),
        {"custom_id": bad[4], "response": {"body": {}}},
    ]
    lines += [reply(good[0], "no")]
    put(tmp_path, "anything.jsonl", lines)
    result = step(made)
    assert result.batch.lines == 29
    assert (result.batch.answers, result.batch.failures, result.batch.missing, result.batch.strange) == (
        21,
        4,
        5,
        3,
    )
    assert result.written.scored == 20
    assert result.written.reasons == Counter(
        {
            "outside the scale": 1,
            "server error": 1,
            "refused request": 2,
            "unreadable answer": 1,
            "missing from the batch results": 5,
        }
    )
    # What came to nothing is asked again in a new shard; the odd answer counts as the first of two attempts.
    assert (result.batch.requests, result.batch.waiting) == (10, 10)
    fresh = [line["custom_id"] for line in requests(tmp_path)][30:]
    assert sorted(key.split("-")[1] for key in fresh) == sorted(key.split("-")[1] for key in bad)
    assert sorted(key.split("-")[2] for key in fresh) == ["1"] * 9 + ["2"]
    put(tmp_path, "more.jsonl", [reply(key) for key in fresh])
    last = step(made)
    assert (last.batch.answers, last.batch.waiting, last.batch.requests) == (10, 0, 0)
    assert last.written.scored == 30
    assert pq.read_table(made.out).column("tokens").to_pylist().count(20) == 1
    assert step(made).batch.answers == 0


def test_shards_end_at_their_size_too(pairs: Pairs, tmp_path: Path) -> None:
    made = replace(config(pairs(40)), shards=ShardSettings(requests=1000, megabytes=0.02))
    step(made)
    files = sorted((tmp_path / "batch" / "requests").glob("*.jsonl"))
    assert len(files) > 3
    assert all(file.stat().st_size <= 20_000 for file in files)
    assert len(requests(tmp_path)) == 40


@pytest.mark.parametrize("registered", [True, False])
def test_a_shard_left_by_a_kill_is_mended(pairs: Pairs, tmp_path: Path, registered: bool) -> None:
    made = config(pairs(25))
    step(made)
    whole = tmp_path / "batch" / "requests" / "00001.jsonl"
    if registered:
        whole.rename(whole.with_name("00001.jsonl.partial"))
    else:
        (whole.parent / "00002.jsonl.partial").write_text('{"half')
    assert step(made).batch.requests == 0
    assert [path.name for path in whole.parent.iterdir()] == ["00001.jsonl"]
    assert len(requests(tmp_path)) == 25


def test_two_judges_share_a_folder(pairs: Pairs, tmp_path: Path) -> None:
    made = config(pairs(10), probabilities=False)
    other = replace(made, judge="openai:n", out=tmp_path / "other.parquet")
    step(made)
    step(other)
    told = requests(tmp_path)
    assert Counter(line["body"]["model"] for line in told) == {"m": 10, "n": 10}
    put(
        tmp_path,
        "r.jsonl",
        [reply(t["custom_id"], "yes" if t["body"]["model"] == "m" else "no") for t in told],
    )
    assert step(made).written.scored == step(other).written.scored == 10
    assert set(pq.read_table(made.out).column("grade").to_pylist()) == {"relevant"}
    assert set(pq.read_table(other.out).column("grade").to_pylist()) == {"irrelevant"}


def test_batch_prices_and_other_judges(pairs: Pairs, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"m": {"input": 100.0, "output": 200.0, "batch": 0.5}}))
    made = config(pairs(10), prices=prices, probabilities=False)
    step(made)
    put(tmp_path, "r.jsonl", [reply(line["custom_id"]) for line in requests(tmp_path)])
    # 10 texts of 9 tokens in at 50 and 1 out at 100 a million: (450 + 100) * 10 / 1e6
    assert step(made).written.cost == pytest.approx(0.0055)
    with pytest.raises(BadConfig, match="batch files are for openai:MODEL"):
        replace(made, judge="fake")
