"""A stub endpoint in a process of its own, and small tables of pairs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

STUB = Path(__file__).parents[1] / "stub" / "server.py"


@dataclass
class Stub:
    """A running stub: its base URL and its tally file."""

    url: str
    tally: Path

    def lines(self, what: str) -> list[str]:
        """The hashes of the prompts that were `seen` or `sent`, in order."""
        told = self.tally.read_text().splitlines() if self.tally.exists() else []
        return [line.split()[1] for line in told if line.startswith(what)]


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Callable[..., Stub]]:
    """Start a stub endpoint: `stub(delay=0.01, faults=[{"every": 3, "kind": "500"}])`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(delay: float = 0.0, faults: list[dict[str, object]] | None = None, tops: int = 4) -> Stub:
        tally, rules = tmp_path / f"tally{len(started)}", tmp_path / f"faults{len(started)}.json"
        rules.write_text(json.dumps(faults or []))
        given = ["--delay", str(delay), "--tally", str(tally), "--faults", str(rules), "--tops", str(tops)]
        process = subprocess.Popen(
            [sys.executable, str(STUB), *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        return Stub(f"http://127.0.0.1:{int(process.stdout.readline())}/v1", tally)

    yield start
    for process in started:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@pytest.fixture
def pairs(tmp_path: Path) -> Callable[[int], Path]:
    """A table of n pairs, 10 keyphrases an item, of which the last repeats the texts of the one before it."""

    def make(n: int) -> Path:
        rows = {
            "item_id": [f"i{k // 10}" for k in range(n)],
            "keyphrase": [f"keyphrase {k % 10}" for k in range(n)],
            "title": [f"Title of item {k // 10}" for k in range(n)],
            "category": [None if k // 10 % 5 == 4 else f"category {k // 10 % 5}" for k in range(n)],
        }
        pq.write_table(pa.table(rows), tmp_path / "pairs.parquet")
        return tmp_path / "pairs.parquet"

    return make
