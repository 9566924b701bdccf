"""Memory of a rerun that finds everything judged: peak of `adjudge judge` by pairs, all texts different.

.venv/bin/python bench/judge_memory.py 250000 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.log import LogEntry, LogRecord, VerdictLog
from adjudge.judge.pairs import Question, all_hashes
from adjudge.judge.prompt import load
from adjudge.judge.verdict import Verdict
from adjudge.llm.contract import Decoding
from adjudge.llm.fake import FakeClient, FakeSettings


def fill(folder: Path, pairs: int) -> None:
    """Pairs whose texts all differ, and a log that holds a verdict on each."""
    number = range(pairs)
    columns = {
        "item_id": [f"item{n // 10}" for n in number],
        "keyphrase": [f"keyphrase number {n % 10}" for n in number],
        "title": [
            f"A title of a usual length that says what item {n // 10} is, new and boxed" for n in number
        ],
    }
    pq.write_table(pa.table(columns), folder / "pairs.parquet")
    question = Question(load("binary", None, "best_first", 0, None, None), Decoding())
    verdict = LogEntry(Verdict("relevant", None, 0.9, 0.9, 1.0), 1, 120, 0.0001)
    keys = all_hashes(folder / "pairs.parquet", question).astype(">u8").tobytes()
    with VerdictLog(
        folder / "log.sqlite", question.told("fake", FakeClient(FakeSettings()).revision), 0
    ) as log:
        for start in range(0, len(keys), 16):
            log.put(LogRecord(keys[start : start + 16], verdict))


def rerun(folder: Path) -> None:
    """In a process of its own: nothing is asked, the table is written."""
    began = time.perf_counter()
    done = judge(JudgeConfig(folder / "pairs.parquet", "fake", folder / "log.sqlite", folder / "out.parquet"))
    if done.tally.requests or done.written is None:
        raise SystemExit(f"asked {done.tally.requests} texts: the log was not found complete")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {
        "pairs": done.written.pairs,
        "peak_mb": round(peak),
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(json.dumps(told))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("pairs", type=int, nargs="*")
    ask.add_argument("--rerun", type=Path)
    asked = ask.parse_args()
    if asked.rerun:
        rerun(asked.rerun)
        return
    for pairs in asked.pairs:
        with tempfile.TemporaryDirectory() as scratch:
            fill(Path(scratch), pairs)
            subprocess.run([sys.executable, __file__, "--rerun", scratch], check=True)


if __name__ == "__main__":
    main()
