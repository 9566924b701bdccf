"""`kill -9` at random moments in 20 runs: one verdict per pair, and no answered request is sent again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

CRASH = Path(__file__).parent / "crash.py"
GO = """
import sys, json
from pathlib import Path
from adjudge.config import from_dict
from adjudge.jobs.judge import JudgeConfig, Interrupted, judge
try:
    judge(from_dict(JudgeConfig, json.loads(sys.argv[1])))
except Interrupted as stopped:
    print(stopped)
    sys.exit(stopped.exit_code)
"""


def test_twenty_kills(pairs: Callable[[int], Path], stub: Callable[..., Any], tmp_path: Path) -> None:
    where = pairs(1000)
    server = stub(delay=0.03)
    command = [sys.executable, str(CRASH), str(tmp_path), server.url, str(server.tally), "20", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["kills"] == 20, found
    # The table is too small for so many answers, so runs ended by themselves and it grew.
    assert found["runs"] > found["kills"], found
    # All but the last answer on each connection is proved to have been read: enough of them to lose.
    assert found["read_by_client"] >= found["least_read"] > 20 * 24, found
    assert found["pairs"] == found["pair_keys"] == pq.read_metadata(where).num_rows
    assert found["answers"] == found["texts"]
    assert found["repeated"] <= found["most_repeats"], found


def test_interrupt_keeps_what_is_in_flight(
    pairs: Callable[[int], Path], stub: Callable[..., Any], tmp_path: Path
) -> None:
    pairs(2000)
    server = stub(delay=0.2)
    told = {
        "pairs": str(tmp_path / "pairs.parquet"),
        "judge": "openai:m",
        "base_url": server.url,
        "log": str(tmp_path / "log.sqlite"),
        "out": str(tmp_path / "out.parquet"),
        "run": {"in_flight": 20},
    }
    with subprocess.Popen(
        [sys.executable, "-c", GO, json.dumps(told)], stdout=subprocess.PIPE, text=True
    ) as run:
        began = time.monotonic()
        while len(server.lines("sent")) < 40 and time.monotonic() - began < 60:
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "run the same command again" in said
    seen = server.lines("seen")
    assert len(seen) == len(server.lines("sent"))
    assert 40 <= len(seen) < 2000
    import sqlite3

    with sqlite3.connect(tmp_path / "log.sqlite") as log:
        assert log.execute("SELECT count(*) FROM answers").fetchone()[0] == len(seen)
    done = subprocess.run(
        [sys.executable, "-c", GO, json.dumps({**told, "run": {"in_flight": 200}})], timeout=120, check=False
    )
    assert done.returncode == 0
    assert len(server.lines("seen")) == len(set(server.lines("seen"))) == 2000
