"""What the judge's runner costs beside the HTTP client that it uses, what HTTP clients cost, and what a rerun
costs.

    python bench/judge.py compare  [--rounds 6] [--requests 20000] [--in-flight 256] [--delay 0.05]
        a bare client and the runner in turn
    python bench/judge.py clients
        the same requests by each HTTP client that was considered, in turn
    python bench/judge.py runner   [--requests 20000] [--transport http|sdk]
        the runner alone
    python bench/judge.py bare     [--client aiohttp|httpx2|openai|bytes]
        one client alone, which only sends and receives
    python bench/judge.py skip     [--pairs 1000000]
        a million pairs that are all judged already

All but `skip` start tests/stub/server.py as a process of its own on loopback. With 256 in flight and 50 ms
per answer, arithmetic allows 5,120 requests per second; what stub and machine sustain is what `bare --client
bytes` measures. `compare` measures the bare client of the library that the runner uses (aiohttp) and the
runner side by side, in processes of their own, round after round. One JSON object per line. `cpu_us` is the
client's processor time per request, in microseconds; `others` is the share of the machine's processors that
went to processes which are no part of the measurement: a round with much of it says little.
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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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

Post = Callable[[bytes], Awaitable[None]]
JSON = {"content-type": "application/json"}
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

    def row(self, what: str, requests: int, asking: float | None = None) -> dict[str, Any]:
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


def runner(requests: int, in_flight: int, delay: float, transport: str) -> dict[str, Any]:
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
        row = meter.row(f"runner, {transport}", result.tally.requests, result.tally.seconds)
        return {**row, "log_bytes_each": round(size / requests)}


async def send_all(post: Post, requests: int, in_flight: int) -> None:
    """The same body `requests` times, `in_flight` at a time; the answers are received whole and not read."""
    question = Question(load("binary"), Decoding())
    text = question.prompt.render(
        "keyphrase number 3", "Brand7 product line 12 in colour 5, size 4, new", "Category 3"
    )
    body = json.dumps(chat.body_of("stub", question.request("k", text))).encode()
    numbers = iter(range(requests))

    async def work() -> None:
        for _ in numbers:
            await post(body)

    await asyncio.gather(*(work() for _ in range(in_flight)))


@asynccontextmanager
async def bytes_client(url: str, in_flight: int) -> AsyncIterator[Post]:
    """No HTTP library: writes a request, waits for as many bytes as are announced. The machine's limit."""
    parts = urlsplit(url)
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(body: bytes) -> None:
        connection = idle.pop() if idle else await asyncio.open_connection(parts.hostname, parts.port)
        reader, writer = connection
        head = b"POST %s HTTP/1.1\r\nhost: stub\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % (parts.path.encode(), len(body)) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r")[0]))
        idle.append(connection)

    yield post
    for _, writer in idle:
        writer.close()


@asynccontextmanager
async def aiohttp_client(url: str, in_flight: int) -> AsyncIterator[Post]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: bytes) -> None:
            async with session.post(url, data=body, headers=JSON) as response:
                await response.read()

        yield post


@asynccontextmanager
async def httpx2_client(url: str, in_flight: int) -> AsyncIterator[Post]:
    import httpx2

    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx2.AsyncClient(limits=limits, timeout=60) as client:

        async def post(body: bytes) -> None:
            await client.post(url, content=body, headers=JSON)

        yield post


@asynccontextmanager
async def openai_client(url: str, in_flight: int) -> AsyncIterator[Post]:
    import openai

    base = url.removesuffix("/chat/completions")
    async with openai.AsyncOpenAI(api_key="none", base_url=base, max_retries=0) as client:

        async def post(body: bytes) -> None:
            await client.chat.completions.with_raw_response.create(**json.loads(body))

        yield post


CLIENTS = {
    "bytes": bytes_client,
    "aiohttp": aiohttp_client,
    "httpx2": httpx2_client,
    "openai": openai_client,
}


def bare(client: str, requests: int, in_flight: int, delay: float) -> dict[str, Any]:
    """What a client that only sends and receives gets from the stub on this machine."""

    async def work(url: str) -> None:
        async with CLIENTS[client](url, in_flight) as post:
            await send_all(post, requests, in_flight)

    with stub(delay) as (port, process):
        meter = Meter(process.pid)
        run(work(f"http://127.0.0.1:{port}/v1/chat/completions"))
        return meter.row(f"bare {client}", requests)


def compare(kinds: Sequence[str], given: argparse.Namespace) -> dict[str, Any]:
    """Each kind in turn, in a process of its own, round after round; medians, and shares of the first kind's
    rate."""
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(given.rounds):
        for kind in kinds if number % 2 == 0 else reversed(kinds):
            what = ["runner"] if kind == "runner" else ["bare", "--client", kind.removeprefix("bare ")]
            command = [sys.executable, __file__, *what, "--requests", str(given.requests)]
            command += ["--in-flight", str(given.in_flight), "--delay", str(given.delay)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(done.stdout.strip(), flush=True)
            rows[kind].append(json.loads(done.stdout))
    rates = {kind: [row["per_second"] for row in rows[kind]] for kind in kinds}
    shares = {
        kind: [rate / first for rate, first in zip(rates[kind], rates[kinds[0]], strict=True)]
        for kind in kinds
    }
    return {
        "what": "medians",
        "rounds": given.rounds,
        "per_second": {kind: statistics.median(rates[kind]) for kind in kinds},
        "cpu_us": {kind: statistics.median(row["cpu_us"] for row in rows[kind]) for kind in kinds},
        f"of_{kinds[0]}": {kind: round(statistics.median(shares[kind]), 3) for kind in kinds[1:]},
        "of_arithmetic": round(statistics.median(rates[kinds[-1]]) * given.delay / given.in_flight, 3),
        "others": [max(row["others"] for row in turn) for turn in zip(*rows.values(), strict=True)],
    }


def skip(pairs: int, keep: Path | None) -> dict[str, Any]:
    """Judge with the fake client once, then run again with nothing to ask.

    keep: a folder for a log to use again.
    """
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
    parser.add_argument("what", choices=("compare", "clients", "runner", "bare", "skip"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--transport", choices=("http", "sdk"), default="http")
    parser.add_argument("--client", choices=CLIENTS, default="aiohttp")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if given.what == "compare":
        row = compare((f"bare {given.client}", "runner"), given)
    elif given.what == "clients":
        row = compare([f"bare {client}" for client in CLIENTS], given)
    elif given.what == "runner":
        row = runner(given.requests, given.in_flight, given.delay, given.transport)
    elif given.what == "bare":
        row = bare(given.client, given.requests, given.in_flight, given.delay)
    else:
        row = skip(given.pairs, given.keep)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
