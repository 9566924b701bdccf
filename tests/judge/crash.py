"""Kill the runner at random moments, again and again, against a server that counts. Run by test_judge_crash.py.

    python tests/judge/crash.py HOME URL TALLY RUNS SEED

Each run is a process of its own (forked, so that its start costs nothing) and gets a SIGKILL at a random moment after
its first request. Prints one JSON object: what was found wrong, and what was counted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  loaded before the forks
import pyarrow.parquet as pq

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge import RunSettings, journal, load

IN_FLIGHT = 24
WINDOW = 2.0
"""Seconds: an answer that the server sent so long before the kill must be kept, even where nothing shows that the client
read it: a busy machine may not have run the client meanwhile. On a quiet one it is milliseconds (bench/results/judge.md)."""


def prompts(pairs: Path) -> dict[str, str]:
    """The server's hash of each text -> the log's."""
    import hashlib

    prompt = load("binary")
    found = {}
    for row in pq.read_table(pairs).to_pylist():
        text = prompt.render(row["keyphrase"], row["title"], row["category"])
        found[hashlib.sha256(text.user.encode()).hexdigest()[:24]] = text.digest().hex()
    return found


def logged(log: Path) -> Counter[str]:
    """Answers in the log and in what the kill left beside it, by text. Nothing is changed: the next run reads it in."""
    found: Counter[str] = Counter()
    taken: set[str] = set()
    if log.exists():
        with sqlite3.connect(log) as connection:
            try:
                found.update(text for (text,) in connection.execute("SELECT lower(hex(text)) FROM answers"))
                taken = {name for (name,) in connection.execute("SELECT segment FROM taken")}
            except sqlite3.OperationalError:
                return found
    for path in journal.left(log):
        if path.name not in taken:
            found.update(row[0].hex() for row in journal.read(path)[1] if row[9] is not None)
    return found


def read_by_client(lines: list[list[str]]) -> set[str]:
    """Answers that the client has certainly read: another request came over their connection afterwards."""
    last: dict[str, str] = {}
    read: set[str] = set()
    for what, key, _, connection in lines:
        if what == "sent":
            last[connection] = key
        elif connection in last:
            read.add(last.pop(connection))
    return read


def tally_lines(tally: Path) -> list[list[str]]:
    return [line.split() for line in tally.read_text().splitlines()] if tally.exists() else []


def run_and_kill(config: JudgeConfig, tally: Path, rng: random.Random) -> tuple[bool, float]:
    """Whether it finished by itself, and when it was killed."""
    before = tally.stat().st_size if tally.exists() else 0
    child = os.fork()
    if child == 0:
        judge(config)
        os._exit(0)
    began = time.time()
    while not (tally.exists() and tally.stat().st_size > before) and time.time() - began < 20:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True, 0.0
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.25))
    if os.waitpid(child, os.WNOHANG)[0]:
        return True, 0.0
    os.kill(child, signal.SIGKILL)
    killed = time.time()
    os.waitpid(child, 0)
    return False, killed


def main(home: Path, url: str, tally: Path, runs: int, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    log = home / "log.sqlite"
    run = RunSettings(in_flight=IN_FLIGHT, first_wait=0.001, tries=20)
    config = JudgeConfig(home / "pairs.parquet", "openai:m", log, home / "out.parquet", base_url=url, run=run)
    names = prompts(config.pairs)
    wrong: list[str] = []
    kills = lost = proved = 0
    window = 0.0
    for number in range(runs):
        held, lines_before = logged(log), len(tally_lines(tally))
        finished, killed = run_and_kill(config, tally, rng)
        kills += not finished
        lines = tally_lines(tally)
        run_lines = lines[lines_before:]
        asked = [names[key] for what, key, *_ in run_lines if what == "seen"]
        wrong += [f"run {number}: asked again {text}" for text in asked if text in held]
        now = logged(log)
        sent = [(names[k], float(at)) for what, k, at, _ in run_lines if what == "sent"]
        read = {names[key] for key in read_by_client(run_lines)}
        proved += len(read)
        old = {text for text, at in sent if at < killed - WINDOW}
        wrong += [f"run {number}: lost {text}" for text in (read | old) if text not in now]
        ages = [killed - at for text, at in sent if at < killed and text not in now]
        lost, window = lost + len(ages), max([window, *ages])
        if finished:
            break
        time.sleep(0.08)  # the server's late answers to the dead belong to this run
    judge(config)
    answers = logged(log)
    rows = pq.read_table(config.out).to_pylist()
    seen = [key for what, key, *_ in tally_lines(tally) if what == "seen"]
    wrong += [f"answered twice: {text}" for text, times in answers.items() if times != 1]
    wrong += [f"unscored: {row}" for row in rows if row["status"] != "scored" or not row["grade"]]
    return {
        "wrong": wrong,
        "kills": kills,
        "pairs": len(rows),
        "pair_keys": len({(row["item_id"], row["keyphrase"]) for row in rows}),
        "texts": len(names),
        "answers": len(answers),
        "seen": len(seen),
        "repeated": len(seen) - len(set(seen)),
        "most_repeats": kills * IN_FLIGHT + lost,
        "read_by_client": proved,
        "answers_lost": lost,
        "window_ms": round(window * 1000, 1),
    }


if __name__ == "__main__":
    print(
        json.dumps(
            main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
        )
    )
