"""One model asked in three ways: in this process, behind an endpoint, and through batch files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.runner import RunSettings
from adjudge.llm.batch import ShardSettings
from adjudge.llm.contract import Decoding
from adjudge.llm.transformers_client import TransformersSettings

WAYS = ("hf", "live", "batch")


@dataclass(frozen=True)
class Paths:
    """home: a folder with pairs.parquet; model: the checkpoint; served: its endpoint; complete: from the body
    of a batch line to the answer's body."""

    home: Path
    model: Path
    prompt: Path
    served: str
    complete: Callable[[dict[str, Any]], Any]
    scale: str = "binary"
    top_logprobs: int = 100

    def config(self, name: str, judge_: str, **given: Any) -> JudgeConfig:
        return JudgeConfig(
            self.home / "pairs.parquet",
            judge_,
            self.home / f"{name}.sqlite",
            self.home / f"{name}.parquet",
            scale=self.scale,
            prompt=self.prompt,
            decoding=Decoding(max_tokens=1, top_logprobs=self.top_logprobs),
            run=RunSettings(in_flight=4, batch=64, attempts=1),
            **given,
        )

    def ask_all(self) -> list[list[dict[str, Any]]]:
        """The judgments of each of WAYS."""
        judge(self.config("hf", f"hf:{self.model}", local=TransformersSettings(threads=1)))
        judge(self.config("live", "openai:m", base_url=self.served))
        config = self.config(
            "batch", "openai:m", batch=self.home / "batch", shards=ShardSettings(requests=400)
        )
        wrote = judge(config)
        assert wrote.written is not None
        assert set(wrote.written.reasons) == {"waiting for batch results"}
        self.answer_batch()
        read = judge(config)
        assert read.batch is not None
        assert read.batch.requests == read.batch.waiting == 0
        return [pq.read_table(self.home / f"{name}.parquet").to_pylist() for name in WAYS]

    def answer_batch(self) -> None:
        """What a batch service does: each line answered, in another order, in an output file a shard."""
        for shard in sorted((self.home / "batch" / "requests").glob("*.jsonl")):
            lines = [json.loads(line) for line in shard.read_text().splitlines()]
            done = [
                {
                    "custom_id": told["custom_id"],
                    "response": {"status_code": 200, "body": self.complete(told["body"])},
                    "error": None,
                }
                for told in reversed(lines)
            ]
            out = self.home / "batch" / "results" / shard.name
            out.write_text("".join(json.dumps(line) + "\n" for line in done))


def check_equal(tables: list[list[dict[str, Any]]], pairs: int, tolerance: float) -> None:
    """Live and batch are equal to the last digit; in this process grades and tokens are equal and
    probabilities within `tolerance`, but where a tie or `min_mass` lies nearer than that."""
    assert {len(table) for table in tables} == {pairs}
    assert pairs * 0.8 < sum(row["status"] == "scored" for row in tables[0]) <= pairs
    for a, b, c in zip(*tables, strict=True):
        assert b == {**c, "judge": b["judge"]}
        assert a["mass"] == pytest.approx(b["mass"], abs=tolerance)
        if abs(a["mass"] - 0.5) > tolerance:
            assert a["status"] == b["status"]
            assert a["probability"] == pytest.approx(b["probability"], abs=tolerance)
        if a["probability"] is not None and abs(a["probability"] - 0.5) > tolerance:
            assert a["grade"] == b["grade"]
        assert a["tokens"] == b["tokens"] == c["tokens"]
