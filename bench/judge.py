"""What the judge's runner costs beside the server it asks, and what a rerun costs.

    python bench/judge.py compare  [--rounds 6] [--requests 20000] [--in-flight 256] [--delay 0.05] bare, runner, bare, ...
    python bench/judge.py overhead [--requests 20000] [--transport http|sdk] the runner alone
    python bench/judge.py bare     the same requests by a client that does nothing but send them
    python bench/judge.py skip     [--pairs 1000000] a million pairs that are all judged already

All but `skip` start tests/stub/server.py as a process of its own on loopback. With 256 in flight and 50 ms an
answer, arithmetic allows 5,120 requests a second; what stub and machine sustain is what `bare` measures, and `compare`
measures both side by side, in processes of their own, round after round. One JSON object a line. `cpu_us` is the
client's own processor time for one request, in microseconds; `others` is the share of the machine's processors that went
to processes which are no part of the measurement: a round with much of it says little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.pairs import Question
from adjudge.judge.prompt import load
from adjudge.judge.runner import RunSettings
from adjudge.llm import chat
from adjudge.llm.contract import Decoding
from adjudge.llm.endpoint import EndpointSettings
from adjudge.llm.event_loop import run

STUB = Path(__file__).parents[1] / "tests" / "stub" / "server.py"


@contextmanager
def stub(delay: float) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A stub server's port; it stops when its input closes."""
    command = [sys.executable, str(STUB), "--delay", str(delay)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.stdin.close()
        process.wait(10)


def write_pairs(path: Path, n: int) -> None:
    """n pairs, 20 keyphrases an item, in 50 categories."""
    items = [k // 20 for k in range(n)]
    columns = {
        "item_id": [f"item-{k}" for k in items],
        "keyphrase": [f"keyphrase number {k % 20} of {k // 20 % 977}" for k in range(n)],
        "title": [f"Brand{k % 977} product line {k} in colour {k % 31}, size {k % 13}, new" for k in items],
        "category": [f"Category {k % 50}" for k in items],
    }
    pq.write_table(pa.table(columns), path)


def cpu(pid: int) -> float:
    """Processor seconds of another process so far."""
    import psutil

    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Meter:
    """Wall clock and processor time of this process, of the server and of all others, from its making on."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.began = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        import psutil

        all_of_it = psutil.cpu_times()
        busy = all_of_it.user + all_of_it.nice + all_of_it.system + all_of_it.irq + all_of_it.softirq
        return time.monotonic(), own_cpu(), cpu(self.server), busy

    def told(self, what: str, requests: int, asking: float | None = None) -> dict[str, Any]:
        """One row; asking: seconds of it in which requests were sent (default: all)."""
        wall, own, server, busy = (now - then for now, then in zip(self._now(), self.began, strict=True))
        return {
            "what": what,
            "requests": requests,
            "per_second": round(requests / (asking or wall)),
            "cpu_us": round(own / requests * 1e6),
            "server_cpu_us": round(server / requests * 1e6),
            "others": round(max(0.0, busy - own - server) / wall / (os.cpu_count() or 1), 2),
        }


def overhead(requests: int, in_flight: int, delay: float, transport: str) -> dict[str, Any]:
    """The whole runner: reading pairs, prompts, requests, verdicts, the log."""
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as home, stub(delay) as (port, process):
        pairs = Path(home) / "pairs.parquet"
        write_pairs(pairs, requests)
        config = JudgeConfig(
            pairs,
            "openai:stub",
            Path(home) / "log.sqlite",
            Path(home) / "out.parquet",
            base_url=f"http://127.0.0.1:{port}/v1",
            run=RunSettings(in_flight=in_flight),
            endpoint=EndpointSettings(transport=transport),
        )
        meter = Meter(process.pid)
        result = judge(config)
        assert result.written is not None
        assert result.written.scored == requests
        size = config.log.stat().st_size
        row = meter.told(f"runner, {transport}", result.tally.requests, result.tally.seconds)
        return {**row, "log_bytes_each": round(size / requests)}


class Bare(asyncio.Protocol):
    """Sends a request, waits for as many bytes as promised, and reads nothing in them."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.seen, self.done = transport, b"", asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.seen += data
        end = self.seen.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self.seen.find(b"content-length:") + 15
        if len(self.seen) >= end + 4 + int(self.seen[at : self.seen.find(b"\r", at)]):
            self.seen = b""
            self.done.set_result(None)


async def send_bare(port: int, requests: int, in_flight: int) -> None:
    question = Question(load("binary"), Decoding())
    text = question.prompt.render(
        "keyphrase number 3", "Brand7 product line 12 in colour 5, size 4, new", "Category 3"
    )
    body = json.dumps(chat.body_of("stub", question.request("k", text))).encode()
    whole = b"POST /v1/chat/completions HTTP/1.1\r\nhost: stub\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    loop = asyncio.get_running_loop()
    left = requests

    async def one() -> None:
        nonlocal left
        transport, connection = await loop.create_connection(Bare, "127.0.0.1", port)
        while left > 0:
            left -= 1
            connection.done = loop.create_future()
            transport.write(whole)
            await connection.done
        transport.close()

    await asyncio.gather(*(one() for _ in range(in_flight)))


def bare(requests: int, in_flight: int, delay: float) -> dict[str, Any]:
    """What the stub and the machine sustain: the server's limit."""
    with stub(delay) as (port, process):
        meter = Meter(process.pid)
        run(send_bare(port, requests, in_flight))
        return meter.told("bare client", requests)


def compare(rounds: int, given: argparse.Namespace) -> dict[str, Any]:
    """bare and overhead in turn, each in a process of its own; ratios round by round, and their medians."""
    seen: dict[str, list[dict[str, Any]]] = {"bare": [], "overhead": []}
    for number in range(rounds):
        for what in ("bare", "overhead") if number % 2 == 0 else ("overhead", "bare"):
            command = [sys.executable, __file__, what, "--requests", str(given.requests)]
            command += ["--in-flight", str(given.in_flight), "--delay", str(given.delay)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(done.stdout.strip(), flush=True)
            seen[what].append(json.loads(done.stdout))
    rates = {what: [row["per_second"] for row in rows] for what, rows in seen.items()}
    limit = given.in_flight / given.delay
    shares = [runner / best for runner, best in zip(rates["overhead"], rates["bare"], strict=True)]
    return {
        "what": "compare",
        "rounds": rounds,
        "bare": statistics.median(rates["bare"]),
        "runner": statistics.median(rates["overhead"]),
        "of_bare": [round(share, 3) for share in shares],
        "of_bare_median": round(statistics.median(shares), 3),
        "of_arithmetic": round(statistics.median(rates["overhead"]) / limit, 3),
        "cpu_us": statistics.median(row["cpu_us"] for row in seen["overhead"]),
        "others": [max(a["others"], b["others"]) for a, b in zip(*seen.values(), strict=True)],
    }


def skip(pairs: int, keep: Path | None) -> dict[str, Any]:
    """Judge with the fake client once, then run again with nothing to ask. keep: a folder for a log to use again."""
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as home:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            home = str(keep)
        path = Path(home) / "pairs.parquet"
        if not path.exists():
            write_pairs(path, pairs)
        config = JudgeConfig(path, "fake", Path(home) / "log.sqlite", Path(home) / "out.parquet")
        began = time.monotonic()
        judge(config)
        first, began, spent = time.monotonic() - began, time.monotonic(), own_cpu()
        again = judge(config)
        seconds, spent = time.monotonic() - began, own_cpu() - spent
        assert again.tally.requests == 0
        with sqlite3.connect(config.log) as log:
            held = log.execute("SELECT count(*) FROM verdicts").fetchone()[0]
        return {
            "what": "rerun",
            "pairs": pairs,
            "texts": held,
            "first_seconds": round(first, 1),
            "rerun_seconds": round(seconds, 1),
            "rerun_cpu_seconds": round(spent, 1),
            "log_mb": round(config.log.stat().st_size / 1e6),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("compare", "overhead", "bare", "skip"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--transport", choices=("http", "sdk"), default="http")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if given.what == "compare":
        row = compare(given.rounds, given)
    elif given.what == "overhead":
        row = overhead(given.requests, given.in_flight, given.delay, given.transport)
    elif given.what == "bare":
        row = bare(given.requests, given.in_flight, given.delay)
    else:
        row = skip(given.pairs, given.keep)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
