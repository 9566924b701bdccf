"""What the judge's runner costs beside the server it asks, and what a rerun costs.

    python bench/judge.py overhead [--requests 40000] [--in-flight 256] [--delay 0.05] [--transport wire|sdk]
    python bench/judge.py bare     the same requests by a client that does nothing but send them
    python bench/judge.py skip     [--pairs 1000000] a million pairs that are all judged already

`overhead` and `bare` start tests/stub/server.py as a process of its own on loopback. With 256 in flight and 50 ms an
answer, arithmetic allows 5,120 requests a second; what stub and machine sustain is what `bare` measures. Each prints
one JSON object; `cpu_us` is the client's own processor time for one request, in microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sqlite3
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
from adjudge.judge import RunSettings, load
from adjudge.judge.pairs import Question
from adjudge.llm import chat
from adjudge.llm.contract import Decoding
from adjudge.llm.endpoint import EndpointSettings

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


def told(what: str, requests: int, seconds: float, spent: float, server: float) -> dict[str, Any]:
    return {
        "what": what,
        "requests": requests,
        "per_second": round(requests / seconds),
        "cpu_us": round(spent / requests * 1e6),
        "server_cpu_us": round(server / requests * 1e6),
        "load": round(__import__("os").getloadavg()[0], 1),
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
        spent, server = own_cpu(), cpu(process.pid)
        result = judge(config)
        spent, server = own_cpu() - spent, cpu(process.pid) - server
        assert result.written is not None
        assert result.written.scored == requests
        size = config.log.stat().st_size
        row = told(f"runner, {transport}", result.tally.requests, result.tally.seconds, spent, server)
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
        spent, server, began = own_cpu(), cpu(process.pid), time.monotonic()
        asyncio.run(send_bare(port, requests, in_flight))
        seconds = time.monotonic() - began
        return told("bare client", requests, seconds, own_cpu() - spent, cpu(process.pid) - server)


def skip(pairs: int) -> dict[str, Any]:
    """Judge with the fake client once, then run again with nothing to ask."""
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as home:
        path = Path(home) / "pairs.parquet"
        write_pairs(path, pairs)
        config = JudgeConfig(path, "fake", Path(home) / "log.sqlite", Path(home) / "out.parquet")
        began = time.monotonic()
        judge(config)
        first, began = time.monotonic() - began, time.monotonic()
        again = judge(config)
        seconds = time.monotonic() - began
        assert again.tally.requests == 0
        with sqlite3.connect(config.log) as log:
            held = log.execute("SELECT count(*) FROM verdicts").fetchone()[0]
        return {
            "what": "rerun",
            "pairs": pairs,
            "texts": held,
            "first_seconds": round(first, 1),
            "asking_seconds": round(again.tally.seconds, 1),
            "rerun_seconds": round(seconds, 1),
            "log_mb": round(config.log.stat().st_size / 1e6),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("overhead", "bare", "skip"))
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--transport", choices=("wire", "sdk"), default="wire")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.what == "overhead":
        row = overhead(given.requests, given.in_flight, given.delay, given.transport)
    elif given.what == "bare":
        row = bare(given.requests, given.in_flight, given.delay)
    else:
        row = skip(given.pairs)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
