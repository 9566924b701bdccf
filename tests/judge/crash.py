"""Kill the runner at random moments, again and again, against a server that counts.

Run by test_judge_crash.py.

    python tests/judge/crash.py HOME URL TALLY KILLS SEED

Each run is a process of its own (forked, so that its start costs nothing) and gets a SIGKILL after a random
number of answers, so that what is tested does not depend on how fast the machine is. If a run
ends before its kill, the table grows.
Prints one JSON object: what was found wrong, and what was counted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  loaded before the forks
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge import write_ahead
from adjudge.judge.prompt import load
from adjudge.judge.runner import RunSettings

IN_FLIGHT = 24
MOST_ANSWERS = 200
"""A run is killed after fewer answers than this."""


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
    """Answers in the log and in what the kill left beside it, by text.

    Nothing is changed: the next run reads it in."""
    found: Counter[str] = Counter()
    taken: set[str] = set()
    if log.exists():
        with sqlite3.connect(log) as connection:
            try:
                found.update(text for (text,) in connection.execute("SELECT lower(hex(text)) FROM answers"))
                taken = {name for (name,) in connection.execute("SELECT segment FROM taken")}
            except sqlite3.OperationalError:
                return found
    for path in write_ahead.leftover_files(log):
        if path.name not in taken:
            found.update(row[0].hex() for row in write_ahead.read(path)[1] if row[9] is not None)
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


def answers_sent(tally: Path, since: int) -> int:
    """Whole answers that the server handed to its sockets after so many bytes of its tally."""
    if not tally.exists():
        return 0
    with tally.open("rb") as lines:
        lines.seek(since)
        return lines.read().count(b"sent ")


def run_and_kill(config: JudgeConfig, tally: Path, answers: int, later: float) -> tuple[bool, float]:
    """Kill a run `later` seconds after some answers.

    Gives whether it finished by itself, and when it was killed."""
    before = tally.stat().st_size if tally.exists() else 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            judge(config)
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    while answers_sent(tally, before) < answers:
        if ended(child):
            return True, 0.0
        time.sleep(0.002)
    time.sleep(later)
    if ended(child):
        return True, 0.0
    os.kill(child, signal.SIGKILL)
    killed = time.time()
    os.waitpid(child, 0)
    return False, killed


def ended(child: int) -> bool:
    """Whether a run ended by itself. Raises RuntimeError where it failed."""
    gone, status = os.waitpid(child, os.WNOHANG)
    if gone and status:
        raise RuntimeError(f"a run failed: {status}")
    return bool(gone)


def grow(pairs: Path) -> None:
    """As many pairs again, of new items."""
    table = pq.read_table(pairs)
    rows = table.to_pylist()
    fresh = [
        {**r, "item_id": f"{r['item_id']}-{len(rows)}", "title": f"{r['title']} {len(rows)}"} for r in rows
    ]
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist(fresh, table.schema)]), pairs)


@dataclass
class Found:
    """What was found wrong in all runs, and what was counted."""

    wrong: list[str] = field(default_factory=list)
    runs: int = 0
    kills: int = 0
    sent: int = 0
    read: int = 0
    lost: int = 0
    window: float = 0.0


def one_run(
    config: JudgeConfig, tally: Path, rng: random.Random, names: dict[str, str], found: Found
) -> bool:
    """One run and its kill, and what the log and the server's tally say of it.

    Gives whether the run finished by itself."""
    held, lines_before = logged(config.log), len(tally_lines(tally))
    finished, killed = run_and_kill(config, tally, rng.randrange(MOST_ANSWERS), rng.uniform(0, 0.01))
    lines = tally_lines(tally)[lines_before:]
    now = logged(config.log)
    asked = [names[key] for what, key, *_ in lines if what == "seen"]
    sent = [(names[key], float(at)) for what, key, at, _ in lines if what == "sent"]
    read = {names[key] for key in read_by_client(lines)}
    found.wrong += [f"run {found.runs}: asked again {text}" for text in asked if text in held]
    found.wrong += [f"run {found.runs}: lost {text}" for text in read if text not in now]
    ages = [killed - at for text, at in sent if at < killed and text not in now]
    found.runs, found.kills = found.runs + 1, found.kills + (not finished)
    found.sent, found.read, found.lost = (
        found.sent + len(sent),
        found.read + len(read),
        found.lost + len(ages),
    )
    found.window = max([found.window, *ages])
    return finished


def main(home: Path, url: str, tally: Path, kills: int, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    log = home / "log.sqlite"
    run = RunSettings(in_flight=IN_FLIGHT, first_wait=0.001, max_requests_per_text=20)
    config = JudgeConfig(home / "pairs.parquet", "openai:m", log, home / "out.parquet", base_url=url, run=run)
    names, found = prompts(config.pairs), Found()
    while found.kills < kills:
        if one_run(config, tally, rng, names, found):
            grow(config.pairs)
            names = prompts(config.pairs)
        else:
            time.sleep(0.08)  # the server's late answers to the dead belong to this run
    judge(config)
    answers = logged(log)
    rows = pq.read_table(config.out).to_pylist()
    seen = [key for what, key, *_ in tally_lines(tally) if what == "seen"]
    wrong = [f"answered twice: {text}" for text, times in answers.items() if times != 1]
    wrong += [f"unscored: {row}" for row in rows if row["status"] != "scored" or not row["grade"]]
    return {
        "wrong": [*found.wrong, *wrong],
        "runs": found.runs,
        "kills": found.kills,
        "pairs": len(rows),
        "pair_keys": len({(row["item_id"], row["keyphrase"]) for row in rows}),
        "texts": len(names),
        "answers": len(answers),
        "sent": found.sent,
        "seen": len(seen),
        "repeated": len(seen) - len(set(seen)),
        "most_repeats": found.kills * IN_FLIGHT + found.lost,
        "read_by_client": found.read,
        "least_read": found.sent - found.runs * IN_FLIGHT,
        "answers_lost": found.lost,
        "window_ms": round(found.window * 1000, 1),
    }


if __name__ == "__main__":
    print(
        json.dumps(
            main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
        )
    )
