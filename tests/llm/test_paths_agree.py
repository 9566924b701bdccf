"""One model, three ways to ask it: in this process, behind an endpoint, and through batch files."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge import RunSettings
from adjudge.llm.batch import ShardSettings
from adjudge.llm.contract import Decoding
from adjudge.llm.local import LocalSettings

HERE = Path(__file__).parent
PAIRS = 1000
TOLERANCE = 1e-4
SHORT = "# User\n{category} title {title} keyphrase {keyphrase}\n# Grades\n- relevant = yes: x\n- irrelevant = no: x\n"


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("paths")
    module("models").build(home / "model")
    (home / "prompt.md").write_text(SHORT)
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = {
        "item_id": [str(k) for k in range(PAIRS)],
        "keyphrase": [
            " ".join(letters[(k * step) % 26] for step in range(1, 3 + k % 5)) for k in range(PAIRS)
        ],
        "title": [
            " ".join(letters[(k // 26 + step) % 26] for step in range(1 + k % 17)) for k in range(PAIRS)
        ],
        "category": [letters[k % 7] for k in range(PAIRS)],
    }
    pq.write_table(pa.table(rows), home / "pairs.parquet")
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[str]:
    command = [sys.executable, str(HERE / "serve_model.py"), str(home / "model")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


def config(home: Path, name: str, judge_: str, **given: Any) -> JudgeConfig:
    return JudgeConfig(
        home / "pairs.parquet",
        judge_,
        home / f"{name}.sqlite",
        home / f"{name}.parquet",
        prompt=home / "prompt.md",
        decoding=Decoding(max_tokens=1, top_logprobs=100),
        run=RunSettings(in_flight=4, batch=64, attempts=1),
        **given,
    )


def answer_batch(home: Path, complete: Any) -> None:
    """What a batch service does: each line answered, in another order, in an output and an error file."""
    out = home / "batch" / "results"
    for shard in sorted((home / "batch" / "requests").glob("*.jsonl")):
        lines = [json.loads(line) for line in shard.read_text().splitlines()]
        done = [
            {
                "custom_id": told["custom_id"],
                "response": {"status_code": 200, "body": complete(told["body"])},
                "error": None,
            }
            for told in reversed(lines)
        ]
        (out / shard.name).write_text("".join(json.dumps(line) + "\n" for line in done))


def test_three_paths_agree_on_a_thousand_pairs(home: Path, served: str) -> None:
    local = judge(config(home, "hf", f"hf:{home / 'model'}", local=LocalSettings(threads=1)))
    live = judge(config(home, "live", "openai:m", base_url=served))
    batch = config(home, "batch", "openai:m", batch=home / "batch", shards=ShardSettings(requests=400))
    wrote = judge(batch)
    assert wrote.batch is not None
    assert wrote.written is not None
    assert set(wrote.written.reasons) == {"waiting for batch results"}
    answer_batch(home, module("serve_model").completer(str(home / "model")))
    read = judge(batch)
    assert read.batch is not None
    assert read.batch.requests == read.batch.waiting == 0
    tables = [pq.read_table(home / f"{name}.parquet").to_pylist() for name in ("hf", "live", "batch")]
    assert {len(table) for table in tables} == {PAIRS}
    assert local.written is not None
    assert live.written is not None
    assert PAIRS * 0.8 < local.written.scored <= PAIRS
    assert {row["grade"] for row in tables[0]} >= {"relevant", "irrelevant"}
    for a, b, c in zip(*tables, strict=True):
        assert b == {**c, "judge": b["judge"]}
        assert a["mass"] == pytest.approx(b["mass"], abs=TOLERANCE)
        if abs(a["mass"] - 0.5) > TOLERANCE:
            assert a["status"] == b["status"]
            assert a["probability"] == pytest.approx(b["probability"], abs=TOLERANCE)
        if a["probability"] is not None and abs(a["probability"] - 0.5) > TOLERANCE:
            assert a["grade"] == b["grade"]
        assert a["tokens"] == b["tokens"] == c["tokens"]


def test_batches_of_any_size_give_the_same(home: Path) -> None:
    seen = []
    for size in (1, 7, 64):
        made = config(home, f"size{size}", f"hf:{home / 'model'}", local=LocalSettings(threads=1))
        table = pq.read_table(home / "pairs.parquet").slice(0, 50)
        pq.write_table(table, home / "few.parquet")
        judge(replace(made, pairs=home / "few.parquet", run=RunSettings(batch=size)))
        seen.append(pq.read_table(home / f"size{size}.parquet").column("probability").to_pylist())
    assert sum(p is not None for p in seen[0]) > 25
    for one, seven, all_at_once in zip(*seen, strict=True):
        assert one == pytest.approx(seven, abs=1e-5)
        assert one == pytest.approx(all_at_once, abs=1e-5)


def test_a_text_longer_than_the_model_takes_is_unscored(home: Path) -> None:
    made = config(home, "long", f"hf:{home / 'model'}", local=LocalSettings(longest=12, threads=1))
    result = judge(replace(made, pairs=home / "pairs.parquet"))
    assert result.written is not None
    assert 0 < result.written.scored < PAIRS
    assert result.written.reasons["refused request"] > 100
